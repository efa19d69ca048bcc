"""A platform's own admission policy that by mistake refuses what the operator writes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glovebox_local.operator_process import OPERATOR_USER
from support.api import Api, ApiError
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
_BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
WORDS = "the platform's own policy wants none of these"
_REASONS = {403: "Forbidden", 422: "Invalid"}
_RBAC = "rbac.authorization.k8s.io"
# The least that the API server takes of each kind.
_BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "networkpolicies": ("/apis/networking.k8s.io/v1", {"spec": {"podSelector": {}}}),
    "resourcequotas": ("/api/v1", {"spec": {"hard": {"pods": "1"}}}),
    "limitranges": ("/api/v1", {"spec": {"limits": []}}),
    "configmaps": ("/api/v1", {}),
    "serviceaccounts": ("/api/v1", {}),
    "rolebindings": (
        f"/apis/{_RBAC}/v1",
        {"roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "view"}, "subjects": []},
    ),
}


@dataclass(frozen=True)
class Refusal:
    """What is refused: in the namespaces of one team's experiment, of the operator alone.

    Attributes:
        team: The team.
        experiment: The experiment; all whose name begins so.
        plural: Which kind.
        code: 403 or 422.
        operations: CREATE or UPDATE.
    """

    team: str
    experiment: str
    plural: str
    code: int
    operations: tuple[str, ...] = ("CREATE",)

    @property
    def name(self) -> str:
        """Of the policy, and of the object by which its beginning is seen."""
        return f"{self.team}-{self.experiment}-{self.operations[0].lower()}"

    @property
    def group(self) -> str:
        """The API group of the kind."""
        root = _BODIES[self.plural][0]
        return root.split("/")[2] if root.startswith("/apis/") else ""


@contextlib.contextmanager
def refusing(api: Api, refusals: Sequence[Refusal]) -> Iterator[None]:
    """Refuse all these while the block runs, which begins when the API server refuses."""
    try:
        for refusal in refusals:
            _install(api, refusal)
        for refusal in refusals:
            eventually(
                lambda refusal=refusal: _is_refused(api, refusal) or None,  # type: ignore[misc]
                what=f"{refusal.name} is refused",
                timeout=30,
            )
        yield
    finally:
        for refusal in refusals:
            for root in (_BINDINGS, _POLICIES):
                with contextlib.suppress(ApiError):
                    api.delete(f"{root}/{refusal.name}")
        for refusal in refusals:
            eventually(
                lambda refusal=refusal: not _is_refused(api, refusal) or None,  # type: ignore[misc]
                what=f"{refusal.name} is admitted again",
                timeout=30,
            )
            with contextlib.suppress(ApiError):
                api.delete(f"{_probe_path(refusal)}/{refusal.name}")


def _install(api: Api, refusal: Refusal) -> None:
    inside = f"gbx-{refusal.team}-{refusal.experiment}-"
    condition = (
        f"request.userInfo.username == '{OPERATOR_USER}'"
        f" && request.namespace.startsWith('{inside}')"
        f" || request.namespace == '{refusal.team}' && request.name == '{refusal.name}'"
    )
    rule = {
        "apiGroups": [refusal.group],
        "apiVersions": ["*"],
        "operations": list(refusal.operations),
        "resources": [refusal.plural],
    }
    if "UPDATE" in refusal.operations:
        root, body = _BODIES[refusal.plural]
        api.create(
            f"{root}/namespaces/{refusal.team}/{refusal.plural}",
            {"metadata": {"name": refusal.name}, **body},
        )
    validation = {
        "expression": "false",
        "message": WORDS,
        "reason": _REASONS[refusal.code],
    }
    api.create(
        _POLICIES,
        {
            "metadata": {"name": refusal.name},
            "spec": {
                "matchConstraints": {"resourceRules": [rule]},
                "matchConditions": [{"name": "these", "expression": condition}],
                "validations": [validation],
            },
        },
    )
    api.create(
        _BINDINGS,
        {
            "metadata": {"name": refusal.name},
            "spec": {"policyName": refusal.name, "validationActions": ["Deny"]},
        },
    )


def _probe_path(refusal: Refusal) -> str:
    root, _ = _BODIES[refusal.plural]
    return f"{root}/namespaces/{refusal.team}/{refusal.plural}"


def _is_refused(api: Api, refusal: Refusal) -> bool:
    path, body = _probe_path(refusal), _BODIES[refusal.plural][1]
    try:
        if "UPDATE" in refusal.operations:
            note = {"metadata": {"annotations": {"looked": "at"}}}
            api.patch(f"{path}/{refusal.name}", note, dryRun="All")
        else:
            api.create(path, {"metadata": {"name": refusal.name}, **body}, dryRun="All")
    except ApiError as error:
        if WORDS in error.message:
            return True
        raise
    return False
