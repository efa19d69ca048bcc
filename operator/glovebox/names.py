"""Every label, annotation, finalizer, field manager and generated name: constants and functions.

Nothing here decides anything; it only says how things are called, so that a name is changed in one
place. Generated names are injective: a hash of the whole identity is part of each name that had to
be shortened, so two experiments whose names collide when joined (`a-b`/`c` and `a`/`b-c`) still get
two namespaces.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from typing import Final

GROUP: Final = "glovebox.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "glovebox"

# The manager of every field that the operator writes, in objects and in status.
FIELD_MANAGER: Final = "glovebox"
FINALIZER: Final = f"{GROUP}/finalizer"
# On profiles, stores and pins while something is bound to them. The guards know both: with the
# finalizer a profile or store cannot be deleted, and the refusal tells the count.
FINALIZER_IN_USE: Final = f"{GROUP}/in-use"
# When a proof of a pin was asked for, RFC 3339, by the level.
ANNOTATION_PROVE: Final = f"{GROUP}/prove-"
ANNOTATION_USERS: Final = f"{GROUP}/users"
# Of all annotations on our own kinds, the ones that the operator reads.
READ_ANNOTATIONS: Final = frozenset(
    {
        ANNOTATION_USERS,
        *(f"{ANNOTATION_PROVE}{each}" for each in ("list", "head", "sample", "full")),
    }
)

# Labels. `managed-by` selects what our watches see; the guards match namespaces by
# `experiment-uid`.
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "glovebox"
# Of what the operator made, for lists and watches.
MANAGED_SELECTOR: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
LABEL_EXPERIMENT_UID: Final = f"{GROUP}/experiment-uid"
LABEL_EXPERIMENT: Final = f"{GROUP}/experiment"
LABEL_TEAM: Final = f"{GROUP}/team"
# Which replica keeps it once the work is shared out: by team, so that a team stays together.
LABEL_SHARD: Final = f"{GROUP}/shard"
SHARDS: Final = 64
LABEL_PROFILE: Final = f"{GROUP}/profile"
# On the pods of a run of several: which stage they are of.
LABEL_STAGE: Final = f"{GROUP}/stage"
# On the pods of a run: the first digits of the digest, for whoever collects their logs.
LABEL_DIGEST: Final = f"{GROUP}/digest"
_DIGEST_DIGITS: Final = 12
LABEL_COST_CENTER: Final = f"{GROUP}/cost-center"
# Open: pods may start. Frozen, Sealed, Retained: the API server admits no pod any more, whether the
# operator runs or not. Retained says besides that the Experiment is gone, so that the platform team
# may delete the namespace.
LABEL_STATE: Final = f"{GROUP}/state"
STATE_OPEN: Final = "Open"
STATE_FROZEN: Final = "Frozen"
STATE_SEALED: Final = "Sealed"
STATE_RETAINED: Final = "Retained"

ANNOTATION_EXPERIMENT: Final = f"{GROUP}/experiment"
# On a namespace, for when its Experiment is lost: what was to become of it, and since when its
# results wait for their seal.
ANNOTATION_DELETION_POLICY: Final = f"{GROUP}/deletion-policy"
ANNOTATION_ORPHANED_TIME: Final = f"{GROUP}/orphaned-time"
ANNOTATION_DOUBTED: Final = f"{GROUP}/doubted"
ANNOTATION_CREDENTIALS_EXPIRE_TIME: Final = f"{GROUP}/credentials-expire-time"
ANNOTATION_CONTENT_DIGEST: Final = f"{GROUP}/content-digest"
# Of the credentials for inputs: those that are left out, because their grants are over.
ANNOTATION_LEFT_OUT: Final = f"{GROUP}/left-out"
ANNOTATION_POLICY_DIGEST: Final = f"{GROUP}/policy-digest"
# On a cache: whose pin it holds, so that it can be told when nobody needs it any more.
LABEL_CACHE: Final = f"{GROUP}/cache"
ANNOTATION_PIN_NAMESPACE: Final = f"{GROUP}/pin-namespace"
ANNOTATION_PIN_DIGEST: Final = f"{GROUP}/pin-digest"
# On the Job of a task: its own name, and whose task it is.
LABEL_TASK: Final = f"{GROUP}/task"
ANNOTATION_OWNER: Final = f"{GROUP}/owner"
ANNOTATION_OWNER_UID: Final = f"{GROUP}/owner-uid"
ANNOTATION_TASK: Final = f"{GROUP}/task"
# On the note that a seal is to be listed once more whose Experiment is gone.
LABEL_LAST_LISTING: Final = f"{GROUP}/last-listing"
# On the note that an event of lineage is still to be delivered: `waiting` or `undelivered`.
LABEL_LINEAGE: Final = f"{GROUP}/lineage"
LINEAGE_WAITING: Final = "waiting"
LINEAGE_UNDELIVERED: Final = "undelivered"

# Fixed names of the objects inside an experiment's namespace.
NETWORK_POLICY_DEFAULT_DENY: Final = "glovebox-default-deny"
NETWORK_POLICY_DNS: Final = "glovebox-allow-dns"
NETWORK_POLICY_STORE: Final = "glovebox-allow-store"
NETWORK_POLICY_OWN_PODS: Final = "glovebox-allow-own-pods"
NETWORK_POLICY_ROUTES: Final = "glovebox-allow-routes"
NETWORK_POLICY_SERVICES: Final = "glovebox-allow-services"
RESOURCE_QUOTA: Final = "glovebox-quota"
LIMIT_RANGE: Final = "glovebox-limits"
SNAPSHOT_CONFIG_MAP: Final = "glovebox-snapshot"
CREDENTIALS_SECRET: Final = "glovebox-artifacts-credentials"  # noqa: S105 - the name of an object, not a secret
INPUTS_CONFIG_MAP: Final = "glovebox-inputs"
INPUTS_CREDENTIALS_SECRET: Final = "glovebox-inputs-credentials"  # noqa: S105 - as above
# For the kubelet alone: what opens the registries of the images. The guards know the name.
PULL_SECRET: Final = "glovebox-image-pull"  # noqa: S105 - as above
# What stages of a run are given of the platform's or the team's Secrets. The guards know the name.
STAGE_SECRETS: Final = "glovebox-stage-secrets"
# Of every volume of one dataset, its claim and its name in a pod. The guards know the prefix, and
# that of caches.
INPUT_PREFIX: Final = "glovebox-input-"
CACHE_PREFIX: Final = "glovebox-cache-"
TASK_PREFIX: Final = "glovebox-task-"
# The run: a Job, or a JobSet with the headless Service by which its pods find each other.
RUN_JOB: Final = "glovebox-run"
# Where a run waits for its turn, in Kueue. Not `default`: that one takes in what names no queue.
LOCAL_QUEUE: Final = "glovebox"
# On what is to wait, and on Kueue's own record of it.
LABEL_QUEUE: Final = "kueue.x-k8s.io/queue-name"
LABEL_QUEUE_PRIORITY: Final = "kueue.x-k8s.io/priority-class"
LABEL_QUEUED_UID: Final = "kueue.x-k8s.io/job-uid"
PROBE_JOB: Final = "glovebox-probe"
RUNNER_SERVICE_ACCOUNT: Final = "glovebox-runner"
TENANT_ROLE_BINDING: Final = "glovebox-tenant"
# Every policy and binding that can be ours: whatever else is found of these kinds is foreign,
# however it is called.
ADDITIVE_NAMES: Final = frozenset(
    {
        NETWORK_POLICY_DEFAULT_DENY,
        NETWORK_POLICY_DNS,
        NETWORK_POLICY_STORE,
        NETWORK_POLICY_OWN_PODS,
        NETWORK_POLICY_ROUTES,
        NETWORK_POLICY_SERVICES,
        TENANT_ROLE_BINDING,
    }
)
# In the operator's own namespace.
SIGNING_KEY_SECRET: Final = "glovebox-signing-key"  # noqa: S105 - as above
# What names of features are hashed with; made once. The guards know it.
FEATURE_NAMES_SECRET: Final = "glovebox-feature-names"  # noqa: S105 - as above
# Every key that ever signed, with its validity; readable by all. The guards know it.
SIGNING_KEYS_CONFIG_MAP: Final = "glovebox-signing-keys"
SIGNING_KEYS_FILE: Final = "keys.json"
# One for each seal that is to be listed once more and whose Experiment is gone. The guards know the
# prefix.
LAST_LISTING_PREFIX: Final = "glovebox-last-listing-"
# One for each event that waits for a destination, and one for each that a destination refused. The
# guards know both prefixes.
LINEAGE_PREFIX: Final = "glovebox-lineage-"
UNDELIVERED_PREFIX: Final = "glovebox-undelivered-"
LEADER_LEASE: Final = "glovebox-operator"
# Where the pages install it, unless somebody chose another namespace.
OPERATOR_NAMESPACE: Final = "glovebox-system"
# Installed by the chart; RoleBindings of experiments refer to it.
TENANT_CLUSTER_ROLE: Final = "glovebox-tenant"
INTERACTIVE_CLUSTER_ROLE: Final = "glovebox-tenant-interactive"

EXPERIMENT_NAMESPACE_PREFIX: Final = "gbx-"
DNS_LABEL_MAX: Final = 63
LABEL_VALUE_MAX: Final = 63
_HASH_LENGTH: Final = 10
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?")
_NOT_IN_LABEL_VALUE: Final = re.compile(r"[^A-Za-z0-9._-]+")


def short_hash(*parts: str) -> str:
    """Return 10 lower-case base32 characters (50 bits) of the SHA-256 of length-prefixed parts."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(4, "big"))
        digest.update(raw)
    return base64.b32encode(digest.digest()).decode().lower()[:_HASH_LENGTH]


