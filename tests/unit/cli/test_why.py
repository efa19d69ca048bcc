"""`glovebox why`: what it follows, what it may not read, and its exit codes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from glovebox.api import reasons
from glovebox.cli import experiments
from glovebox.cli.main import app
from glovebox.errors import Unavailable
from glovebox.kube.resources import Key

Json = dict[str, Any]


def made(spec: Json, status: str, reason: str) -> Json:
    entry = {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": f"about {reason}",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }
    return {
        "metadata": {"generation": 1},
        "spec": spec,
        "status": {"observedGeneration": 1, "conditions": [entry]},
    }


class Cluster:
    """A cluster of a few objects, some of which nobody may read."""

    def __init__(self) -> None:
        self.objects = {
            Key("Experiment", "a", "x"): made(
                {
                    "profile": "standard",
                    "artifacts": {"storeRef": {"name": "primary"}},
                    "inputs": {
                        "datasets": [
                            {"pinRef": {"name": "months"}},
                            {"pinRef": {"name": "set", "namespace": "data"}},
                        ]
                    },
                },
                "False",
                "PinNotReady",
            ),
            Key("IsolationProfile", "", "standard"): made({}, "True", "Ready"),
            Key("ObjectStore", "", "primary"): made({}, "True", "Proven"),
            Key("DatasetPin", "a", "months"): made(
                {
                    "storeRef": {"name": "gone"},
                    # Made from itself by way of another.
                    "provenance": {"sources": [{"pinRef": {"name": "raw"}}]},
                },
                "False",
                "StoreNotFound",
            ),
            Key("DatasetPin", "a", "raw"): made(
                {
                    "storeRef": {"name": "primary"},
                    "provenance": {"sources": [{"pinRef": {"name": "months"}}]},
                },
                "False",
                "Verifying",
            ),
        }
        self.hidden = {Key("DatasetPin", "data", "set")}
        self.is_away = False
        self.lease: Json | None = None
        self.read: list[Key] = []

    def operator_lease(self) -> Json | None:
        return self.lease

    def find(self, key: Key) -> Json | None:
        self.read.append(key)
        if self.is_away:
            raise Unavailable(reasons.API_UNAVAILABLE, "no answer\x1b[31m")
        if key in self.hidden:
            raise Unavailable(reasons.REJECTED, "the API server said 403: forbidden")
        return self.objects.get(key)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster()
    monkeypatch.setattr(experiments, "KubeconfigCluster", lambda: found)
    return found


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["why", *arguments])


def test_it_follows_what_is_not_ready_to_its_end(cluster: Cluster) -> None:
    told = ask("experiment", "a/x")
    assert told.exit_code == 1
    kinds = ("Experiment", "DatasetPin", "ObjectStore", "IsolationProfile", "It is not there")
    shown = [line for line in told.stdout.splitlines() if line.strip().startswith(kinds)]
    assert shown == [
        "Experiment a/x is not Ready: PinNotReady",
        "  DatasetPin a/months is not Ready: StoreNotFound",
        "    ObjectStore gone is not Ready",
        "      It is not there. Create it, or name another one.",
        "    DatasetPin a/raw is not Ready: Verifying",
        "  DatasetPin data/set is not known",
    ]
    assert "403" in told.stdout
    # Each is asked for once, also where two refer to it or it refers to itself.
    assert len(cluster.read) == len(set(cluster.read)) == 7


@pytest.mark.parametrize("kind", ["experiment", "Experiments", "gexp", "experiments.glovebox.dev"])
def test_a_kind_is_called_as_kubectl_calls_it(cluster: Cluster, kind: str) -> None:
    cluster.objects[Key("Experiment", "a", "y")] = made({}, "True", "Sealed")
    told = ask(kind, "a/y")
    assert (told.exit_code, told.stdout) == (0, "Experiment a/y is Ready\n")


def test_a_namespace_may_be_said_as_kubectl_takes_it(cluster: Cluster) -> None:
    cluster.objects[Key("Experiment", "a", "y")] = made({}, "True", "Sealed")
    assert ask("gexp", "y", "-n", "a").stdout == "Experiment a/y is Ready\n"


@pytest.mark.usefixtures("cluster")
def test_cluster_wide_kinds_have_no_namespace() -> None:
    assert ask("gstore", "primary").stdout == "ObjectStore primary is Ready\n"
    refused = ask("gstore", "a/primary")
    assert refused.exit_code == 2
    assert "without a namespace" in refused.output


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("experiment", "x"), "NAMESPACE/x, or -n NAMESPACE"),
        (("objectstore", "primary", "-n", "a"), "NAME, without a namespace"),
        (("experiment", "/x"), "NAMESPACE/NAME"),
        (("experiment", "a/"), "NAMESPACE/NAME"),
        (("pod", "a/x"), "must be one of experiment, datasetpin"),
    ],
)
def test_what_is_written_wrong_is_refused(arguments: tuple[str, ...], said: str) -> None:
    told = ask(*arguments)
    assert told.exit_code == 2
    assert said in " ".join(told.output.replace("│", " ").split())


@pytest.mark.usefixtures("cluster")
def test_what_is_not_there_is_not_ready() -> None:
    told = ask("datasetpin", "a/other")
    assert (told.exit_code, told.stdout.splitlines()) == (
        1,
        ["DatasetPin a/other is not Ready", "  It is not there. Create it, or name another one."],
    )


def test_who_may_not_read_what_was_asked_for_is_told(cluster: Cluster) -> None:
    cluster.hidden = {Key("Experiment", "a", "x")}
    told = ask("experiment", "a/x")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "403" in told.output


def test_a_cluster_that_does_not_answer_says_nothing_about_it(cluster: Cluster) -> None:
    cluster.is_away = True
    told = ask("experiment", "a/x")
    assert (told.exit_code, told.output) == (2, "no answer\\x1b[31m\n")


@pytest.mark.usefixtures("cluster")
def test_programs_get_json_in_ascii() -> None:
    told = ask("experiment", "a/x", "-o", "json")
    assert told.exit_code == 1
    assert told.stdout.isascii()
    assert json.loads(told.stdout)["below"][0]["because"]["reason"] == "StoreNotFound"


DEAD = {"spec": {"holderIdentity": "a", "renewTime": "2026-03-01T12:00:00.000000Z"}}


def test_that_nobody_works_is_told_once_also_of_what_is_ready(cluster: Cluster) -> None:
    cluster.lease = DEAD
    told = ask("experiment", "a/x").stdout
    assert told.count("No operator works: ") == 1
    assert "it continues by itself as soon" not in told
    ready = ask("gstore", "primary")
    assert (ready.exit_code, "No operator works: " in ready.stdout) == (0, True)


def test_a_pin_may_be_called_so(cluster: Cluster) -> None:
    assert ask("pin", "a/months").stdout == ask("datasetpin", "a/months").stdout
    assert cluster.read[0] == Key("DatasetPin", "a", "months")
