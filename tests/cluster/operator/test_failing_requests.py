"""What the API server refuses: nobody gets in, nothing is torn down, and it recovers by itself."""

from __future__ import annotations

import contextlib
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from glovebox import names
from glovebox_local.operator_process import OPERATOR_USER
from support.api import Api, ApiError, path_of
from support.cluster import Cluster
from support.numbered_operator import ISOLATION as STANDING
from support.operator_process import (
    BREAK_GLASS,
    IMAGE,
    Operator,
    Team,
    experiment_spec,
    profile_spec,
)
from support.refusing import WORDS, Refusal, refusing
from support.waiting import eventually

NAMES = {
    "networkpolicies": names.NETWORK_POLICY_DEFAULT_DENY,
    "resourcequotas": names.RESOURCE_QUOTA,
    "limitranges": names.LIMIT_RANGE,
    "configmaps": names.SNAPSHOT_CONFIG_MAP,
    "serviceaccounts": names.RUNNER_SERVICE_ACCOUNT,
}
ISOLATION = STANDING - {("namespaces", "")}
ACCESS = {
    ("rolebindings", names.TENANT_ROLE_BINDING),
    ("secrets", names.CREDENTIALS_SECRET),
}
# A look ends before the next one of the same Experiment begins: with three, two have ended.
LOOKS = 3
# After the policy went, for all of them together.
HEALED_SECONDS = 60.0


@dataclass
class Case:
    """One Experiment while a kind is refused to it, and afterwards.

    Attributes:
        refusal: What is refused.
        profile: Of the Experiment.
        namespace: Of the Experiment.
        access: What let somebody in while it was refused.
        job: How a tenant's Job was answered while it was refused, and afterwards.
        conditions: While it was refused.
        healed: What was wrong when it should have healed; empty when it did.
    """

    refusal: Refusal
    profile: str = "standard"
    namespace: str = ""
    access: list[str] = field(default_factory=list)
    job: list[str] = field(default_factory=list)
    conditions: dict[str, dict[str, Any]] = field(default_factory=dict)
    healed: str = "never looked"


REFUSED = range(400, 499)
KEYS = [
    *(f"{plural}-{code}" for plural in NAMES for code in (403, 422)),
    *(f"{policy}-networkpolicies-403" for policy in ("alert", "ignore")),
    *(f"{policy}-resourcequotas-403" for policy in ("alert", "ignore")),
]


@pytest.fixture(scope="module")
def cases(cluster: Cluster, platform: Team, operator: Operator) -> dict[str, Case]:
    """All cases side by side: what is refused, and for how long, is the same for each."""
    team = Team(cluster, f"no-{uuid.uuid4().hex[:4]}")
    found: dict[str, Case] = {}
    for key in KEYS:
        *drift_policy, plural, code = key.split("-")
        case = Case(Refusal(team.name, key, plural, int(code)))
        if drift_policy:
            case.profile = f"{team.name}-{drift_policy[0]}"
        found[key] = case
    for policy in ("Alert", "Ignore"):
        drift = [
            {"kind": kind, "policy": policy}
            for kind in ("NetworkPolicy", "ResourceQuota", "LimitRange")
        ]
        name = f"{team.name}-{policy.lower()}"
        platform.declare("IsolationProfile", name, profile_spec(drift=drift))
        platform.expect("IsolationProfile", name)
    with refusing(cluster.api, [case.refusal for case in found.values()]):
        for key, case in found.items():
            made = team.declare("Experiment", key, experiment_spec(case.profile, "primary"))
            case.namespace = names.experiment_namespace(team.name, key, made["metadata"]["uid"])
        for look in range(1, LOOKS + 1):
            # A start is a look at everything, however long a pause it would have made.
            if look > 1:
                operator.kill()
                operator.start()
            eventually(
                lambda look=look: _all_refused(cluster, found, look) or None,  # type: ignore[misc]
                what=f"each was refused {look} times",
                timeout=60,
            )
        for key, case in found.items():
            case.conditions = _told(team, key)
            case.access = access_in(team.api, case.namespace)
            case.job.append(_tenants_job(team, case.namespace))
    deadline = time.monotonic() + HEALED_SECONDS
    for key, case in found.items():
        case.healed = _healed(team, key, case, max(1.0, deadline - time.monotonic()))
        case.job.append(_tenants_job(team, case.namespace))
    return found


