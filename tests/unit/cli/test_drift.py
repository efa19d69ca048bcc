"""`glovebox drift`: what is open, what was repaired, what nobody knows, and its exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from glovebox.api import reasons
from glovebox.cli import experiments
from glovebox.cli.main import app
from glovebox.errors import Unavailable

Json = dict[str, Any]
SINCE, REPAIRED = "2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"
PROVISIONED = {"time": SINCE, "namespaceUid": "u", "digest": "sha256:0"}


def experiment(
    name: str, answer: str = "", reason: str = "NoDrift", message: str = "", **status: Any
) -> Json:
    entry = {
        "type": "DriftDetected",
        "status": answer,
        "reason": reason,
        "message": message,
        "lastTransitionTime": SINCE,
    }
    found = {"provisioned": PROVISIONED, "conditions": [entry] if answer else [], **status}
    return {"metadata": {"namespace": "team-a", "name": name}, "status": found}


def repaired(**last: str) -> Json:
    return {"repairs": 3, "lastRepairTime": REPAIRED, "last": last}


EDITED = repaired(
    kind="NetworkPolicy",
    name="glovebox-default-deny",
    change="Modified",
    field="spec.egress",
    manager="rogue-tool at 2026-03-01T12:00:00Z",
)
FIGHT = "ResourceQuota `q` was changed by x (`spec.hard`); it is changed back again and again"


class Cluster:
    """A cluster of Experiments that answers, or does not."""

    def __init__(self) -> None:
        self.objects: list[Json] = []
        self.asked: list[str] = []
        self.error: Unavailable | None = None
        self.namespaces: tuple[str, ...] = ("team-a",)

    def lacks_namespace(self, name: str) -> bool:
        return name not in self.namespaces

    def experiments(self, namespace: str = "") -> list[Json]:
        self.asked.append(namespace)
        if self.error is not None:
            raise self.error
        return self.objects

    def experiment(self, namespace: str, name: str) -> Json:
        for each in self.experiments(namespace):
            if each["metadata"]["name"] == name:
                return each
        raise Unavailable(reasons.REJECTED, "the API server said 404")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster()
    monkeypatch.setattr(experiments, "KubeconfigCluster", lambda: found)
    return found


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["drift", *arguments])


def test_what_is_open_and_what_was_repaired_are_rows_of_a_table(cluster: Cluster) -> None:
    cluster.objects = [
        experiment("b", "True", "WriterFight", FIGHT, drift=EDITED),
        experiment("a", "False", "DriftRepaired", "restored", drift=repaired(kind="Secret")),
        experiment("quiet", "False"),
    ]
    told = ask("-A")
    assert (told.exit_code, cluster.asked) == (1, [""])
    edit, none = "Modified `spec.egress` by rogue-tool", "-"
    rows = [
        [cell.strip() for cell in line.split("   ") if cell] for line in told.stdout.split("\n")
    ]
    assert rows == [
        ["EXPERIMENT", "STATE", "KIND", "NAME", "WHAT", "SINCE", "LAST REPAIR", "REPAIRS"],
        ["team-a/a", "Repaired", "Secret", none, none, none, REPAIRED, "3"],
        ["team-a/b", "Open: WriterFight", none, none, FIGHT, SINCE, REPAIRED, "3"],
        [
            *("team-a/b", "Repaired", "NetworkPolicy", "glovebox-default-deny"),
            *(edit, SINCE, REPAIRED, "3"),
        ],
        [],
    ]


@pytest.mark.parametrize(
    ("obj", "state", "code"),
    [
        pytest.param(
            experiment("x", "True", "DriftDetected"), "Open", 1, id="alerted, not repaired"
        ),
        pytest.param(experiment("x", "False", drift=EDITED), "Repaired", 0, id="repaired"),
        pytest.param(experiment("x", "False"), "", 0, id="never any"),
        pytest.param(experiment("x", "Unknown", "Pending"), "NotKnown", 1, id="not compared"),
        pytest.param(experiment("x"), "NotKnown", 1, id="no condition"),
        pytest.param(
            experiment("x", provisioned=None), "", 0, id="before it is built it is no drift"
        ),
        pytest.param(
            experiment("x", "True", "DeletionBlocked", provisioned=None),
            "Open",
            1,
            id="said all the same",
        ),
        pytest.param({"metadata": {"namespace": "a", "name": "x"}}, "", 0, id="nobody saw it"),
        pytest.param(experiment("x", drift={"repairs": "many"}), "NotKnown", 1, id="not readable"),
        pytest.param(experiment("x", "Perhaps"), "NotKnown", 1, id="not a known answer"),
    ],
)
def test_only_what_is_known_to_be_whole_passes(
    cluster: Cluster, obj: Json, state: str, code: int
) -> None:
    cluster.objects = [obj]
    told = ask("x", "-n", "a", "-o", "json")
    assert told.exit_code == code
    assert [each["state"] for each in json.loads(told.stdout)] == ([state] if state else [])


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        pytest.param({}, ("Role", "r", "Unexpected", "rogue"), id="while it lasts"),
        pytest.param({"untilTime": REPAIRED}, ("", "", "", ""), id="that was another time"),
    ],
)
def test_what_is_open_is_named(
    cluster: Cluster, until: Json, expected: tuple[str, str, str, str]
) -> None:
    first = {"kind": "Role", "name": "r", "change": "Unexpected", "manager": f"rogue at {SINCE}"}
    left = {"times": 1, "sinceTime": SINCE, "reason": "DriftDetected", "objects": 1, "first": first}
    status = {"drift": {"outstanding": left | until}}
    cluster.objects = [experiment("x", "True", "DriftDetected", "words", **status)]
    told = ask("x", "-n", "team-a", "-o", "json")
    assert told.exit_code == 1
    (found,) = json.loads(told.stdout)
    assert (found["state"], found["message"]) == ("Open", "words")
    assert tuple(found[each] for each in ("kind", "name", "change", "writer")) == expected


def test_what_is_being_deleted_is_not_compared_any_more(cluster: Cluster) -> None:
    obj = experiment("x", "Unknown", "Deleting")
    obj["metadata"]["deletionTimestamp"] = SINCE
    cluster.objects = [obj]
    told = ask("-n", "team-a")
    assert (told.exit_code, told.stdout) == (0, "No drift is recorded.\n")


@pytest.mark.parametrize(
    ("uid", "going_since", "state", "code"),
    [
        pytest.param("new", None, ["Repaired"], 0, id="there is another one"),
        pytest.param("", None, ["Open"], 1, id="there is none"),
        pytest.param("old", None, ["Open"], 1, id="nobody saw another one"),
        pytest.param("", SINCE, [], 0, id="it was to go"),
    ],
)
def test_a_namespace_that_somebody_deleted_is_told(
    cluster: Cluster, uid: str, going_since: str | None, state: list[str], code: int
) -> None:
    lost = {"uid": "old", "time": SINCE}
    obj = experiment("x", "False", namespace="gbx-x", namespaceUid=uid, lostNamespace=lost)
    obj["metadata"]["deletionTimestamp"] = going_since
    cluster.objects = [obj]
    told = ask("-A", "-o", "json")
    assert told.exit_code == code
    found = json.loads(told.stdout)
    assert [each["state"] for each in found] == state
    for each in found:
        assert (each["kind"], each["name"], each["change"], each["since"]) == (
            *("Namespace", "gbx-x", "Deleted"),
            SINCE,
        )


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_hostile_names_act_on_no_terminal(cluster: Cluster, output: str) -> None:
    hostile = "x\x1b[2J\u202ey\nz"
    cluster.objects = [
        experiment("x", "True", "DriftDetected", hostile),
        experiment("y", "False", drift=repaired(kind="Role", name=hostile, change="Deleted")),
    ]
    told = ask("-A", "-o", output)
    assert told.exit_code == 1
    assert "\x1b" not in told.stdout
    assert "\u202e" not in told.stdout
    if output == "table":
        assert told.stdout.count("\n") == 3
        assert "x\\x1b[2J\\u202ey\\x0az" in told.stdout
    else:
        found = json.loads(told.stdout) if output == "json" else yaml.safe_load(told.stdout)
        assert [each["name"] or each["message"] for each in found] == [hostile, hostile]


def test_a_cluster_that_does_not_answer_says_nothing(cluster: Cluster) -> None:
    cluster.error = Unavailable(reasons.API_UNAVAILABLE, "no answer\x1b[31m")
    told = ask("-A")
    assert (told.exit_code, told.output) == (2, "no answer\\x1b[31m\n")


@pytest.mark.usefixtures("cluster")
def test_one_that_is_not_there_is_no_good_news() -> None:
    assert ask("gone", "-n", "team-a").exit_code == 2


def test_a_namespace_that_is_not_there_is_no_good_news(cluster: Cluster) -> None:
    assert ask("-n", "team-a").exit_code == 0
    cluster.namespaces = ()
    told = ask("-n", "team-a")
    assert (told.exit_code, told.output) == (2, "there is no namespace team-a\n")


@pytest.mark.parametrize(
    "arguments", [(), ("x",), ("-n", "a", "-A"), ("x", "-A"), ("-n", ""), ("", "-n", "a")]
)
def test_it_is_told_where_to_look(cluster: Cluster, arguments: tuple[str, ...]) -> None:
    assert ask(*arguments).exit_code == 2
    assert cluster.asked == []