def is_experiment_namespace(namespace: str) -> bool:
    """Return whether a namespace is called as an experiment's is; who owns it is another matter."""
    return namespace.startswith(EXPERIMENT_NAMESPACE_PREFIX)


@lru_cache(maxsize=1024)
def experiment_namespace(team: str, name: str, uid: str) -> str:
    """Return an experiment's namespace: `gbx-<team>-<name>-<hash>`, at most 63 characters.

    Args:
        team: The namespace of the Experiment.
        name: The Experiment's own name, up to 253 characters; dots become dashes.
        uid: The Experiment's UID, so that a recreated Experiment never inherits a namespace.
    """
    suffix = short_hash(team, name, uid)
    readable = f"{EXPERIMENT_NAMESPACE_PREFIX}{team}-{name}".replace(".", "-").lower()
    return f"{readable[: DNS_LABEL_MAX - len(suffix) - 1].rstrip('-')}-{suffix}"


def shard_of(team: str) -> str:
    """Return the shard of everything that belongs to a team, "0" to "63"."""
    return str(int.from_bytes(hashlib.sha256(team.encode()).digest()[:4], "big") % SHARDS)


def digest_label(digest: str) -> str:
    """Return the value of the label that tells a digest (`sha256:<hex>`): its first 12 digits."""
    return digest.removeprefix("sha256:")[:_DIGEST_DIGITS]


