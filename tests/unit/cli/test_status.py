"""`glovebox status`: the screen, when it is printed again, and its exit codes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from glovebox.api import reasons
from glovebox.cli import experiments, following
from glovebox.cli.main import app
from glovebox.errors import Unavailable
from glovebox.kube.resources import Key

Json = dict[str, Any]
SEALED: Json = yaml.safe_load(
    (Path(__file__).parents[1] / "report" / "experiment.yaml").read_text(encoding="utf-8")
)
PURPOSE = "Which departures are late? Gradient boosting against the mean of the carrier."
HASHING = "Hashing: 12 of 30 objects, 1.0 GiB of 3.0 GiB"
SINCE = "2026-03-01T12:00:00Z"


def condition(kind: str, answer: str, reason: str, message: str = "") -> Json:
    return {
        "type": kind,
        "status": answer,
        "reason": reason,
        "message": message,
        "lastTransitionTime": SINCE,
    }


def experiment(*conditions: Json, **status: Any) -> Json:
    obj = copy.deepcopy(SEALED)
    obj["metadata"]["resourceVersion"] = "1"
    obj["status"] = {"observedGeneration": 1, "conditions": list(conditions), **status}
    return obj


IN_PROGRESS = "It is in progress, or waits for something: it continues by itself as soon as it can."
PENDING = "`train`: DatasetPin `months` is not Ready (Verifying)"
WAITING = experiment(
    condition("InputsVerified", "False", "PinNotReady", PENDING),
    condition("NamespaceReady", "Unknown", "Pending", "not looked at yet"),
    condition("Ready", "False", "PinNotReady", PENDING),
    condition("Reconciling", "True", "PinNotReady", PENDING),
)
READY = experiment(condition("Ready", "True", "Provisioned"), digest=SEALED["status"]["digest"])
REFUSED = experiment(
    condition("Ready", "False", "QuotaOutOfRange", "too much"),
    condition("Stalled", "True", "QuotaOutOfRange", "too much"),
)
PROGRESS = {
    "phase": "Hashing",
    "objects": 12,
    "objectsTotal": 30,
    "bytes": 1 << 30,
    "bytesTotal": 3 << 30,
    "updatedTime": SINCE,
}


class Cluster:
    """A cluster in which an Experiment becomes one thing after the other."""

    def __init__(self) -> None:
        self.states: list[Json | None] = [WAITING]
        self.pins: dict[Key, Json] = {}
        self.error: Unavailable | None = None
        self.lease: Json | None = None

    def find(self, key: Key) -> Json | None:
        if self.error is not None:
            raise self.error
        if key.kind == "Experiment":
            return self.states[0]
        if key.namespace == "data":
            raise Unavailable(reasons.REJECTED, "403")
        return self.pins.get(key)

    def operator_lease(self) -> Json | None:
        return self.lease

    def changes(
        self, namespace: str, name: str, version: str, seconds: float
    ) -> Iterator[Json | None]:
        assert (namespace, name, version) == ("team-flights", "delays", "1")
        assert 0 < seconds <= 60
        yield from self.states[1:]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster()
    monkeypatch.setattr(experiments, "KubeconfigCluster", lambda *_: found)
    return found


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["status", "delays", "-n", "team-flights", *arguments])


def test_one_that_waits_says_for_what_how_far_that_is_and_what_to_do(cluster: Cluster) -> None:
    months = Key("DatasetPin", "team-flights", "months")
    cluster.pins = {months: {"metadata": {"generation": 1}, "status": {"progress": PROGRESS}}}
    told = ask()
    assert (told.exit_code, told.stdout.splitlines()) == (
        3,
        [
            "Experiment team-flights/delays is not Ready: PinNotReady",
            f"  Purpose    {PURPOSE} (team-flights)",
            "  Lifecycle  Active",
            f"  {IN_PROGRESS}",
            "Conditions",
            "  Ready           False    PinNotReady",
            f"    {PENDING}",
            f"    Next: {reasons.MEANINGS['PinNotReady'].cure}",
            "  InputsVerified  False    PinNotReady, as Ready says",
            "  NamespaceReady  Unknown  Pending",
            "    not looked at yet",
            "  Reconciling     True     PinNotReady",
            "Inputs",
            f"  DatasetPin team-flights/months         {HASHING}",
            "  DatasetPin data/final-months           may not be read with your rights",
            "  FeatureSetPin team-flights/weather-v2  is not there",
            "Seal: none yet",
        ],
    )


def test_one_that_is_sealed_shows_its_run_and_its_seal(cluster: Cluster) -> None:
    cluster.states = [SEALED]
    told = ask("--for", "Sealed")
    assert told.exit_code == 0
    seal = SEALED["status"]["seal"]
    shown = told.stdout.splitlines()
    assert shown[0] == "Experiment team-flights/delays is Ready"
    assert f"  {seal['uri']}" in shown
    assert [line for line in shown if line.startswith("Run: Succeeded, ")]
    assert {f"  not vouched for: {each}" for each in seal["findings"]} <= set(shown)
    assert "Inputs" not in shown


def test_it_is_printed_again_when_it_changed_until_it_is_there(cluster: Cluster) -> None:
    cluster.states = [WAITING, WAITING, READY, REFUSED]
    told = ask("--watch")
    assert told.exit_code == 0
    assert [line for line in told.stdout.splitlines() if line.startswith("Experiment")] == [
        "Experiment team-flights/delays is not Ready: PinNotReady",
        "Experiment team-flights/delays is Ready",
    ]


@pytest.mark.parametrize(
    ("states", "arguments", "code"),
    [
        pytest.param([READY], (), 0, id="there"),
        pytest.param([WAITING], (), 3, id="not yet"),
        pytest.param([REFUSED], (), 1, id="refused"),
        pytest.param([READY], ("--for", "Sealed"), 3, id="ready and not sealed"),
        pytest.param([None], (), 1, id="not there"),
        pytest.param([WAITING, REFUSED, READY], ("--watch",), 1, id="refused while one watches"),
        pytest.param([WAITING, None], ("-w",), 1, id="deleted while one watches"),
        pytest.param([WAITING], ("-w", "--timeout", "0"), 3, id="not in time"),
        pytest.param([WAITING], ("--timeout", "5"), 2, id="a timeout of nothing"),
        pytest.param([WAITING], ("-w", "--timeout", "nan"), 2, id="no number"),
        pytest.param([WAITING], ("--for", "Lunch"), 2, id="nothing that comes"),
        pytest.param([{"metadata": {}, "items": []}], (), 2, id="not readable"),
    ],
)
def test_the_exit_code_says_how_it_went(
    cluster: Cluster, states: list[Json | None], arguments: tuple[str, ...], code: int
) -> None:
    cluster.states = states
    told = ask(*arguments)
    assert told.exit_code == code
    assert told.exception is None or isinstance(told.exception, SystemExit)


def test_a_cluster_that_does_not_answer_says_nothing_about_it(cluster: Cluster) -> None:
    cluster.error = Unavailable(reasons.API_UNAVAILABLE, "no answer\x1b[31m")
    told = ask("--watch")
    assert (told.exit_code, told.output) == (2, "no answer\\x1b[31m\n")


def test_a_gap_in_the_watch_is_gone_over(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_PAUSE_SECONDS", 0.001)
    reads = iter([WAITING, READY])
    monkeypatch.setattr(
        cluster, "find", lambda key: next(reads) if key.kind == "Experiment" else None
    )
    cluster.states = [WAITING]
    assert ask("--watch").exit_code == 0


def test_hostile_words_act_on_no_terminal(cluster: Cluster) -> None:
    hostile = experiment(condition("Ready", "False", "Rejected", "x\x1b[2J\u202ey\nz"))
    hostile["spec"]["purpose"]["description"] = "\x1b]0;owned\x07"
    cluster.states = [hostile]
    shown = ask().stdout
    assert "x\\x1b[2J\\u202ey\\x0az" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_programs_get_the_same_and_whether_it_came(cluster: Cluster, output: str) -> None:
    lost = {"uid": "u", "time": SINCE}
    hostile = condition("Ready", "False", "QuotaOutOfRange", "x\x1b[2J")
    cluster.states = [
        experiment(hostile, condition("Stalled", "True", "QuotaOutOfRange"), lostNamespace=lost)
    ]
    told = ask("-o", output)
    assert told.exit_code == 1
    assert told.stdout.isascii()
    assert "\x1b" not in told.stdout
    found = json.loads(told.stdout) if output == "json" else yaml.safe_load(told.stdout)
    assert (found["name"], found["ready"], found["for"], found["reached"]) == (
        *("delays", False, "Ready", "Never"),
    )
    assert found["lostNamespace"] == lost
    assert found["conditions"][0]["next"] == reasons.MEANINGS["QuotaOutOfRange"].cure
    assert {"pin": "DatasetPin data/final-months", "state": "may not be read with your rights"} in (
        found["inputs"]
    )


def test_each_change_is_a_document_of_its_own(cluster: Cluster) -> None:
    cluster.states = [WAITING, READY]
    told = ask("-w", "-o", "yaml")
    assert [each["reached"] for each in yaml.safe_load_all(told.stdout)] == ["NotYet", "Yes"]


def test_a_namespace_that_was_lost_is_on_the_screen(cluster: Cluster) -> None:
    cluster.states = [
        experiment(condition("Ready", "True", "x"), lostNamespace={"uid": "u", "time": SINCE})
    ]
    assert "Lost       its namespace was deleted by somebody: found 2026-03-01" in ask().stdout


def test_who_answers_nothing_is_not_asked_for_each_input(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def find(key: Key) -> Json | None:
        if key.kind == "Experiment":
            return WAITING
        asked.append(key)
        raise Unavailable(reasons.API_UNAVAILABLE, "no answer")

    monkeypatch.setattr(cluster, "find", find)
    assert ask().stdout.count("may not be read just now") == 3
    assert len(asked) == 1


def test_that_nobody_works_is_told_of_what_is_ready_too(cluster: Cluster) -> None:
    cluster.states = [READY]
    cluster.lease = {"spec": {"holderIdentity": "a", "renewTime": f"{SINCE}"}}
    assert "  No operator works: the Lease" in ask().stdout
    notes = json.loads(ask("-o", "json").stdout)["notes"]
    assert notes[0].startswith("No operator works: ")


def test_each_condition_that_is_amiss_has_its_words_or_those_of_ready(cluster: Cluster) -> None:
    cluster.states = [
        experiment(
            condition("Ready", "False", "DeliveryUnavailable", "no image"),
            condition("Stalled", "True", "DeliveryUnavailable", "no image"),
            condition("Succeeded", "False", "DeliveryUnavailable", "no image"),
            condition("Sealed", "False", "NotSealed", "sealed when the run is over"),
            condition("Isolated", "True", "Proven", "nothing came through"),
        )
    ]
    shown = ask().stdout.splitlines()
    assert shown[shown.index("Conditions") + 1 : -1] == [
        "  Ready      False    DeliveryUnavailable",
        "    no image",
        f"    Next: {reasons.MEANINGS['DeliveryUnavailable'].cure}",
        "  Stalled    True     DeliveryUnavailable",
        "  Succeeded  False    DeliveryUnavailable, as Ready says",
        "  Sealed     False    NotSealed",
        "    sealed when the run is over",
        "  Isolated   True     Proven",
        "Inputs",
        *shown[shown.index("Inputs") + 1 : -1],
    ]
