"""IsolationProfile: the platform's catalogue entry that an Experiment chooses.

It says how far an Experiment may go (quota ranges, approved images, allowed routes, retention) and
its defaults. It grants nothing by itself and holds no secrets.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model, Resource, Status
from glovebox.api.data_rules import DataRules
from glovebox.api.data_terms import Environment
from glovebox.api.delivery_mode import Delivery
from glovebox.api.leakage_rules import LeakageRules
from glovebox.api.placement import Accelerator, Scheduling
from glovebox.api.ports import PortRule
from glovebox.api.scalars import (
    Cidr,
    Days,
    DnsLabel,
    HostAddress,
    ImageRepository,
    ObjectName,
    Port,
    Quantity,
    QuotaResource,
    RetentionMode,
    Text,
    Time,
    not_more,
)
from glovebox.api.schema import FORBIDDEN, list_atomic, list_map, list_set, rule, rules

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


class QuotaRange(Model):
    """The range of one resource of the experiment's ResourceQuota."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                not_more("self.default", "self.maximum"),
                "`default` must not exceed `maximum`",
                field_path=".default",
            ),
            rule(
                f"!has(self.minimum) || {not_more('self.minimum', 'self.default')}",
                "`minimum` must not exceed `default`",
                field_path=".minimum",
            ),
        )
    )

    resource: QuotaResource = Field(
        description="The resource as ResourceQuota names it, such as `requests.cpu` or `pods`."
    )
    default: Quantity = Field(
        description="What an Experiment gets when it does not request this resource."
    )
    maximum: Quantity = Field(
        description=(
            "The most that an Experiment may request. A larger request is refused before anything"
            " is created."
        )
    )
    minimum: Quantity | None = Field(
        default=None,
        description="The least that an Experiment may request. When absent: no lower bound.",
    )


class Limits(Model):
    """The LimitRange for containers: their defaults, and the most that one may request."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *(
                rule(
                    f"!has(self.{low}) || !has(self.{high}) ||"
                    f" {not_more(f'self.{low}', f'self.{high}')}",
                    f"`{low}` must not exceed `{high}`",
                    field_path=f".{low}",
                )
                for low, high in (
                    ("defaultRequestCpu", "defaultCpu"),
                    ("defaultRequestMemory", "defaultMemory"),
                    ("defaultCpu", "maxCpu"),
                    ("defaultMemory", "maxMemory"),
                    ("defaultRequestEphemeralStorage", "defaultEphemeralStorage"),
                    ("defaultEphemeralStorage", "maxEphemeralStorage"),
                )
            )
        )
    )

    default_cpu: Quantity = Field(
        default="500m", description="CPU limit (cores) of a container that sets none."
    )
    default_memory: Quantity = Field(
        default="512Mi", description="Memory limit (bytes) of a container that sets none."
    )
    default_request_cpu: Quantity = Field(
        default="100m", description="CPU request (cores) of a container that sets none."
    )
    default_request_memory: Quantity = Field(
        default="128Mi", description="Memory request (bytes) of a container that sets none."
    )
    default_ephemeral_storage: Quantity = Field(
        default="10Gi",
        description=(
            "Limit of local disk (bytes: `/tmp`, other emptyDir volumes, logs) of a container that"
            " sets none; a pod that uses more is evicted. The size of pinned inputs is added on"
            " top."
        ),
    )
    default_request_ephemeral_storage: Quantity = Field(
        default="256Mi",
        description=("Request for local disk (bytes) of a container that sets none."),
    )
    max_cpu: Quantity | None = Field(
        default=None,
        description=(
            "Most CPU (cores) that one container may request. When absent: only the quota limits"
            " it."
        ),
    )
    max_ephemeral_storage: Quantity | None = Field(
        default=None,
        description=(
            "Most local disk (bytes) that one container may request. The size of pinned inputs is"
            " added on top. When absent: `defaultEphemeralStorage`."
        ),
    )
    max_memory: Quantity | None = Field(
        default=None,
        description=(
            "Most memory (bytes) that one container may use. When absent: only the quota limits"
            " it, if it counts `limits.memory`; else the quota's `requests.memory`, or"
            " `defaultMemory` where it counts neither."
        ),
    )


class ApprovedImages(Model):
    """Approval of every image below one registry or repository."""

    repository: ImageRepository = Field(
        description=(
            "Registry or repository whose images are approved, without tag or digest. It approves"
            " itself and everything below it by whole path segments: `registry.example/team`"
            " approves `registry.example/team/trainer`, not `registry.example/team2/trainer`."
        )
    )
    expire_time: Time | None = Field(
        default=None,
        description=(
            "When the approval ends. From then on new Experiments with these images are refused;"
            " snapshots taken before stay valid. When absent: it does not end."
        ),
    )


class Dns(Model):
    """Where the cluster's DNS runs."""

    namespace: DnsLabel = Field(default="kube-system", description="Namespace of the DNS pods.")
    pod_labels: dict[str, str] = Field(
        default={"k8s-app": "kube-dns"},
        min_length=1,
        max_length=8,
        description=(
            "Labels of the DNS pods. Experiments reach `ports` (UDP and TCP) of these pods, and of"
            " nothing else."
        ),
    )
    ports: tuple[Port, ...] = Field(
        default=(53,),
        min_length=1,
        max_length=4,
        json_schema_extra=list_set(),
        description=(
            "Ports on which the DNS pods themselves listen, by UDP and TCP. Policies are judged"
            " behind the Service: where its `targetPort` is another one than 53, as 5353 on"
            " OpenShift, list that."
        ),
    )
    addresses: tuple[HostAddress, ...] = Field(
        default=(),
        max_length=4,
        json_schema_extra=list_set(),
        description=(
            "Addresses of a name server that no label selects, because it shares the node's"
            " network, such as that of NodeLocal DNSCache: `169.254.20.10`. Port 53 (UDP and TCP)"
            " of exactly these is opened as well, also where they are link-local. When empty: none."
        ),
    )


