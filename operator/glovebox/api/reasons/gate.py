"""Reasons of the gate: an Experiment that a profile does not offer, or whose inputs leak."""

from __future__ import annotations

from typing import Final

from glovebox.api.reasons.meaning import WAIT as _WAIT
from glovebox.api.reasons.meaning import reason as _reason

PULL_SECRET_NOT_FOUND: Final = _reason(
    "PullSecretNotFound",
    "IsolationProfile `Ready`; Experiment `Ready`, `CredentialsFresh`",
    "A Secret of `spec.imagePullSecrets` of the profile does not exist in the operator's namespace."
    " An Experiment that is not bound creates nothing before it does; what was copied for others"
    " stays.",
    "Create the Secret there, of type `kubernetes.io/dockerconfigjson`, or take it out of the"
    " profile; an Experiment that is bound needs the Secret.",
)
PULL_SECRET_INVALID: Final = _reason(
    "PullSecretInvalid",
    "IsolationProfile `Ready`; Experiment `Ready`, `CredentialsFresh`",
    "A Secret of `spec.imagePullSecrets` of the profile is of another type than"
    " `kubernetes.io/dockerconfigjson`, cannot be read, or contradicts another one of them.",
    "Replace the Secret in the operator's namespace; name each registry in one of them.",
)
SECRET_NOT_OFFERED: Final = _reason(
    "SecretNotOffered",
    "Experiment `Ready`",
    "A stage asks for a secret that the profile does not offer, or not to this namespace.",
    "Name one that the message lists, or ask the platform team to add it to `spec.secrets` of the"
    " profile.",
)
SECRET_NOT_FOUND: Final = _reason(
    "SecretNotFound",
    "Experiment `Ready`, `CredentialsFresh`",
    "A Secret of which a stage is to be given a key does not exist. Nothing is created before it"
    " does; what was copied stays.",
    "Create it where the message says; it goes on within half a minute.",
)
SECRET_NOT_READABLE: Final = _reason(
    "SecretNotReadable",
    "Experiment `Ready`, `CredentialsFresh`",
    "The operator has no right to read a Secret of which a stage is to be given a key.",
    "Add the namespace and the name to `operator.secretSources` of the chart.",
)
SECRET_INVALID: Final = _reason(
    "SecretInvalid",
    "Experiment `Ready`, `CredentialsFresh`",
    "A Secret lacks the key that a stage is to be given, is of a type that no run is given, or its"
    " value fits into no environment variable.",
    "Correct the Secret, or name another key; it goes on within half a minute.",
)
SECRET_CHANGED: Final = _reason(
    "SecretChanged",
    "Experiment `Ready`, `CredentialsFresh`, `Stalled`",
    "What a stage was given has to be copied again, and the Secret is not the one that was bound:"
    " it was written since, or created again.",
    "Declare the Experiment under another name: it is bound to the Secret as it is now.",
)
PROFILE_NOT_FOUND: Final = _reason(
    "ProfileNotFound",
    "Experiment `Ready`",
    "There is no IsolationProfile of that name.",
    "Choose one of `kubectl get isolationprofiles`.",
)
PROFILE_INVALID: Final = _reason(
    "ProfileInvalid",
    "IsolationProfile `Ready`, `Stalled`; Experiment `Ready`, `PlatformChanged`",
    "The IsolationProfile contradicts itself; the message names the fields.",
    "Correct the profile, or choose another one.",
)
QUOTA_OUT_OF_RANGE: Final = _reason(
    "QuotaOutOfRange",
    "Experiment `QuotaApplied`, `Ready`",
    "`spec.resources.quota` asks for more or less than the profile allows.",
    "Ask for an amount in the range that the message names, or choose another profile.",
)
TEAM_BUDGET_EXCEEDED: Final = _reason(
    "TeamBudgetExceeded",
    "Experiment `QuotaApplied`, `Ready`",
    "All experiments of the namespace would have more of a resource together than `teamBudget` of"
    " the profile says. Nothing was created.",
    "Seal or delete others that the message counts, or ask for less; it continues within half a"
    " minute. An Experiment that alone asks for more than the whole budget has to ask for less.",
)
IMAGE_NOT_PINNED: Final = _reason(
    "ImageNotPinned",
    "Experiment `Ready`",
    "An image is named by tag, which can be moved to other content.",
    "Write it as `REPOSITORY@sha256:DIGEST`; `crane digest IMAGE:TAG` prints the digest.",
)
IMAGE_NOT_APPROVED: Final = _reason(
    "ImageNotApproved",
    "Experiment `Ready`",
    "The profile does not approve the repository of an image.",
    "Publish the image in an approved repository, or have the repository approved.",
)
IMAGE_APPROVAL_EXPIRED: Final = _reason(
    "ImageApprovalExpired",
    "Experiment `Ready`",
    "The approval of the image's repository has ended.",
    "Use an approved image, or ask the platform team to renew the approval.",
)
ROUTE_NOT_ALLOWED: Final = _reason(
    "RouteNotAllowed",
    "Experiment `Ready`",
    "A declared route is in no route that the profile allows, or leads to a metadata service; or a"
    " service or a proxy is asked for that the profile does not offer, or a proxy beside that of"
    " the store.",
    "Declare a network and ports inside one of the profile's routes, services by the names that the"
    " profile gives them, and a proxy where the profile has one.",
)
RETENTION_OUT_OF_RANGE: Final = _reason(
    "RetentionOutOfRange",
    "Experiment `ArtifactsProtected`, `Ready`",
    "The requested retention is outside of the profile's range, or longer than the bucket locks.",
    "Change `spec.artifacts.retention`, or name a store that locks longer.",
)
JOB_SET_MISSING: Final = _reason(
    "JobSetMissing",
    "Experiment `Ready`, `Succeeded`",
    "The run has several stages or workers, and the cluster does not serve JobSets.",
    "Install JobSet (`jobset.x-k8s.io/v1alpha2`), or declare one stage of one worker; the"
    " Experiment continues within a minute.",
)
QUEUE_MISSING: Final = _reason(
    "QueueMissing",
    "Experiment `Ready`, `Succeeded`",
    "The profile says `spec.queue`, and the cluster does not serve Kueue's LocalQueues.",
    "Install Kueue (`kueue.x-k8s.io/v1beta2`), or choose a profile without a queue; the Experiment"
    " continues within a minute.",
)
RUN_OUT_OF_RANGE: Final = _reason(
    "RunOutOfRange",
    "Experiment `Succeeded`, `Ready`",
    "A stage asks for more retries, a longer deadline, or more of a resource than the profile or"
    " the experiment's quota allows, or for one that the profile does not offer.",
    "Ask for what the message names, or choose another profile.",
)
LEAKAGE_FOUND: Final = _reason(
    "LeakageFound",
    "Experiment `InputsVerified`, `Ready`",
    "Inputs of different roles share objects, rows or groups, or their times overlap or come in the"
    " wrong order, or one is a part of what the other was made from: what is trained on would be"
    " tested on. Nothing was created.",
    "Pin data that are apart, or give the reason in `spec.inputs.allowOverlap`: it becomes part of"
    " the digest and of the seal. Or ask the owner of the data for an AccessGrant with"
    " `spec.overlap`.",
)
ROLE_NOT_ALLOWED: Final = _reason(
    "RoleNotAllowed",
    "Experiment `InputsVerified`, `Ready`",
    "A part of a split is used in another role than the split gives to it. Nothing was created.",
    "Use the part in its own role, or the part that has the role; the message names both.",
)
OVERLAP_NOT_ALLOWED: Final = _reason(
    "OverlapNotAllowed",
    "Experiment `InputsVerified`, `Ready`",
    "The Experiment gives a reason in `spec.inputs.allowOverlap`, and its profile says"
    " `spec.leakage.overlap: Never`, or `WithGrant`.",
    "Remove the field and pin data that are apart, or choose another profile; with `WithGrant` ask"
    " the owner of the data for an AccessGrant with `spec.overlap`.",
)
LEAKAGE_UNKNOWN: Final = _reason(
    "LeakageUnknown",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.leakage.mustKnow` of the profile names a type of leak of which the pins say nothing.",
    "Use pins that say `spec.coverage` by the same column; for `NoTestSet` add an input with the"
    " role `test` or `holdout`.",
)
COVERAGE_WRONG: Final = _reason(
    "CoverageWrong",
    "Experiment `InputsVerified`, `Ready`",
    "`spec.coverage.groups` of a DatasetPin says that the groups are in its paths, and some"
    " objects lie in no folder of that column; or `spec.coverage.rows` names the key of its rows,"
    " and one of its objects is not a table, lacks a column, or holds what cannot be a key; or"
    " `spec.coverage.texts` names columns of text, and one of its objects is not a table, lacks"
    " one, or holds something other than text in it.",
    "Create a pin that lists the `values` of the groups, or one of the objects in such folders"
    " alone; one of tables with these columns alone, or without `spec.coverage.rows`, or without"
    " `spec.coverage.texts`.",
)
ROWS_NOT_READ: Final = _reason(
    "RowsNotRead",
    "Experiment `InputsVerified`, `Ready`; SplitPin `Ready`",
    "The rows of inputs could not be read: the installation lacks `pyarrow`, or the process that"
    " reads tables was ended, stood still or could not be started.",
    "Use the image of the chart, which has `pyarrow`. The rest is tried again; if it lasts, give"
    " the operator more memory, or run tasks as Jobs.",
)
COMPARING_INPUTS: Final = _reason(
    "ComparingInputs",
    "Experiment `InputsVerified`, `Ready`, `Reconciling`",
    "Inputs of different roles are being compared, by their manifests and, where their pins say"
    " so, by the keys of their rows; nothing is created before.",
    _WAIT,
)
