"""The isolation check on a real API server and Job controller; a kubelet's part is played."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from glovebox.data.probing import Entry, Expected, Outcome, Verdict
from support.api import Api
from support.kubelet import end_pod
from support.operator_process import Operator, Team, experiment_spec, profile_spec
from support.waiting import eventually

JOB = "glovebox-probe"


@pytest.fixture
def probed(platform: Team) -> str:
    """A profile whose experiments are probed."""
    name = f"probed-{uuid.uuid4().hex[:8]}"
    platform.declare("IsolationProfile", name, profile_spec(probe={"schedule": "Once"}))
    platform.expect("IsolationProfile", name)
    return name


def words(**outcomes: Outcome) -> str:
    return (
        Verdict(
            tuple(
                Entry(name, Expected.BLOCKED, outcome, f"about {name}")
                for name, outcome in outcomes.items()
            )
        )
        .message()
        .decode()
    )


def probe_pod(api: Api, namespace: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        pods = api.list(f"/api/v1/namespaces/{namespace}/pods")
        return next(
            (
                pod
                for pod in pods
                if pod["metadata"]["name"].startswith(JOB) and pod["status"]["phase"] == "Pending"
            ),
            None,
        )

    return eventually(look, what="the probe has a pod")


def no_job(team: Team, namespace: str) -> None:
    eventually(
        lambda: not team.api.find(f"/apis/batch/v1/namespaces/{namespace}/jobs/{JOB}"),
        what="the probe is cleared away",
    )


def declared(team: Team, profile: str, name: str = "tried", **changes: Any) -> str:
    team.declare("Experiment", name, experiment_spec(profile, "primary", **changes))
    return str(team.expect("Experiment", name)["status"]["namespace"])


@pytest.mark.parametrize(
    ("outcome", "code", "status", "reason"),
    [
        (Outcome.PASSED, 0, "True", "Proven"),
        (Outcome.FAILED, 3, "False", "ProbeFailed"),
        (Outcome.UNKNOWN, 4, "Unknown", "NotProven"),
    ],
)
def test_the_verdict_becomes_the_condition_once(
    team: Team,
    probed: str,
    operator: Operator,
    outcome: Outcome,
    code: int,
    status: str,
    reason: str,
) -> None:
    before = operator.metric("glovebox_probes_total", result=outcome.value.lower())
    namespace = declared(team, probed)
    team.expect("Experiment", "tried", "Isolated", "Unknown", "Probing")
    end_pod(
        team.api,
        probe_pod(team.api, namespace),
        code,
        container="probe",
        message=words(api=outcome, dns=Outcome.PASSED),
    )
    made = team.expect("Experiment", "tried", "Isolated", status, reason)
    no_job(team, namespace)
    assert made["status"]["isolation"]["outcome"] == outcome.value
    assert made["status"]["isolation"].get("failed", []) == (
        ["api"] if outcome is Outcome.FAILED else []
    )
    message = team.condition("Experiment", "tried", "Isolated")["message"]
    assert ("2 attempts" if outcome is Outcome.PASSED else "api: about api") in message
    assert operator.metric("glovebox_probes_total", result=outcome.value.lower()) == before + 1
    assert operator.metric("glovebox_experiments_isolated", status=status) >= 1
    assert team.condition("Experiment", "tried", "Ready")["status"] == "True", (
        "it tells; it does not stop"
    )


def test_after_a_crash_there_is_one_verdict(team: Team, probed: str, operator: Operator) -> None:
    namespace = declared(team, probed)
    pod = probe_pod(team.api, namespace)
    operator.kill()
    end_pod(team.api, pod, 0, container="probe", message=words(api=Outcome.PASSED))
    operator.start()
    made = team.expect("Experiment", "tried", "Isolated", "True")
    no_job(team, namespace)
    first = made["status"]["isolation"]["verifiedTime"]
    operator.kill()
    operator.start()
    again = team.expect("Experiment", "tried", "Isolated", "True")
    assert again["status"]["isolation"]["verifiedTime"] == first
    assert not team.api.find(f"/apis/batch/v1/namespaces/{namespace}/jobs/{JOB}")


def proven(team: Team, profile: str) -> str:
    """Return the namespace of an Experiment whose isolation was proven."""
    namespace = declared(team, profile)
    end_pod(
        team.api,
        probe_pod(team.api, namespace),
        0,
        container="probe",
        message=words(api=Outcome.PASSED),
    )
    team.expect("Experiment", "tried", "Isolated", "True")
    no_job(team, namespace)
    return namespace


def test_a_policy_that_was_deleted_and_restored_needs_no_new_probe(
    team: Team, probed: str, rogue: Api
) -> None:
    namespace = proven(team, probed)
    verified = team.read("Experiment", "tried")["status"]["isolation"]["verifiedTime"]
    path = (
        f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/glovebox-default-deny"
    )
    was = rogue.get(path)["metadata"]["uid"]
    rogue.delete(path)
    eventually(
        lambda: (found := team.api.find(path)) and found["metadata"]["uid"] != was,
        what="the policy is back",
    )
    # The status is written at the end of the look that restored it, in which a probe would begin.
    made = eventually(
        lambda: found if "drift" in (found := team.read("Experiment", "tried"))["status"] else None,
        what="the drift is recorded",
    )
    assert not team.api.find(f"/apis/batch/v1/namespaces/{namespace}/jobs/{JOB}")
    assert made["status"]["isolation"]["verifiedTime"] == verified


def test_a_verdict_for_other_policies_counts_no_more_and_is_sought_anew(
    team: Team, probed: str, rogue: Api
) -> None:
    namespace = proven(team, probed)
    recorded = team.read("Experiment", "tried")["status"]["isolation"]
    other = {"policyDigest": "sha256:" + "0" * 64}
    rogue.patch(
        f"{team.path('Experiment', 'tried')}/status", {"status": {"isolation": recorded | other}}
    )
    pod = probe_pod(team.api, namespace)
    eventually(
        lambda: team.condition("Experiment", "tried", "Isolated")["status"] != "True" or None,
        what="the verdict counts no more",
        timeout=5,
    )
    end_pod(team.api, pod, 0, container="probe", message=words(api=Outcome.PASSED))
    again = team.expect("Experiment", "tried", "Isolated", "True")
    assert again["status"]["isolation"]["policyDigest"] == recorded["policyDigest"]


def test_a_closed_experiment_does_not_wait_for_its_probe(team: Team, probed: str) -> None:
    namespace = declared(team, probed)
    probe_pod(team.api, namespace)
    team.api.patch(team.path("Experiment", "tried"), {"spec": {"lifecycle": {"desired": "Sealed"}}})
    team.expect("Experiment", "tried", "Sealed")
    no_job(team, namespace)
    assert team.condition("Experiment", "tried", "Isolated")["status"] == "Unknown"


def test_a_run_may_have_to_wait_for_the_proof(team: Team, platform: Team) -> None:
    name = f"{team.name}-strict"
    platform.declare(
        "IsolationProfile", name, profile_spec(probe={"schedule": "Once", "requiredForRuns": True})
    )
    run = {"image": "trainer", "command": ["python", "-m", "train"]}
    runs = "/apis/batch/v1/namespaces/{}/jobs/glovebox-run"

    good = declared(team, name, "good", run=run)
    pod = probe_pod(team.api, good)
    team.expect("Experiment", "good", "Succeeded", "Unknown", "RunPending")
    eventually(
        lambda: (
            "when isolation is proven"
            in team.condition("Experiment", "good", "Succeeded")["message"]
        ),
        what="the condition says what the run waits for",
    )
    assert not team.api.find(runs.format(good))
    end_pod(team.api, pod, 0, container="probe", message=words(api=Outcome.PASSED))
    eventually(lambda: team.api.find(runs.format(good)), what="the run starts with the proof")

    bad = declared(team, name, "bad", run=run)
    end_pod(
        team.api, probe_pod(team.api, bad), 3, container="probe", message=words(api=Outcome.FAILED)
    )
    team.expect("Experiment", "bad", "Isolated", "False")
    no_job(team, bad)
    assert not team.api.find(runs.format(bad)), "no user code where isolation does not hold"
    assert team.condition("Experiment", "bad", "Succeeded")["reason"] == "RunPending"


def test_a_profile_may_want_no_probe(team: Team) -> None:
    namespace = declared(team, "standard")
    team.expect("Experiment", "tried", "Isolated", "Unknown", "NotProven")
    assert (
        "`spec.probe.schedule` is Never"
        in team.condition("Experiment", "tried", "Isolated")["message"]
    )
    assert not team.api.find(f"/apis/batch/v1/namespaces/{namespace}/jobs/{JOB}")
