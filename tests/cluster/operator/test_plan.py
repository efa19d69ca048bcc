"""`glovebox plan` says beforehand what the API server and the operator say afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from glovebox.names import API_VERSION
from support.examples import merged
from support.operator_process import experiment_spec

if TYPE_CHECKING:
    from support.operator_process import Team

CASES: Final[list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "plans.yaml").read_text(encoding="utf-8")
)
PLURALS: Final = {
    "ConfigMap": "configmaps",
    "LimitRange": "limitranges",
    "NetworkPolicy": "networkpolicies",
    "ResourceQuota": "resourcequotas",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ServiceAccount": "serviceaccounts",
}


def experiment(team: Team, name: str, change: dict[str, Any] | None = None) -> dict[str, Any]:
    plain = {
        "apiVersion": API_VERSION,
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": team.name},
        "spec": experiment_spec("standard", "primary"),
    }
    found: dict[str, Any] = merged(plain, change or {})
    return found


def plan(objects: list[dict[str, Any]], kubeconfig: Path) -> tuple[int, list[dict[str, Any]], str]:
    """Return exit code, answer and what was said beside it."""
    done = subprocess.run(
        [sys.executable, "-m", "glovebox.cli", "plan", "--file=-", "--output=json"],
        input=yaml.safe_dump_all(objects),
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout or "[]"), done.stderr


def holds(live: Any, planned: Any) -> bool:
    """Whether all that was planned is there; an API server adds what it assumes."""
    if isinstance(planned, dict):
        return isinstance(live, dict) and all(
            name in live and holds(live[name], value) for name, value in planned.items()
        )
    if isinstance(planned, list):
        return len(live) == len(planned) and all(map(holds, live, planned))
    return bool(live == planned)


def test_each_bad_manifest_gets_the_message_that_it_would_get(team: Team) -> None:
    objects = [experiment(team, case["case"], case["change"]) for case in CASES]

    code, answers, said = plan(objects, team.cluster.kubeconfig)

    assert (code, said) == (1, "")
    assert len(answers) == len(CASES) > 20
    assert [(each["name"], each["by"], each["reason"], each["verdict"]) for each in answers] == [
        (case["case"], case["by"], case["reason"], case.get("verdict", "Refused")) for case in CASES
    ]
    unsaid = [
        (case["says"], answer["message"])
        for case, answer in zip(CASES, answers, strict=True)
        if case["says"] not in answer["message"]
    ]
    assert unsaid == []
    assert team.api.list(team.path("Experiment")) == [], "nothing was made"

    # And what the operator says of those that the API server takes.
    for obj, case in zip(objects, CASES, strict=True):
        if case["by"] == "operator":
            team.declare("Experiment", case["case"], obj["spec"])
    for case, answer in zip(CASES, answers, strict=True):
        if case["by"] == "operator":
            team.expect("Experiment", case["case"], status="False", reason=case["reason"])
            ready = team.condition("Experiment", case["case"], "Ready")
            assert ready["message"] == answer["message"]


def test_what_is_accepted_gets_the_objects_and_the_digest_that_were_planned(team: Team) -> None:
    code, (answer,), said = plan([experiment(team, "good")], team.cluster.kubeconfig)
    assert (code, said, answer["verdict"]) == (0, "", "Accepted")

    team.declare("Experiment", "good", experiment_spec("standard", "primary"))
    ready = team.expect("Experiment", "good")
    assert ready["status"]["digest"] == answer["digest"]
    namespace = ready["status"]["namespace"]
    (planned,) = (
        one["metadata"]["name"] for one in answer["objects"] if one["kind"] == "Namespace"
    )
    compared = []
    for obj in json.loads(json.dumps(answer["objects"]).replace(planned, namespace)):
        if obj["kind"] not in PLURALS:
            continue
        group = "apis" if "/" in obj["apiVersion"] else "api"
        where = f"/{group}/{obj['apiVersion']}/namespaces/{namespace}/{PLURALS[obj['kind']]}"
        live = team.api.get(f"{where}/{obj['metadata']['name']}")
        assert [
            name
            for name in ("spec", "rules", "roleRef", "subjects", "automountServiceAccountToken")
            if name in obj and not holds(live[name], obj[name])
        ] == [], obj["metadata"]["name"]
        compared.append(obj["kind"])
    assert {"ConfigMap", "NetworkPolicy", "ResourceQuota", "RoleBinding"} <= set(compared)

    # Once it is bound, a plan of it says so, and one that changes it is refused.
    code, (again,), _ = plan([experiment(team, "good")], team.cluster.kubeconfig)
    assert (code, again["digest"], again["objects"]) == (0, answer["digest"], [])
    changed = experiment(team, "good", {"spec": {"config": {"seeds": {"python": 8}}}})
    code, (refused,), _ = plan([changed], team.cluster.kubeconfig)
    assert (code, refused["by"]) == (1, "API server")
    assert "the snapshot is taken" in refused["message"]


def test_what_waits_for_pins_of_the_same_file_waits_and_later_refusals_are_found(
    team: Team,
) -> None:
    pin = {
        "apiVersion": API_VERSION,
        "kind": "DatasetPin",
        "metadata": {"name": "set", "namespace": team.name},
        "spec": {
            "storeRef": {"name": "primary"},
            "source": {"prefix": {"bucket": "flights", "prefix": "2013/"}},
            "owner": "tests",
        },
    }
    datasets = {"inputs": {"datasets": [{"name": "a", "pinRef": {"name": "set"}, "role": "train"}]}}
    waits = experiment(team, "waits", {"spec": datasets})
    code, (_, answer), said = plan([pin, waits], team.cluster.kubeconfig)
    assert (code, said, answer["reason"]) == (3, "", "PinNotReady")
    assert (answer["digest"], answer["inputs"][0]["state"]) == ("", "not Ready")
    assert {"Namespace", "ResourceQuota"} <= {each["kind"] for each in answer["objects"]}

    quota = {"resources": {"quota": {"requests.cpu": "64"}}}
    code, (_, answer), _ = plan(
        [pin, experiment(team, "g", {"spec": datasets | quota})], team.cluster.kubeconfig
    )
    assert (code, answer["reason"]) == (1, "QuotaOutOfRange")
    assert team.api.list(team.path("DatasetPin")) == []


def test_it_asks_with_the_callers_own_rights(team: Team) -> None:
    nobody = team.cluster.kubeconfig_for("nobody-of-note")
    code, answers, said = plan([experiment(team, "good")], nobody)
    # Not even whether it is there may be read.
    assert (code, answers) == (2, [])
    assert "403" in said
    assert "Traceback" not in said
