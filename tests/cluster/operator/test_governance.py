"""What pins say of their data, and what a profile demands of it, as people meet it with kubectl."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from glovebox import names
from glovebox.evidence.told import lines_of
from support.cluster import Cluster
from support.examples import FLIGHTS, flights
from support.kubelet import end_pod, run_pod
from support.operator_process import Team, experiment_spec, profile_spec
from support.sealed_evidence import verified
from support.waiting import eventually

SAID = {
    name: part
    for name, part in flights("DatasetPin")["spec"].items()
    if name not in {"storeRef", "source", "verification", "coverage"}
}
RULES = {
    "environment": "Production",
    "data": {
        "provenance": "Full",
        "licenses": {"allowed": ["CC-BY-4.0", "CC0-1.0"]},
        "withinRetention": True,
    },
}


@pytest.fixture
def governed(team: Team) -> Team:
    """A team under a profile of its own, which demands something of data."""
    team.declare("IsolationProfile", team.name, profile_spec(**RULES))
    team.expect("IsolationProfile", team.name)
    return team


def pin(team: Team, name: str, **said: Any) -> None:
    """Declare a pin over a bucket of its own."""
    bucket = team.bucket({"a.csv": name.encode()}, name)
    source = {"prefix": {"bucket": bucket, "prefix": ""}}
    spec = {**SAID, **said, "storeRef": {"name": "primary"}, "source": source}
    team.declare("DatasetPin", name, {key: part for key, part in spec.items() if part is not None})


def declare(team: Team, name: str, pinned: str, **more: Any) -> None:
    inputs = {"datasets": [{"name": "rows", "pinRef": {"name": pinned}, "role": "train"}]}
    spec = experiment_spec(team.name, "primary", inputs=inputs, **more)
    team.declare("Experiment", name, spec)


@pytest.mark.parametrize(
    ("said", "reason", "told"),
    [
        pytest.param(
            {"environment": "Staging"},
            "EnvironmentNotAllowed",
            "input `rows`: DatasetPin 'rows' says `spec.environment: Staging`, and IsolationProfile"
            " {profile} is for Production (`spec.environment`): production data and others are kept"
            " apart; use data of Production, or a profile for Staging",
            id="test data in production",
        ),
        pytest.param(
            {"license": "CC-BY-NC-4.0"},
            "LicenseNotAllowed",
            "input `rows`: DatasetPin 'rows' says `spec.license: CC-BY-NC-4.0`, and"
            " IsolationProfile {profile} allows CC-BY-4.0, CC0-1.0 (`spec.data.licenses`): use data"
            " under another licence, or another profile",
            id="a licence that is not allowed",
        ),
        pytest.param(
            {"retention": {"why": "the consent", "untilTime": "2020-01-01T00:00:00Z"}},
            "RetentionEnded",
            "input `rows`: DatasetPin 'rows' says `spec.retention.untilTime: 2020-01-01T00:00:00Z`,"
            " which is over, and IsolationProfile {profile} lets in data only while they may be"
            " kept (`spec.data.withinRetention`): use data that may still be kept, or another"
            " profile",
            id="data that may be kept no longer",
        ),
        pytest.param(
            {"region": None},
            "ProvenanceIncomplete",
            "input `rows`: DatasetPin 'rows' has the provenance Basic, and IsolationProfile"
            " {profile} demands Full (`spec.data.provenance`); missing are: spec.region: create"
            " a pin that says it, or declare the sources",
            id="a gap",
        ),
    ],
)
def test_kubectl_shows_what_is_not_allowed_and_nothing_was_made(
    governed: Team, said: dict[str, Any], reason: str, told: str
) -> None:
    pin(governed, "rows", **said)
    governed.expect("DatasetPin", "rows")
    declare(governed, "refused", "rows")
    refused = governed.expect("Experiment", "refused", status="False", reason=reason)
    shown = governed.cluster.kubectl(
        "get",
        "experiment",
        "refused",
        f"--namespace={governed.name}",
        '--output=jsonpath={.status.conditions[?(@.type=="InputsVerified")].message}',
    )
    assert shown.stdout == told.format(profile=governed.name)
    made = names.experiment_namespace(governed.name, "refused", refused["metadata"]["uid"])
    assert governed.api.find(f"/api/v1/namespaces/{made}") is None


def test_a_source_is_missing_then_there_then_gone_and_kubectl_shows_each(team: Team) -> None:
    image = "registry.example/etl@sha256:" + "3" * 64
    code = {"repository": "https://git.example/etl", "commit": "1234567"}
    derived = {
        **SAID["provenance"],
        "origin": "Derived",
        "sources": [{"pinRef": {"name": "raw"}}],
        "transformation": {"code": code, "image": image},
    }
    pin(team, "features", provenance=derived)

    def shown() -> list[str]:
        answer = team.cluster.kubectl(
            "get", "datasetpin", "features", f"--namespace={team.name}", "--output=wide"
        )
        head, row = answer.stdout.splitlines()
        at = head.index("PROVENANCE")
        return [head[at : at + 10], row[at : at + 10].split()[0]]

    team.expect("DatasetPin", "features")
    team.expect(
        "DatasetPin", "features", "ProvenanceComplete", status="False", reason="ProvenanceGaps"
    )
    assert shown() == ["PROVENANCE", "Basic"]
    pin(team, "raw")
    found = team.expect("DatasetPin", "features", "ProvenanceComplete", reason="ProvenanceFull")
    assert shown() == ["PROVENANCE", "Full"]
    (source,) = found["status"]["provenance"]["sources"]
    assert source == {"name": "raw", "digest": team.read("DatasetPin", "raw")["status"]["digest"]}
    # A pin keeps no other from being deleted.
    team.cluster.kubectl("delete", "datasetpin", "raw", f"--namespace={team.name}", "--timeout=30s")
    gone = team.expect(
        "DatasetPin", "features", "ProvenanceComplete", status="False", reason="ProvenanceGaps"
    )
    assert gone["status"]["provenance"]["sources"] == [source]
    assert source["digest"] in gone["status"]["provenance"]["gaps"][0]["message"]
    team.expect("DatasetPin", "features")


def test_an_auditor_reads_what_was_said_of_the_data_in_the_seal(
    cluster: Cluster, governed: Team
) -> None:
    pin(governed, "rows", environment="Production")
    governed.expect("DatasetPin", "rows", "ProvenanceComplete")
    declare(governed, "audited", "rows", run={"image": "trainer", "command": ["train"]})
    governed.expect("Experiment", "audited")

    def started() -> str | None:
        status = governed.read("Experiment", "audited")["status"]
        return status["namespace"] if (status.get("run") or {}).get("jobUid") else None

    namespace = eventually(started, what="the run was started")
    # What is bound stays as it was, and the edit is reported.
    path = governed.path("IsolationProfile", governed.name)
    governed.api.patch(path, {"spec": {"data": {"licenses": {"allowed": ["MIT"]}}}})
    changed = governed.expect("Experiment", "audited", "PlatformChanged", reason="ProfileChanged")
    assert any("`data`" in each["message"] for each in changed["status"]["conditions"])

    end_pod(governed.api, run_pod(governed.api, namespace), 0)
    made = governed.expect("Experiment", "audited", "Sealed", timeout=60)
    report = verified(cluster, made)
    assert report.findings == []
    (told,) = (line for line in lines_of(report) if line.startswith("data of input rows: "))
    for said in (
        "environment Production",
        "license CC0-1.0",
        "provenance Full",
        "retention Unlimited",
    ):
        assert said in told
    snapshot = report.definition["externalParameters"]["snapshot"]
    assert snapshot["platform"]["profile"]["data"] == RULES["data"]
    assert set(snapshot["inputs"][0]["stated"]) == {"environment", "license", "digest", "retention"}


def test_the_examples_say_all_there_is_to_say(team: Team) -> None:
    text = (FLIGHTS / "datasetpins.yaml").read_text(encoding="utf-8")
    for number, document in enumerate(yaml.safe_load_all(text)):
        pin(team, f"example-{number}", **document["spec"])
        team.expect("DatasetPin", f"example-{number}", "ProvenanceComplete")