class AllowedRoute(Model):
    """A network that Experiments may declare as an egress route, as a whole or in part."""

    name: DnsLabel = Field(description="Name of the route, for messages.")
    cidr: Cidr = Field(description="The network. A declared route has to lie inside it.")
    ports: tuple[PortRule, ...] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra=list_atomic(),
        description=(
            "The ports. Every port of a declared route has to be among them, with the same"
            " protocol."
        ),
    )


class OfferedService(Model):
    """Pods of another namespace that Experiments may ask to reach, by name."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!self.__namespace__.startsWith('gbx-')",
                "must not be the namespace of an experiment: nothing leads from one into another",
                field_path=".namespace",
                reason=FORBIDDEN,
            ),
            rule(
                "self.?systemNamespace.orValue('') == 'Allowed' ||"
                " !(self.__namespace__.startsWith('kube-') ||"
                " self.__namespace__.startsWith('openshift-'))",
                "must not be a namespace of the cluster's own unless that is meant: set"
                " `systemNamespace: Allowed` to open its pods to experiments",
                field_path=".namespace",
                reason=FORBIDDEN,
            ),
        )
    )

    name: DnsLabel = Field(
        description="Name by which an Experiment asks for it (`spec.network.services`)."
    )
    namespace: DnsLabel = Field(description="Namespace of the pods.")
    pod_labels: dict[str, str] = Field(
        min_length=1,
        max_length=8,
        description=(
            "Labels of the pods, all of which they must have. Whoever may give pods there these"
            " labels is reached too."
        ),
    )
    ports: tuple[PortRule, ...] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra=list_atomic(),
        description=(
            "The ports on which the pods themselves listen: policies are judged behind a Service,"
            " so its `targetPort` counts, not its `port`."
        ),
    )
    system_namespace: Literal["Refused", "Allowed"] = Field(
        default="Refused",
        description=(
            "Whether `namespace` may be one of the cluster's own (`kube-...`, `openshift-...`) or"
            " the operator's. `Refused`: a profile that names one cannot be used."
        ),
    )


class ProfileNetwork(Model):
    """What experiments may reach. Everything else is closed, in both directions."""

    dns: Dns = Field(default=Dns(), description="Where the cluster's DNS runs.")
    routes: tuple[AllowedRoute, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_map("name"),
        description=(
            "Networks that Experiments may declare as egress routes. When empty: none. A declared"
            " route has to fit into one entry."
        ),
    )
    services: tuple[OfferedService, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_map("name"),
        description=(
            "Pods of other namespaces that Experiments may ask to reach, each by its name. A"
            " network never covers pods of the cluster on every network plugin. When empty: none."
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


class RetentionRange(Model):
    """How long artifacts are locked."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.minimumDays <= self.defaultDays",
                "`minimumDays` must not exceed `defaultDays`",
                field_path=".minimumDays",
            ),
            rule(
                "self.defaultDays <= self.maximumDays",
                "`defaultDays` must not exceed `maximumDays`",
                field_path=".defaultDays",
            ),
        )
    )

    mode: RetentionMode = Field(
        default="Compliance",
        description=(
            "Weakest lock that an Experiment may choose, and its default."
            " `Compliance`: nobody can shorten or lift the lock. `Governance`: those with a special"
            " permission of the store can."
        ),
    )
    minimum_days: Days = Field(
        default=1, description="Shortest lock (days) that an Experiment may request."
    )
    maximum_days: Days = Field(
        default=365, description="Longest lock (days) that an Experiment may request."
    )
    default_days: Days = Field(
        default=365, description="Lock (days) of an Experiment that requests none."
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


class RunRules(Model):
    """Limits for runs."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.defaultDeadlineSeconds <= self.maximumDeadlineSeconds",
                "`defaultDeadlineSeconds` must not exceed `maximumDeadlineSeconds`",
                field_path=".defaultDeadlineSeconds",
            )
        )
    )

    maximum_retries: int = Field(
        default=3,
        ge=0,
        le=100,
        json_schema_extra={"format": "int32"},
        description="Most retries that an Experiment may request.",
    )
    default_deadline_seconds: int = Field(
        default=86400,
        ge=1,
        le=31536000,
        json_schema_extra={"format": "int64"},
        description="Deadline (seconds, retries included) of a run that sets none.",
    )
    maximum_deadline_seconds: int = Field(
        default=604800,
        ge=1,
        le=31536000,
        json_schema_extra={"format": "int64"},
        description="Longest deadline (seconds) that an Experiment may request.",
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
            )
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
    network: ProfileNetwork = Field(
        default=ProfileNetwork(), description="What experiments may reach over the network."
    )
    pod_security: Literal["Restricted", "Baseline"] = Field(
        default="Restricted",
        description=(
            "Pod Security level that the API server enforces in the namespaces of experiments."
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