def _healed(team: Team, key: str, case: Case, seconds: float) -> str:
    """Wait until a case is Ready with all its isolation; return what is missing."""
    try:
        team.expect("Experiment", key, timeout=seconds)
        eventually(
            lambda: not ISOLATION - standing(team.api, case.namespace) or None,
            what="all of isolation stands",
            timeout=1,
        )
    except AssertionError as error:
        missing = sorted(ISOLATION - standing(team.api, case.namespace))
        return f"{missing} {error}"
    return ""


def _told(team: Team, key: str) -> dict[str, dict[str, Any]]:
    """Return the conditions once one of them names the refusal: the log is ahead of the status."""
    found: dict[str, dict[str, Any]] = {}

    def look() -> bool:
        conditions = team.read("Experiment", key).get("status", {}).get("conditions", [])
        found.update({entry["type"]: entry for entry in conditions})
        return any(WORDS in entry["message"] for entry in conditions)

    with contextlib.suppress(AssertionError):  # what was never told is what the test says
        eventually(look, what="a condition names the refusal", timeout=15)
    return found


def _all_refused(cluster: Cluster, cases: dict[str, Case], times: int) -> bool:
    spaces = {case.namespace: key for key, case in cases.items()}
    count = dict.fromkeys(cases, 0)
    for event in cluster.audit(*spaces):
        about = event.get("objectRef") or {}
        key = spaces.get(about.get("namespace", ""))
        if key is None or event["user"]["username"] != OPERATOR_USER:
            continue
        plural = cases[key].refusal.plural
        count[key] += (event["verb"], about["resource"], about.get("name")) == (
            "create",
            plural,
            NAMES[plural],
        ) and (event.get("responseStatus") or {}).get("code") == cases[key].refusal.code
    # Behind a drift policy one refusal is what shows the fault: nothing may be tried again.
    return all(
        number >= (times if cases[key].profile == "standard" else 1)
        for key, number in count.items()
    )


def standing(api: Api, namespace: str) -> set[tuple[str, str]]:
    """Return what of isolation and access stands in a namespace."""
    roots = {
        "networkpolicies": "networking.k8s.io/v1",
        "rolebindings": "rbac.authorization.k8s.io/v1",
    }
    return {
        (plural, item["metadata"]["name"])
        for plural in (*NAMES, "rolebindings", "secrets")
        for item in api.list(path_of(roots.get(plural, "v1"), plural, namespace=namespace))
    }


def access_in(api: Api, namespace: str) -> list[str]:
    """Return what lets somebody into a namespace."""
    return sorted(name for what in ACCESS & standing(api, namespace) for name in what[1:])


def _tenants_job(team: Team, namespace: str) -> str:
    """Return how a Job is answered that somebody of the team sends: "RBAC", or anything else."""
    tenant = team.api.acting_as("tess", f"glovebox:team:{team.name}")
    pod = {"restartPolicy": "Never", "containers": [{"name": "x", "image": IMAGE}]}
    job = {"metadata": {"name": "tried"}, "spec": {"template": {"spec": pod}}}
    try:
        tenant.create(path_of("batch/v1", "jobs", namespace=namespace), job, dryRun="All")
    except ApiError as error:
        return "RBAC" if 'cannot create resource "jobs"' in error.message else error.message
    return "admitted"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", KEYS)
def test_nobody_gets_in_while_a_part_of_isolation_is_refused(
    cases: dict[str, Case], key: str
) -> None:
    assert cases[key].access == []
    refused, after = cases[key].job
    assert refused == "RBAC"
    assert after != "RBAC", "the same Job comes past RBAC once isolation stands"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", KEYS)
def test_a_condition_names_the_refusal_and_none_says_that_all_is_well(
    cases: dict[str, Case], key: str
) -> None:
    case = cases[key]
    assert case.conditions["Ready"]["status"] == "False"
    told = [entry for entry in case.conditions.values() if WORDS in entry["message"]]
    assert any(entry["status"] == "False" for entry in told), case.conditions
    plural = case.refusal.plural
    if plural in {"resourcequotas", "limitranges"}:
        assert case.conditions["QuotaApplied"]["status"] != "True"
    if plural == "networkpolicies":
        assert case.conditions["Isolated"]["status"] != "True"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", KEYS)
