"""Who may act in an experiment's namespace: two ServiceAccounts without rights, one RoleBinding.

The RoleBinding is written last: nobody can start a pod before the isolation objects exist. The role
itself is the chart's ClusterRole; a binding gives it inside this namespace only. Where there is no
run and the profile says so, it is the one with which people enter pods of their own. The
ServiceAccount `default` is taken over too: a pod that names no account must not find a token.
"""

from __future__ import annotations

from typing import Any, Final

from glovebox import names
from glovebox.api.isolation_profile import Subject
from glovebox.desired.inputs import ExperimentInputs
from glovebox.desired.metadata import KubernetesObject, owned_metadata

DEFAULT_SERVICE_ACCOUNT: Final = "default"
# In the name or namespace of a profile's subject: the namespace of the Experiment.
TEAM_PLACEHOLDER: Final = "$(team)"
_RBAC_GROUP: Final = "rbac.authorization.k8s.io"


def service_accounts(inputs: ExperimentInputs) -> tuple[KubernetesObject, ...]:
    """Return the runner's account and the `default` one, neither with a token in its pods.

    With what opens the registries, where the profile names something.
    """
    return tuple(
        _service_account(name, inputs)
        for name in (names.RUNNER_SERVICE_ACCOUNT, DEFAULT_SERVICE_ACCOUNT)
    )


def role_binding(inputs: ExperimentInputs) -> KubernetesObject:
    """Return the binding of the profile's subjects to a ClusterRole of the tenants'."""
    team = inputs.experiment.metadata.namespace
    access = inputs.profile.spec.access
    enters = access.pod_entry == "Allowed" and not inputs.experiment.spec.has_run
    return {
        "apiVersion": f"{_RBAC_GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": owned_metadata(names.TENANT_ROLE_BINDING, inputs),
        "roleRef": {
            "apiGroup": _RBAC_GROUP,
            "kind": "ClusterRole",
            "name": names.INTERACTIVE_CLUSTER_ROLE if enters else names.TENANT_CLUSTER_ROLE,
        },
        "subjects": [_subject(subject, team) for subject in access.subjects],
    }


def _service_account(name: str, inputs: ExperimentInputs) -> KubernetesObject:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": owned_metadata(name, inputs),
        "automountServiceAccountToken": False,
        # Every pod names one of these accounts, and so none has to name the Secret.
        **(
            {"imagePullSecrets": [{"name": names.PULL_SECRET}]}
            if inputs.profile.spec.image_pull_secrets
            else {}
        ),
    }


def _subject(subject: Subject, team: str) -> dict[str, Any]:
    name = subject.name.replace(TEAM_PLACEHOLDER, team)
    if subject.kind != "ServiceAccount":
        return {"kind": subject.kind, "apiGroup": _RBAC_GROUP, "name": name}
    # Without a namespace it would mean an account inside the experiment's own namespace.
    return {
        "kind": subject.kind,
        "name": name,
        "namespace": (subject.namespace or TEAM_PLACEHOLDER).replace(TEAM_PLACEHOLDER, team),
    }
