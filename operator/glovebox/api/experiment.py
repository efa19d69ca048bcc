"""Experiment: inputs, images, parameters, routes, resources, stages, artifacts and life cycle.

Everything that enters the digest can be edited until the snapshot is taken (`status.digest` is set)
and never afterwards; the API server itself refuses it. `purpose`, `lifecycle` and `suspend` are no
part of the digest and stay free; `conclusion` can be added once, when the results are sealed. What
the operator allocates (the namespace, the prefix) is recorded in status, because nothing that a
tenant writes is trusted for it.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, Resource
from glovebox.api.experiment_inputs import Inputs
from glovebox.api.experiment_status import ExperimentStatus
from glovebox.api.parameters import SHORT_NAMES
from glovebox.api.ports import PortRule
from glovebox.api.references import StoreRef
from glovebox.api.run_config import Config
from glovebox.api.scalars import (
    QUOTA_RESOURCE,
    QUOTA_RESOURCE_MESSAGE,
    Cidr,
    Days,
    DnsLabel,
    ImageReference,
    ObjectName,
    Quantity,
    RetentionMode,
    SourceRepository,
    Text,
    Word,
)
from glovebox.api.schema import (
    FORBIDDEN,
    Checked,
    Extra,
    frozen_since,
    list_atomic,
    list_map,
    list_set,
    naming,
    rule,
    rules,
    taught,
)
from glovebox.api.stages import MAX_STAGES, Stages

# What enters the digest, with whether the field may be absent; everything else stays free to edit.
FROZEN_FIELDS: dict[str, bool] = {
    "profile": False,
    "code": True,
    "inputs": True,
    "images": True,
    "config": True,
    "network": True,
    "resources": True,
    "stages": True,
    "artifacts": False,
}
# The rules of the root are evaluated with every write, and what costs the API server is each step
# to a field of a wide object: it lists all fields of that object for it. `.?` needs one step where
# `has` and the value are two.
_SNAPSHOT_TAKEN = "oldSelf.?status.digest.orValue('') != ''"


def _frozen(name: str, *, optional: bool) -> Extra:
    return rule(
        frozen_since(_SNAPSHOT_TAKEN, f"spec.{name}", optional=optional),
        "must stay as it is: the snapshot is taken (`status.digest` is set), and this field is part"
        " of the experiment's identity. Create a new Experiment with the changed value",
        field_path=f".spec.{name}",
        reason=FORBIDDEN,
    )


def _set_once(name: str, why: str) -> Extra:
    # `namespace` is a reserved word of CEL; the API server knows the field by an escaped name.
    path = "?status.__namespace__" if name == "namespace" else f"?status.{name}"
    return rule(
        f"oldSelf.{path}.orValue('') in ['', self.{path}.orValue('')]",
        f"must stay as it is once it is set: {why}. Create a new Experiment for another one",
        field_path=f".status.{name}",
        reason=FORBIDDEN,
    )


def _made_once(name: str, why: str) -> Extra:
    return rule(
        f"!oldSelf.?status.{name}.hasValue() || (self.?status.{name}.hasValue() &&"
        f" self.status.{name} == oldSelf.status.{name})",
        f"must stay as it is once it is set: {why}",
        field_path=f".status.{name}",
        reason=FORBIDDEN,
    )


class Purpose(Model):
    """Why the experiment exists. Not part of the digest."""

    description: Text = Field(
        min_length=1, description="What the experiment is to find out, in words."
    )
    owner: Word = Field(min_length=1, description="Person or team responsible for it.")
    ticket: Word = Field(default="", description="The ticket that it belongs to.")
    cost_center: Word = Field(
        default="", description="Who pays; becomes a label of the namespace for cost reports."
    )


COMMIT = r"^([0-9a-f]{40}|[0-9a-f]{64})$"


class Code(Model):
    """The source that the images were built from. Part of the digest; nothing fetches it."""

    repository: SourceRepository = Field(
        max_length=1024, description="Where the source is, as an URL without credentials."
    )
    commit: Annotated[
        str,
        Field(max_length=64),
        taught(
            COMMIT,
            "must be a whole commit id of 40 or 64 hex digits in lower case: a branch or a tag"
            " can move (`git rev-parse HEAD`)",
        ),
    ] = Field(description="The whole commit id.")


class Conclusion(Model):
    """What a person concludes from the sealed results. Not part of the digest; said once."""

    verdict: Literal["Confirmed", "Refuted", "Inconclusive", "Invalid"] = Field(
        description=(
            "What became of the purpose: it was `Confirmed`, `Refuted`, stays open"
            " (`Inconclusive`), or the run turned out to say nothing about it (`Invalid`)."
        )
    )
    text: Text = Field(min_length=1, description="Why, in words.")
    by: Word = Field(
        min_length=1,
        description=(
            "Who says so: the user name under which it is written, as `kubectl auth whoami` prints"
            " it. The API server compares."
        ),
    )


class Image(Model):
    """An image that may run in the experiment."""

    name: DnsLabel = Field(description="Name by which the `image` of a stage refers to the image.")
    reference: ImageReference = Field(
        description=(
            "The image by digest, without a tag: `registry.example/team/trainer@sha256:<64 hex"
            " digits>`. It has to be approved by the profile."
        )
    )


class EgressRoute(Model):
    """A network that the run has to reach."""

    name: DnsLabel = Field(description="Name of the route, for messages.")
    cidr: Cidr = Field(
        description="The network; `/32` or `/128` for one host. The profile has to allow it."
    )
    ports: tuple[PortRule, ...] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra=list_atomic(),
        description="The ports that are opened; 1 to 32. The profile has to allow them.",
    )


class ExperimentNetwork(Model):
    """What the run may reach besides DNS, the store and its own pods."""

    egress: tuple[EgressRoute, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_map("name"),
        description="The declared routes. When empty: none.",
    )
    services: tuple[DnsLabel, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description=(
            "Pods of other namespaces that have to be reached, by the names that the profile gives"
            " them (`spec.network.services` there). When empty: none."
        ),
    )
    use_proxy: bool = Field(
        default=False,
        description=(
            "Whether programs use the proxy that the profile offers (`spec.network.proxy` there):"
            " it is opened, and the usual variables name it."
        ),
    )


_QUOTA_NAMES = Checked[dict[str, str]](
    lambda quota: all(re.fullmatch(QUOTA_RESOURCE, name) for name in quota),
    f"self.all(name, name.matches(r'{QUOTA_RESOURCE}'))",
    f"must name in each key {QUOTA_RESOURCE_MESSAGE}",
    message_expression=(
        f"\"must not name '\" + self.filter(name, !name.matches(r'{QUOTA_RESOURCE}'))[0]"
        f' + "\', but {QUOTA_RESOURCE_MESSAGE}"'
    ),
)


class Resources(Model):
    """How much the experiment may use."""

    quota: Annotated[dict[str, Quantity], SHORT_NAMES, _QUOTA_NAMES] = Field(
        default={},
        max_length=32,
        description=(
            'Quota of the experiment\'s namespace by resource, such as `requests.cpu: "2"`. A'
            " resource that is not named gets the profile's default; what exceeds the profile's"
            " range is refused before anything is created."
        ),
    )


class ArtifactRetention(Model):
    """How long the artifacts are locked."""

    mode: RetentionMode | None = Field(
        default=None,
        description=(
            "`Compliance`: nobody can shorten or lift the lock. `Governance`: those with a special"
            " permission can. When absent: the profile's."
        ),
    )
    days: Days | None = Field(
        default=None,
        description=(
            "Days for which every artifact is locked from its arrival. When absent: the profile's"
            " default."
        ),
    )


class Artifacts(Model):
    """Where results go, and how long nobody can rewrite them."""

    store_ref: StoreRef = Field(description="The store whose artifact bucket receives the results.")
    retention: ArtifactRetention | None = Field(
        default=None,
        description=(
            "How long the artifacts are locked, inside the profile's range. When absent: the"
            " profile's default."
        ),
    )


class Lifecycle(Model):
    """The desired life cycle of the experiment. Not part of the digest; free to edit."""

    desired: Literal["Active", "Frozen", "Sealed"] = Field(
        default="Active",
        description=(
            "`Active`: pods may run, and a finished run is sealed. `Frozen`: running pods are"
            " stopped and no new pod is admitted; everything else stays. `Sealed`: as `Frozen`, and"
            " the results are listed, signed and closed permanently; once the snapshot is taken,"
            " this cannot be taken back."
        ),
    )
    deletion_policy: Literal["Retain", "Freeze", "Delete"] = Field(
        default="Freeze",
        description=(
            "What happens to the namespace when the Experiment is deleted. `Retain`: it is kept and"
            " no longer managed. `Freeze`: it is kept and admits no more pods. `Delete`: it is"
            " deleted. Artifacts are kept in each case. What counts in the budget of a team is not"
            " left running: there `Retain` is as `Freeze`."
        ),
    )

    @property
    def is_frozen(self) -> bool:
        """Whether no pod may run, on request."""
        return self.desired == "Frozen"

    @property
    def is_to_be_sealed(self) -> bool:
        """Whether the results are to be closed now, whatever the outcome of the run."""
        return self.desired == "Sealed"


_HAS_ITS_IMAGE: Final = "has(self.images) && self.images.exists(i, i.name == s.image)"
_NO_IMAGE: Final = (
    "must have as its `image` the name of an entry of `spec.images`: add the image there by digest,"
    " and name it here"
)
_HAS_ITS_INPUTS: Final = (
    "!has(s.inputs) || s.inputs.all(n, has(self.inputs) && ((has(self.inputs.datasets) &&"
    " self.inputs.datasets.exists(d, d.name == n)) || (has(self.inputs.features) &&"
    " self.inputs.features.exists(f, f.name == n))))"
)
_NO_INPUT: Final = (
    "must have in `inputs` nothing but names of `spec.inputs.datasets` and `spec.inputs.features`"
)


class ExperimentSpec(Model):
    """What the experiment is."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"!has(self.stages) || self.stages.all(s, {_HAS_ITS_IMAGE})",
                _NO_IMAGE,
                field_path=".stages",
                message_expression=naming(
                    _NO_IMAGE,
                    "stage ",
                    f"self.stages.transformList(i, s, !({_HAS_ITS_IMAGE}), s.name)[0]",
                ),
            ),
            rule(
                f"!has(self.stages) || self.stages.all(s, {_HAS_ITS_INPUTS})",
                _NO_INPUT,
                field_path=".stages",
                message_expression=naming(
                    _NO_INPUT,
                    "stage ",
                    f"self.stages.transformList(i, s, !({_HAS_ITS_INPUTS}), s.name)[0]",
                ),
            ),
        )
    )

    profile: ObjectName = Field(
        description=(
            "Name of the IsolationProfile that the platform offers. Frozen once `status.digest` is"
            " set."
        )
    )
    purpose: Purpose = Field(description="Why the experiment exists. Free to edit.")
    code: Code | None = Field(
        default=None,
        description=(
            "The source that the images were built from. When absent: not recorded. Frozen once"
            " `status.digest` is set."
        ),
    )
    inputs: Inputs = Field(
        default=Inputs(),
        description="Everything that the run reads. Frozen once `status.digest` is set.",
    )
    images: tuple[Image, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_map("name"),
        description=(
            "The images that may run, by digest; at most 32. No other image is admitted. Frozen"
            " once `status.digest` is set."
        ),
    )
    config: Config = Field(
        default=Config(), description="Parameters and seeds. Frozen once `status.digest` is set."
    )
    network: ExperimentNetwork = Field(
        default=ExperimentNetwork(),
        description=(
            "What the run may reach besides DNS, the store and its own pods. Frozen once"
            " `status.digest` is set."
        ),
    )
    resources: Resources = Field(
        default=Resources(),
        description="How much the experiment may use. Frozen once `status.digest` is set.",
    )
    stages: Stages = Field(
        default=(),
        max_length=MAX_STAGES,
        json_schema_extra=list_map("name"),
        description=(
            "The programs that the run is made of. When empty: there is no run, and the team starts"
            " pods itself. Frozen once `status.digest` is set."
        ),
    )
    artifacts: Artifacts = Field(
        description="Where results go. Frozen once `status.digest` is set."
    )
    lifecycle: Lifecycle = Field(
        default=Lifecycle(), description="The desired life cycle of the experiment. Free to edit."
    )
    conclusion: Conclusion | None = Field(
        default=None,
        description=(
            "What a person concludes from the sealed results. It can be added once, when the"
            " results are sealed, and never be changed; it is signed as a statement of its own"
            " beside the seal."
        ),
    )
    suspend: bool = Field(
        default=False,
        description=(
            "Whether nothing new may begin: an Experiment that is not bound yet is not bound, and a"
            " run that has not started does not start. What has begun goes on: isolation is"
            " repaired, credentials are renewed and removed, a run that runs is followed to its"
            " end, recorded and sealed, and deletion does what the policy says. To stop what runs,"
            " set `lifecycle.desired` to `Frozen`. Free to edit."
        ),
    )
    adopts: str | None = Field(
        default=None,
        max_length=63,
        pattern=r"^[0-9a-zA-Z-]+$",
        description=(
            "UID of a former Experiment of this name and declaration, whose results this one takes"
            " over: after a restore without status. It shows that run and its seal, and runs"
            " nothing. Setting it needs the verb `adopt` on Experiments; see `glovebox adopt`. When"
            " absent: it stands for itself. It stays once it is set, and cannot be set once"
            " `status.digest` is."
        ),
    )

    @property
    def has_run(self) -> bool:
        """Whether there is a run; without one the team starts pods itself."""
        return bool(self.stages)


