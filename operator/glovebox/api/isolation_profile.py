"""IsolationProfile: the platform's catalogue entry that an Experiment chooses.

It says how far an Experiment may go (quota ranges, approved images, allowed routes, retention) and
its defaults. It grants nothing by itself and holds no secrets.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, Resource, Status
from glovebox.api.data_rules import DataRules
from glovebox.api.data_terms import Environment
from glovebox.api.delivery_mode import Delivery
from glovebox.api.leakage_rules import LeakageRules
from glovebox.api.placement import Accelerator, Scheduling
from glovebox.api.profile_limits import BudgetEntry, Limits, QuotaRange, RetentionRange, RunRules
from glovebox.api.profile_network import ProfileNetwork
from glovebox.api.queue import Queue
from glovebox.api.scalars import (
    DeclaredTime,
    ImageRepository,
    ObjectName,
    Text,
)
from glovebox.api.schema import FORBIDDEN, list_atomic, list_map, naming, rule, rules
from glovebox.api.stage_secrets import MAX_OFFERED, OfferedSecret

# Whose differences may be left alone. The labels of a namespace and credentials are not among them:
# what opens isolation, or was forged, is repaired whatever a profile says.
DriftKind = Literal[
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "ConfigMap",
    "ServiceAccount",
    "RoleBinding",
]
DriftPolicy = Literal["Repair", "Alert", "Ignore"]


class ApprovedImages(Model):
    """Approval of every image below one registry or repository."""

    repository: ImageRepository = Field(
        description=(
            "Registry or repository whose images are approved, without tag or digest. It approves"
            " itself and everything below it by whole path segments: `registry.example/team`"
            " approves `registry.example/team/trainer`, not `registry.example/team2/trainer`."
        )
    )
    expire_time: DeclaredTime | None = Field(
        default=None,
        description=(
            "When the approval ends. From then on new Experiments with these images are refused;"
            " snapshots taken before stay valid. When absent: it does not end."
        ),
    )


class ImagePullSecret(Model):
    """A Secret that opens a registry."""

    name: ObjectName = Field(
        description=(
            "Name of a Secret of type `kubernetes.io/dockerconfigjson` in the operator's namespace."
        )
    )


class Subject(Model):
    """A user, group or service account of Kubernetes."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.kind == 'ServiceAccount' ? has(self.__namespace__) :"
                " !has(self.__namespace__)",
                "`namespace` must be given for a ServiceAccount, and for nothing else",
                field_path=".namespace",
            ),
            rule(
                "!(self.name in ['system:authenticated', 'system:unauthenticated',"
                " 'system:serviceaccounts', 'system:anonymous'])",
                "must not be everybody: 'system:authenticated', 'system:unauthenticated',"
                " 'system:serviceaccounts' and 'system:anonymous' would open each experiment to all"
                " of the cluster; name the team's group, such as 'glovebox:team:$(team)'",
                field_path=".name",
                reason=FORBIDDEN,
            ),
        )
    )

    kind: Literal["Group", "User", "ServiceAccount"] = Field(description="Kind of the subject.")
    name: str = Field(
        min_length=1,
        max_length=253,
        description=(
            "Name of the subject. `$(team)` in it is replaced by the namespace of the Experiment."
        ),
    )
    namespace: str | None = Field(
        default=None,
        max_length=63,
        description=(
            "Namespace of the service account; `$(team)` in it is replaced by the namespace of the"
            " Experiment. Only for `kind: ServiceAccount`."
        ),
    )


class Access(Model):
    """Who may work inside the namespaces of experiments."""

    subjects: tuple[Subject, ...] = Field(
        default=(Subject(kind="Group", name="glovebox:team:$(team)"),),
        max_length=32,
        json_schema_extra=list_atomic(),
        description=(
            "Who gets the tenant role in the experiment's namespace: run pods and jobs, read logs;"
            " no network policies, quotas, roles or namespace metadata. When absent: the group"
            " `glovebox:team:$(team)`."
        ),
    )
    pod_entry: Literal["Refused", "Allowed"] = Field(
        default="Refused",
        description=(
            "Whether they may enter pods of their own. `Allowed`: also `exec`, `attach` and"
            " `port-forward`, in Experiments without stages alone; what is typed there is in no"
            " snapshot. Nobody enters where there is a run."
        ),
    )