def test_it_heals_when_the_policy_is_gone(cases: dict[str, Case], key: str) -> None:
    assert cases[key].healed == ""


@pytest.mark.timeout(300)
def test_access_came_after_isolation_whatever_was_refused(
    cluster: Cluster, cases: dict[str, Case]
) -> None:
    """The same for the whole time, by the audit log: also between two looks of a test."""
    made: dict[str, dict[tuple[str, str], str]] = {case.namespace: {} for case in cases.values()}
    for event in cluster.audit(*made):
        about = event.get("objectRef") or {}
        code = (event.get("responseStatus") or {}).get("code")
        if (
            event["verb"] == "create"
            and about.get("namespace") in made
            # What an operator asked for that was killed meanwhile took effect, and has another
            # code: nobody was there to be answered.
            and code not in REFUSED
            and not event["requestURI"].count("dryRun")
        ):
            what = about["resource"], about.get("name", "")
            made[about["namespace"]].setdefault(what, event["stageTimestamp"])
    assert all(ISOLATION & set(objects) for objects in made.values()), "the log was read"
    early = [
        f"{key}: {access} at {objects[access]}, {part} at {objects.get(part)}"
        for key, case in cases.items()
        for objects in (made[case.namespace],)
        for access in ACCESS & set(objects)
        for part in ISOLATION
        if objects.get(part, "never") > objects[access]
    ]
    assert not early, "\n".join(early)


# -- repair

REPAIRS: list[Any] = [
    pytest.param(
        "networkpolicies", 422, {"spec": {"egress": [{}]}}, id="a policy is opened, and 422"
    ),
    pytest.param("networkpolicies", 403, {"spec": {"egress": [{}]}}, id="the same, and 403"),
    pytest.param(
        "resourcequotas", 422, {"spec": {"hard": {"pods": "1000"}}}, id="a quota is raised, and 422"
    ),
    pytest.param("limitranges", 422, {"spec": {"limits": []}}, id="limits are dropped, and 422"),
]


@pytest.fixture
def standing_experiment(team: Team) -> str:
    """The namespace of an Experiment that is Ready."""
    team.declare("Experiment", "kept", experiment_spec("standard", "primary"))
    made: str = team.expect("Experiment", "kept")["status"]["namespace"]
    return made


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("plural", "code", "edit"), REPAIRS)
def test_a_refused_repair_never_deletes_and_goes_on_when_it_is_admitted(
    cluster: Cluster,
    team: Team,
    operator: Operator,
    standing_experiment: str,
    plural: str,
    code: int,
    edit: dict[str, Any],
) -> None:
    root = "networking.k8s.io/v1" if plural == "networkpolicies" else "v1"
    path = path_of(root, plural, namespace=standing_experiment, name=NAMES[plural])
    before = team.api.get(path)
    rogue = cluster.api_as("rogue", ["system:masters", BREAK_GLASS])

    def asked(verb: str, status: int | None = None) -> int:
        return sum(
            event["verb"] == verb
            and event["user"]["username"] == OPERATOR_USER
            and (event.get("objectRef") or {}).get("namespace") == standing_experiment
            and event["objectRef"].get("name") == NAMES[plural]
            and status in {None, (event.get("responseStatus") or {}).get("code")}
            for event in cluster.audit(standing_experiment)
        )

    with refusing(cluster.api, [Refusal(team.name, "kept", plural, code, ("UPDATE",))]):
        rogue.patch(path, edit)
        for look in (1, 2):
            if look > 1:
                operator.kill()
                operator.start()
            eventually(
                lambda look=look: asked("update", code) >= look or asked("delete") or None,  # type: ignore[misc]
                what=f"the repair was refused {look} times",
                timeout=30,
            )
        assert asked("delete") == 0
        assert team.api.get(path)["metadata"]["uid"] == before["metadata"]["uid"]
    eventually(
        lambda: team.api.get(path)["spec"] == before["spec"] or None,
        what="it is as declared again",
        timeout=60,
    )
    assert team.api.get(path)["metadata"]["uid"] == before["metadata"]["uid"]
    assert asked("delete") == 0