def label_value(text: str) -> str:
    """Return the text if it is a valid label value, else a readable form that ends in its hash."""
    if len(text) <= LABEL_VALUE_MAX and _LABEL_VALUE.fullmatch(text):
        return text
    suffix = short_hash(text)
    readable = (
        _NOT_IN_LABEL_VALUE.sub("-", text)
        .strip("-._")[: LABEL_VALUE_MAX - len(suffix) - 1]
        .rstrip("-._")
    )
    return f"{readable}-{suffix}" if readable else suffix


def input_claim(name: str) -> str:
    """Return the name of an input's claim and of its volume in a pod, at most 63 characters."""
    whole = f"{INPUT_PREFIX}{name}"
    return (
        whole
        if len(whole) <= DNS_LABEL_MAX
        else f"{whole[: DNS_LABEL_MAX - _HASH_LENGTH - 1].rstrip('-')}-{short_hash(name)}"
    )


def input_volume(uid: str, name: str) -> str:
    """Return the name of the cluster-wide volume of an input of the Experiment with that UID."""
    return f"{INPUT_PREFIX}{short_hash(uid, name)}"


def cache(team: str, store: str, pin_digest: str, storage_class: str) -> str:
    """Return the name of the cache of a pin.

    The team is part of it: a pin may be declared over bytes that nobody read, and must not open the
    cache of those who have them.
    """
    return f"{CACHE_PREFIX}{short_hash(team, store, pin_digest, storage_class)}"


def task(owner: str, uid: str, name: str, basis: str) -> str:
    """Return the name of the Job of a task: the same task on another basis is another Job.

    Args:
        owner: The key of whose task it is.
        uid: The owner's UID.
        name: Which of the owner's tasks.
        basis: What the result depends on.
    """
    return f"{TASK_PREFIX}{short_hash(owner, uid, name, basis)}"


def lineage_note(prefix: str, digest: str, destination: str) -> str:
    """Return the name of what is left of an event for one destination."""
    return f"{prefix}{short_hash(digest, destination)}"


def artifacts_session(uid: str) -> str:
    """Return the name of the sessions with which an Experiment's run writes, as logs show it."""
    return f"glovebox-{short_hash(uid)}"


def inputs_session(uid: str) -> str:
    """Return the name of the sessions with which an Experiment's run reads, as logs show it."""
    return f"glovebox-{short_hash(uid, 'inputs')}"


def is_run_session(session: str) -> bool:
    """Return whether sessions of runs are called so, of whatever Experiment."""
    return re.fullmatch(r"glovebox-[a-z2-7]{10}", session) is not None


def is_operator_session(session: str) -> bool:
    """Return whether the operator's own are: those that read sources of pins, and check a store."""
    found = re.fullmatch(r"glovebox-(?:sources-[0-9a-f]{10}|probe|growth)", session)
    return found is not None


def artifact_prefix(team: str, name: str, uid: str) -> str:
    """Return the key prefix of artifacts; its last `/` keeps `run7/` from covering `run70/`."""
    return f"{team}/{name}/{uid}/"


def stage_job(stage: str) -> str:
    """Return the name that JobSet's controller gives to the Job of a stage."""
    return f"{RUN_JOB}-{stage}-0"


def stage_leader(stage: str) -> str:
    """Return the name by which the pods of a run find the first worker of a stage."""
    return f"{stage_job(stage)}-0.{RUN_JOB}"