class Experiment(Resource[ExperimentSpec, ExperimentStatus]):
    """An experiment with a sealed namespace of its own.

    Its inputs are pinned and read-only, its network routes and quotas are fixed, and its results
    cannot be overwritten.
    """

    KIND: ClassVar[str] = "Experiment"
    ROOT_RULES: ClassVar[tuple[Extra, ...]] = (
        *(_frozen(name, optional=optional) for name, optional in FROZEN_FIELDS.items()),
        rule(
            f"has(oldSelf.spec.adopts) || ({_SNAPSHOT_TAKEN}) ? (has(self.spec.adopts) =="
            " has(oldSelf.spec.adopts) && (!has(self.spec.adopts) || self.spec.adopts =="
            " oldSelf.spec.adopts)) : true",
            "must stay as it is once it is set, and once the snapshot is taken: an experiment is"
            " one experiment. Create a new Experiment to take over something else",
            field_path=".spec.adopts",
            reason=FORBIDDEN,
        ),
        _set_once("digest", "the digest is the experiment's identity"),
        _set_once("namespace", "the namespace was allocated once for this experiment"),
        _set_once("platform", "the platform's settings were bound once for this experiment"),
        rule(
            "self.spec.?lifecycle.desired.orValue('') != 'Frozen' ||"
            " !(oldSelf.?status.seal.hasValue() ||"
            " oldSelf.?status.state.orValue('') == 'Sealed')",
            "cannot become `Frozen`: the experiment is sealed, which is permanent. Keep the current"
            " value",
            field_path=".spec.lifecycle.desired",
            reason=FORBIDDEN,
        ),
        rule(
            "oldSelf.spec.?lifecycle.desired.orValue('') != 'Sealed' ||"
            " self.spec.?lifecycle.desired.orValue('') == 'Sealed' ||"
            f" !({_SNAPSHOT_TAKEN})",
            "must stay `Sealed`: what is written after a seal would be in none. Create a new"
            " Experiment to go on",
            field_path=".spec.lifecycle.desired",
            reason=FORBIDDEN,
        ),
        rule(
            "!self.metadata.name.endsWith('.versions')",
            "must not end in `.versions`: stores keep versions in folders that are called so, and"
            " refuse what is written there. Choose another name",
        ),
        _made_once("seal", "a seal is made once"),
        _made_once("sealSupplement", "the last listing is made once"),
        _made_once("conclusion", "a conclusion is signed once"),
        _made_once("purpose", "it is what was said before the run"),
        rule(
            "!has(self.spec.conclusion) || self.?status.seal.hasValue()",
            "can be added when the results are sealed (`Sealed` is True): a conclusion is about"
            " results that nobody can change any more. Leave it out until then",
            field_path=".spec.conclusion",
            reason=FORBIDDEN,
        ),
        rule(
            "!has(oldSelf.spec.conclusion) || (has(self.spec.conclusion) && self.spec.conclusion =="
            " oldSelf.spec.conclusion)",
            "must stay as it is: a conclusion is signed once. Create a new Experiment that names"
            " this one to say something else",
            field_path=".spec.conclusion",
            reason=FORBIDDEN,
        ),
    )

    status: ExperimentStatus = Field(
        default=ExperimentStatus(), description="The observed state of the experiment."
    )