class CredentialRules(Model):
    """The credentials with which a run writes its artifacts."""

    duration_seconds: int = Field(
        default=1800,
        ge=900,
        le=3600,
        json_schema_extra={"format": "int32"},
        description="Lifetime (seconds) of the credentials. They are renewed well before they end.",
    )


class ProbeRules(Model):
    """Whether and when isolation is checked from inside."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!self.requiredForRuns || self.schedule != 'Never'",
                "must not be true with `schedule: Never`: runs would wait for an isolation check"
                " that never happens. Set `schedule` to Once or Daily",
                field_path=".requiredForRuns",
            )
        )
    )

    schedule: Literal["Once", "Daily", "Never"] = Field(
        default="Once",
        description=(
            "When a Glovebox pod checks the isolation of an experiment's namespace from inside:"
            " `Once` after provisioning (and again when the NetworkPolicies change), `Daily`, or"
            " `Never`. The result is the condition `Isolated`."
        ),
    )
    required_for_runs: bool = Field(
        default=False,
        description=(
            "Whether a run starts only after the isolation check passed. This delays the start by"
            " some seconds."
        ),
    )


class DriftRule(Model):
    """What the operator does about drift in objects of one kind."""

    kind: DriftKind = Field(description="Kind of the managed object.")
    policy: DriftPolicy = Field(
        description=(
            "`Repair`: restore the object at once and record it. `Alert`: leave it, and report it"
            " in a condition, an Event and a metric. `Ignore`: neither."
        )
    )


_IS_OFFERED: Final = (
    "self.quota.exists(q, q.resource == b.resource) || (has(self.accelerators) &&"
    " self.accelerators.exists(a, 'requests.' + a.resource == b.resource))"
)
_NOT_OFFERED: Final = (
    "must name resources that `quota` lists, or `requests.` and the resource of an entry of"
    " `accelerators`: of others no experiment has any"
)


class IsolationProfileSpec(Model):
    """What the platform offers and allows."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.environment) || !has(self.data) || !has(self.data.environments) ||"
                " self.data.environments.all(e, (e == 'Production') == (self.environment =="
                " 'Production'))",
                "must keep production apart: with `environment: Production` list `Production`"
                " alone, with another environment leave it out",
                field_path=".data.environments",
            ),
            rule(
                f"!has(self.teamBudget) || self.teamBudget.all(b, {_IS_OFFERED})",
                _NOT_OFFERED,
                field_path=".teamBudget",
                message_expression=naming(
                    _NOT_OFFERED,
                    "resource ",
                    f"self.teamBudget.transformList(i, b, !({_IS_OFFERED}), b.resource)[0]",
                ),
            ),
            rule(
                "!has(self.run) || !has(self.run.scratch) || self.quota.exists(q, q.resource =="
                " 'requests.storage')",
                "needs an entry `requests.storage` in `quota`: volumes of a class are counted"
                " there, and of what is not offered an experiment has none",
                field_path=".run.scratch",
            ),
        )
    )

    description: Text = Field(
        default="", description="What this profile is for, in words for those who choose it."
    )
    quota: tuple[QuotaRange, ...] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra=list_map("resource"),
        description=(
            "The resources that experiments may use, each with a range. A request for a resource"
            " that is not listed is refused. Kinds of objects are counted also where none is"
            " listed: among them `pods` (50), and `count/pods`, which counts those that have"
            " ended as well (100 more than `pods`)."
        ),
    )
    team_budget: tuple[BudgetEntry, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_map("resource"),
        description=(
            "What all experiments of one namespace may have together under this profile. One that"
            " is too much waits, and nothing of it exists, until others are sealed or deleted."
            " Those that are bound keep what they have, whatever this becomes. When empty: as much"
            " as they like."
        ),
    )
    limits: Limits = Field(
        default=Limits(), description="Defaults and limits of single containers (LimitRange)."
    )
    accelerators: tuple[Accelerator, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("resource"),
        description=(
            "The accelerators that a stage may ask for in its `resources`, each with all"
            " that a quota calls it and with what a pod needs to reach its nodes. When empty: none,"
            " unless `quota` names one."
        ),
    )
    scheduling: Scheduling | None = Field(
        default=None,
        description=(
            "Where runs and isolation checks are scheduled, and as what. Experiments have no say in"
            " it. When absent: as the cluster does with any pod."
        ),
    )
    queue: Queue | None = Field(
        default=None,
        description=(
            "Where runs wait for their turn: a queue of Kueue, which has to be installed."
            " Experiments have no say in it. When absent: a run begins as soon as it can."
        ),
    )
    images: tuple[ApprovedImages, ...] = Field(
        default=(),
        max_length=128,
        json_schema_extra=list_map("repository"),
        description=(
            "Approved registries and repositories. An image outside of them is refused. When empty:"
            " no image is approved."
        ),
    )
    image_pull_secrets: tuple[ImagePullSecret, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_map("name"),
        description=(
            "Secrets of the operator's namespace that open the registries of the images, Glovebox's"
            " own among them. The operator copies what they hold into each experiment's namespace,"
            " for the kubelet alone: no person and no container reads it there. When empty: images"
            " are pulled without."
        ),
    )
    secrets: tuple[OfferedSecret, ...] = Field(
        default=(),
        max_length=MAX_OFFERED,
        json_schema_extra=list_map("name"),
        description=(
            "Secrets that stages of a run may ask for, each by its name. The operator copies the"
            " keys that are asked for into the experiment's namespace, for the stage that names"
            " them. When empty: a run is given none."
        ),
    )
    network: ProfileNetwork = Field(
        default=ProfileNetwork(), description="What experiments may reach over the network."
    )
    pod_security: Literal["Restricted", "Baseline"] = Field(
        default="Restricted",
        description=(
            "Pod Security level that the API server enforces in the namespaces of experiments."
        ),
    )
    user_ids: Literal["Fixed", "OfNamespace"] = Field(
        default="Fixed",
        description=(
            "As whom the containers of runs and isolation checks run. `Fixed`: the program as 65533"
            " and Glovebox's own beside it as 65532, so that neither can change what the other"
            " wrote. `OfNamespace`: no user is set, and the cluster gives one of the namespace's"
            " range, the same to all of a pod, as OpenShift does; elsewhere it is the image's own,"
            " which must not be root."
        ),
    )
    access: Access = Field(
        default=Access(), description="Who may work inside the namespaces of experiments."
    )
    retention: RetentionRange = Field(
        default=RetentionRange(), description="How long artifacts are locked."
    )
    credentials: CredentialRules = Field(
        default=CredentialRules(),
        description="The credentials with which a run writes its artifacts.",
    )
    run: RunRules = Field(default=RunRules(), description="Limits for runs: retries and deadlines.")
    environment: Environment | None = Field(
        default=None,
        description=(
            "What experiments under this profile are for. With `Production`, pins of another"
            " `spec.environment` are refused; with another one, those of production. When absent:"
            " no pin is refused for that."
        ),
    )
    data: DataRules = Field(
        default=DataRules(),
        description="What is demanded of the data: provenance, terms, and where they may be.",
    )
    leakage: LeakageRules = Field(
        default=LeakageRules(),
        description="What is demanded of inputs, so that nothing is trained and tested on.",
    )
    delivery: Delivery = Field(
        default=Delivery(), description="How pinned datasets are delivered into pods."
    )
    probe: ProbeRules = Field(
        default=ProbeRules(), description="Whether and when isolation is checked from inside."
    )
    drift: tuple[DriftRule, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("kind"),
        description=(
            "What the operator does when somebody changes, adds or deletes managed objects, by"
            " kind. A kind that is not listed is repaired."
        ),
    )

    def drift_policy(self, kind: str) -> DriftPolicy:
        """Return the drift policy of that kind of objects; `Repair` when none is set."""
        return next((entry.policy for entry in self.drift if entry.kind == kind), "Repair")


class IsolationProfileStatus(Status):
    """The observed state of the profile. Conditions: `Ready`, `Stalled`, `DeletionProtected`."""


class IsolationProfile(Resource[IsolationProfileSpec, IsolationProfileStatus]):
    """An isolation profile is the platform's catalogue entry that an Experiment chooses.

    It sets quota ranges, approved images, allowed routes, the Pod Security level, access,
    retention and drift policies.
    """

    KIND: ClassVar[str] = "IsolationProfile"

    status: IsolationProfileStatus = Field(
        default=IsolationProfileStatus(), description="The observed state of the profile."
    )
