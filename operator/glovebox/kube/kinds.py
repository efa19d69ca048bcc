"""Where each kind that the operator reads or writes lives in the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from glovebox import names


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of the Kubernetes API.

    Attributes:
        api_version: As in `apiVersion`, for example `v1` or `networking.k8s.io/v1`.
        kind: As in `kind`.
        plural: The last part of its collection's path.
        namespaced: Whether its objects live in namespaces.
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def prefix(self) -> str:
        """The path before `/namespaces/...` or the plural."""
        return (
            f"/api/{self.api_version}"
            if "/" not in self.api_version
            else f"/apis/{self.api_version}"
        )

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """Return the path of an object, of a namespace's collection, or without one of all."""
        parts = [self.prefix]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Reference:
    """Where objects of one kind name objects of another.

    Attributes:
        path: The field below `spec`, with dots; `[]` after a list. It holds a name, or an object
            with a `name` and perhaps a `namespace` (else it is the one of whoever refers).
        to: The kind that is named.
        holds: Whether what is named is kept from being deleted. Whoever refers is woken by a change
            of it all the same.
    """

    path: str
    to: Kind
    holds: bool = True


EXPERIMENT = Kind(names.API_VERSION, "Experiment", "experiments")
DATASET_PIN = Kind(names.API_VERSION, "DatasetPin", "datasetpins")
FEATURE_SET_PIN = Kind(names.API_VERSION, "FeatureSetPin", "featuresetpins")
ACCESS_GRANT = Kind(names.API_VERSION, "AccessGrant", "accessgrants")
SPLIT_PIN = Kind(names.API_VERSION, "SplitPin", "splitpins")
ISOLATION_PROFILE = Kind(
    names.API_VERSION, "IsolationProfile", "isolationprofiles", namespaced=False
)
OBJECT_STORE = Kind(names.API_VERSION, "ObjectStore", "objectstores", namespaced=False)
# Our own kinds, and what their specs refer to: whoever refers is woken by a change of it.
REFERENCES: dict[Kind, tuple[Reference, ...]] = {
    EXPERIMENT: (
        Reference("profile", ISOLATION_PROFILE),
        Reference("artifacts.storeRef", OBJECT_STORE),
        Reference("inputs.datasets[].pinRef", DATASET_PIN),
        Reference("inputs.features[].pinRef", FEATURE_SET_PIN),
    ),
    DATASET_PIN: (
        Reference("storeRef", OBJECT_STORE),
        Reference("source.split", SPLIT_PIN),
        # Its seal is in the store: the Experiment may go, and the pin stays what it is.
        Reference("source.experimentRef", EXPERIMENT, holds=False),
        # A pin keeps no other from going: two could hold each other, and a team another team's.
        Reference("provenance.sources[].pinRef", DATASET_PIN, holds=False),
        Reference("contract.references[].pinRef", DATASET_PIN, holds=False),
        Reference("distribution.against", DATASET_PIN, holds=False),
        Reference("supersedes", DATASET_PIN, holds=False),
    ),
    SPLIT_PIN: (Reference("source.pinRef", DATASET_PIN),),
    FEATURE_SET_PIN: (
        Reference("inputs[].pinRef", DATASET_PIN),
        Reference("materialized.pinRef", DATASET_PIN),
    ),
    # A grant is of content: the pin may go, and the grant stays what it is.
    ACCESS_GRANT: (
        Reference("pinRef", DATASET_PIN, holds=False),
        Reference("featureSetRef", FEATURE_SET_PIN, holds=False),
        Reference("storeRef", OBJECT_STORE, holds=False),
    ),
    ISOLATION_PROFILE: (),
    OBJECT_STORE: (),
}
CUSTOM_KINDS = tuple(REFERENCES)

NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
RESOURCE_QUOTA = Kind("v1", "ResourceQuota", "resourcequotas")
LIMIT_RANGE = Kind("v1", "LimitRange", "limitranges")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
POD = Kind("v1", "Pod", "pods")
JOB = Kind("batch/v1", "Job", "jobs")
# Of controllers that a cluster may lack.
JOB_SET = Kind("jobset.x-k8s.io/v1alpha2", "JobSet", "jobsets")
LOCAL_QUEUE = Kind("kueue.x-k8s.io/v1beta2", "LocalQueue", "localqueues")
# Kueue's record of what waits in a queue, or was admitted.
QUEUE_ENTRY = Kind("kueue.x-k8s.io/v1beta2", "Workload", "workloads")
PERSISTENT_VOLUME = Kind("v1", "PersistentVolume", "persistentvolumes", namespaced=False)
PERSISTENT_VOLUME_CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
NODE = Kind("v1", "Node", "nodes", namespaced=False)
EVENT = Kind("events.k8s.io/v1", "Event", "events")
# What the API server tells of itself.
DISCOVERY = Kind("", "APIGroup", "apigroups", namespaced=False)
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")

# What an experiment's namespace is made of; each is watched.
CHILD_KINDS = (
    NAMESPACE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    LIMIT_RANGE,
    CONFIG_MAP,
    SECRET,
    SERVICE_ACCOUNT,
    ROLE_BINDING,
)
# Policies and bindings add up, so a foreign one opens what ours close: these are watched whole, not
# by label.
ADDITIVE_KINDS = (NETWORK_POLICY, ROLE_BINDING)

_BY_NAME = {
    (kind.api_version, kind.kind): kind
    for kind in (*CUSTOM_KINDS, *CHILD_KINDS, POD, JOB, JOB_SET, EVENT)
}


def kind_of(obj: dict[str, Any]) -> Kind:
    """Return the kind of a whole object.

    Raises:
        KeyError: The operator does not handle this kind.
    """
    return _BY_NAME[obj["apiVersion"], obj["kind"]]
