"""AccessGrant: the owner of data or definitions lets Experiments use them, by content, for a while.

It lies in the namespace of the pin, and whoever may create it there says yes for that namespace.
What is granted is a content root, or the digest of definitions: a pin that is renamed, made again
or mirrored has the same one.
The spec is immutable but for `revoked`, so that what was granted is what was used.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, Resource, Status, TolerantModel
from glovebox.api.experiment_inputs import ORDER_OF_USE, Role, SharedKind
from glovebox.api.ledger_entry_status import LedgerEntryStatus
from glovebox.api.references import LocalPinRef, StoreRef
from glovebox.api.scalars import DeclaredTime, Digest, DnsLabel, Text, Time, Word
from glovebox.api.schema import FORBIDDEN, list_atomic, list_map, list_set, rule, rules

MAX_USES = 1000
# So many uses are shown; the records in the store have all.
MAX_SHOWN = 20
# The role in which definitions are used; data are never used in it.
FEATURES: Final = "features"
# In which pins compare the distribution of their columns; nothing is read in it.
STATISTICS: Final = "statistics"
GrantRole = Literal[Role, "features", "statistics"]
_FROZEN = ("namespaces", "roles", "expireTime", "uses", "reason")
_FROZEN_OPTIONAL = ("pinRef", "featureSetRef", "contentRoot", "storeRef", "tickets", "overlap")


# Asked role by role: the API server cannot foresee what a place in a list of all of them costs.
_COMES_BEFORE: Final = " && ".join(
    f"(!('{role}' in self.overlap.withRoles) || self.roles.exists(r, r in"
    f" {list(ORDER_OF_USE[place + 1 :])}))"
    for place, role in enumerate(ORDER_OF_USE)
)


class GrantedOverlap(Model):
    """What inputs with the content may share with inputs of other roles."""

    with_roles: tuple[Role, ...] = Field(
        min_length=1,
        max_length=5,
        json_schema_extra=list_set(),
        description=(
            "Roles of the other inputs. They are used before this one: `reference` before `train`"
            " before `validation` before `test` before `holdout`."
        ),
    )
    of: tuple[SharedKind, ...] = Field(
        min_length=1,
        max_length=5,
        json_schema_extra=list_set(),
        description="What they may share, as in `spec.inputs.allowOverlap` of an Experiment.",
    )


class AccessGrantSpec(Model):
    """What is granted, to whom, for how long. Immutable but for `revoked`."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.pinRef), has(self.featureSetRef), has(self.contentRoot)].filter(e,"
                " e).size() == 1",
                "must be exactly one of `pinRef` (a DatasetPin in this namespace), `featureSetRef`"
                " (a FeatureSetPin in it) and `contentRoot` (the `status.digest` of either)",
            ),
            rule(
                "has(self.pinRef) != has(self.storeRef)",
                "must name `storeRef` with `contentRoot` and `featureSetRef`, and not with"
                " `pinRef`: uses are recorded in that store, which a DatasetPin says itself",
            ),
            rule(
                "'features' in self.roles ? self.roles.size() == 1 && !has(self.pinRef) :"
                " !has(self.featureSetRef)",
                "must be `[features]` with `featureSetRef`, and must not have `features` beside"
                " another role or with `pinRef`: definitions are used in that role alone, and"
                " datasets in the others",
                field_path=".roles",
            ),
            rule(
                "!('*' in self.namespaces)",
                "must name each namespace: none is granted to whoever asks",
                field_path=".namespaces",
            ),
            rule(
                "!has(self.overlap) || self.roles.exists(r, r != 'features' && r != 'statistics')",
                "needs a role of an input in `roles`: definitions and statistics share nothing with"
                " inputs",
                field_path=".overlap",
            ),
            rule(
                "!has(self.overlap) || !self.roles.exists(r, r != 'features' && r != 'statistics')"
                f" || ({_COMES_BEFORE})",
                "must name roles that come before one of `roles`, in the order `reference`,"
                " `train`, `validation`, `test`, `holdout`; otherwise it lets nothing pass: who"
                " owns what is used later is asked. Grant the content of the other input instead",
                field_path=".overlap.withRoles",
            ),
            rule(
                " && ".join(
                    (
                        *(f"self.{name} == oldSelf.{name}" for name in _FROZEN),
                        *(
                            f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) ||"
                            f" self.{name} == oldSelf.{name})"
                            for name in _FROZEN_OPTIONAL
                        ),
                    )
                ),
                "is immutable, but for `revoked`: uses were taken of what was granted. Set"
                " `revoked: true`, and create another AccessGrant under another name",
                reason=FORBIDDEN,
            ),
            rule(
                "!oldSelf.revoked || self.revoked",
                "cannot be taken back: create another AccessGrant under another name",
                field_path=".revoked",
                reason=FORBIDDEN,
            ),
        )
    )

    pin_ref: LocalPinRef | None = Field(
        default=None,
        description=(
            "The DatasetPin whose content is granted, in this namespace. Its content root is"
            " recorded once (`status.contentRoot`), and counts from then on. When absent:"
            " `contentRoot` says it."
        ),
    )
    feature_set_ref: LocalPinRef | None = Field(
        default=None,
        description=(
            "The FeatureSetPin whose definitions are granted, in this namespace, with `roles:"
            " [features]`. Its digest is recorded once (`status.contentRoot`), and counts from then"
            " on. The datasets that they are made from take grants of their own."
        ),
    )
    content_root: Digest | None = Field(
        default=None,
        description=(
            "The content root that is granted, or with `roles: [features]` the digest of a"
            " FeatureSetPin. When absent: that of `pinRef` or `featureSetRef`."
        ),
    )
    store_ref: StoreRef | None = Field(
        default=None,
        description=(
            "The store in whose bucket of artifacts uses are recorded, with `contentRoot` and"
            " `featureSetRef`. When absent: the store of `pinRef`."
        ),
    )
    namespaces: tuple[DnsLabel, ...] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra=list_set(),
        description="Namespaces whose Experiments may use the content.",
    )
    roles: tuple[GrantRole, ...] = Field(
        min_length=1,
        max_length=6,
        json_schema_extra=list_set(),
        description=(
            "Roles of the inputs in which they may use it; of definitions `[features]`. With"
            " `statistics` DatasetPins of these namespaces may name it in"
            " `spec.distribution.against`, which takes no use."
        ),
    )
    overlap: GrantedOverlap | None = Field(
        default=None,
        description=(
            "What an input with the content, in one of `roles`, may share with inputs that are used"
            " before it, although their roles differ. It counts when an Experiment is bound: what"
            " is bound goes on when the grant ends. When absent: nothing."
        ),
    )
    tickets: tuple[Annotated[Word, Field(min_length=1)], ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_set(),
        description=(
            "What they may use it for: only Experiments whose `spec.purpose.ticket` is one of"
            " these when they are bound. It is what an Experiment declares, and its seal records"
            " it. When empty: any purpose."
        ),
    )
    expire_time: DeclaredTime = Field(
        description=(
            "When the grant ends. Nothing is bound by it from then on, and no credentials for the"
            " content are issued or renewed."
        )
    )
    uses: int = Field(
        default=1,
        ge=1,
        le=MAX_USES,
        json_schema_extra={"format": "int32"},
        description=(
            "How many Experiments may use the content by this grant, ever. One that is deleted has"
            " used it all the same. When absent: 1."
        ),
    )
    reason: Text = Field(min_length=1, description="Why this is granted, in words.")
    revoked: bool = Field(
        default=False,
        description=(
            "Whether the grant is withdrawn. It cannot be set back. Deleting the grant withdraws it"
            " as well. When absent: false."
        ),
    )


class GrantUse(TolerantModel):
    """One use of a grant: an Experiment that is bound by it, or was about to be."""

    use: int = Field(
        ge=1, json_schema_extra={"format": "int32"}, description="Number of the use, from 1."
    )
    experiment: str = Field(max_length=317, description="`namespace/name` of the Experiment.")
    uid: str = Field(max_length=63, description="Its UID: one use for each.")
    digest: str = Field(
        default="", max_length=71, description="Its identity when the use was taken."
    )
    time: Time = Field(description="When the use was taken.")


class GrantLedgerStatus(TolerantModel):
    """What the ledger records of the grant."""

    entries: tuple[LedgerEntryStatus, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_map("id"),
        description="The entries that are written.",
    )


class AccessGrantStatus(Status):
    """What the grant came to.

    Conditions: `Ready`, `Reconciling`, `Stalled`.
    """

    content_root: str = Field(
        default="", max_length=71, description="The content root that is granted."
    )
    store_ref: str = Field(
        default="",
        max_length=253,
        description="Name of the ObjectStore in which uses are recorded.",
    )
    digest: str = Field(
        default="",
        max_length=71,
        description="SHA-256 of what is granted: of the spec without `revoked`.",
    )
    used: int = Field(
        default=0,
        ge=0,
        json_schema_extra={"format": "int32"},
        description=(
            "How many uses were taken. Counted from the records in the store, which decide."
        ),
    )
    last_used_time: Time | None = Field(
        default=None, description="When the last use was taken. Absent while there is none."
    )
    uses: tuple[GrantUse, ...] = Field(
        default=(),
        max_length=MAX_SHOWN,
        json_schema_extra=list_atomic(),
        description=f"Who used it, the newest {MAX_SHOWN}, the oldest of them first.",
    )
    revoked_time: Time | None = Field(
        default=None, description="When it was first seen to be withdrawn. Absent until then."
    )
    ledger: GrantLedgerStatus | None = Field(
        default=None,
        description="What the ledger records of the grant. Absent where none is written.",
    )


class AccessGrant(Resource[AccessGrantSpec, AccessGrantStatus]):
    """An access grant lets Experiments use the content of a pin of its own namespace.

    It says in which namespaces and roles, until when and how many. Uses are counted for ever, by
    the name of the grant: a grant that is deleted and created again gets none back.
    """

    KIND: ClassVar[str] = "AccessGrant"

    status: AccessGrantStatus = Field(
        default=AccessGrantStatus(), description="What the grant came to."
    )

    def covers(self, root: str, namespace: str, role: str) -> bool:
        """Whether this content in this role is granted to a namespace, ended or not.

        What it is used for is no part of that: see `is_for`.
        """
        spec = self.spec
        granted = self.status.content_root
        return (
            bool(root) and granted == root and namespace in spec.namespaces and role in spec.roles
        )

    def lets_share(self, kind: SharedKind, role: str) -> bool:
        """Whether an input with the content may share that with one of another role."""
        overlap = self.spec.overlap
        return overlap is not None and kind in overlap.of and role in overlap.with_roles

    def is_for(self, ticket: str) -> bool:
        """Whether an Experiment with that ticket is among those that it is for."""
        return not self.spec.tickets or ticket in self.spec.tickets

    def is_over(self, now: datetime) -> bool:
        """Whether it has expired at that time."""
        return now >= self.spec.expire_time

    @property
    def is_withdrawn(self) -> bool:
        """Whether its owner took it back."""
        return self.spec.revoked or self.is_deleting
