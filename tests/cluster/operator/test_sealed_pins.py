"""A chain of Experiments: what one has written is pinned by its seal, and the next one reads it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import orjson
import pytest
from botocore.exceptions import ClientError

from cluster.operator.test_runs import started
from glovebox import names
from glovebox.evidence.after_seal import envelope_digest
from glovebox.lineage.graph import graph_of
from glovebox.lineage.tree import answer, lines
from support.cluster import Cluster
from support.kubelet import end_pod, run_pod
from support.operator_process import Team, experiment_spec
from support.run_credentials import session_in, write_artifact
from support.sealed_evidence import evidence
from support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
Json = dict[str, Any]
PATIENCE = 120.0
ROWS = [{"flight": at, "hour": at % 24} for at in range(200)]


def as_lines(rows: list[Json]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


WRITTEN = {
    "features/a.jsonl": as_lines(ROWS[:100]),
    "features/b.jsonl": as_lines(ROWS[100:]),
    "encoder.bin": b"weights",
}


def sealed_spec(experiment: str = "build", prefix: str = "features/", **changes: Any) -> Json:
    named = {"name": experiment, "prefix": prefix, **changes}
    return {"storeRef": {"name": "primary"}, "source": {"experimentRef": named}}


def prefix_spec(bucket: str, prefix: str) -> Json:
    return {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": bucket, "prefix": f"{prefix}/"}},
    }


def roles(**pins: str) -> list[Json]:
    return [{"name": pin, "pinRef": {"name": pin}, "role": role} for pin, role in pins.items()]


def seal(team: Team, made: Json, files: dict[str, bytes]) -> Json:
    """Let a run write these and succeed; return the sealed Experiment."""
    for name, body in files.items():
        write_artifact(team, made, name, body)
    end_pod(team.api, run_pod(team.api, made["status"]["namespace"]), 0)
    return team.expect("Experiment", made["metadata"]["name"], "Sealed", timeout=PATIENCE)


@pytest.fixture
def built(team: Team) -> tuple[Team, Json]:
    """A team with raw data, and a sealed Experiment that wrote features of them."""
    held = {"raw/a.txt": b"flights", "final/a.txt": b"other flights"}
    bucket = team.bucket(held)
    for name in ("raw", "final"):
        team.declare("DatasetPin", name, prefix_spec(bucket, name))
        team.expect("DatasetPin", name)
    made = started(team, "build", inputs={"datasets": roles(raw="train")})
    return team, seal(team, made, WRITTEN)


def entries(cluster: Cluster, team: Team, name: str) -> dict[str, Json]:
    """Return what the manifest of a pin names, by path."""
    where = team.read("DatasetPin", name)["status"]["manifest"]
    at = {"Bucket": where["bucket"], "Key": where["key"], "VersionId": where["versionId"]}
    raw = cluster.store.client().get_object(**at)["Body"].read()
    found = [json.loads(line) for line in gzip.decompress(raw).splitlines()[1:-1]]
    return {each["path"]: each for each in found}


def place_of(made: Json) -> tuple[str, str]:
    bucket, _, prefix = made["status"]["artifacts"]["uri"].removeprefix("s3://").partition("/")
    return bucket, prefix


def features_spec(*inputs: str) -> Json:
    recipe = {"expression": "of the flights"}
    return {
        "schemaVersion": "1",
        "inputs": [{"name": name, "pinRef": {"name": name}} for name in inputs],
        "features": [{"name": "hour", "dtype": "int8", "recipe": recipe}],
        "materialized": {"pinRef": {"name": "values"}, "keys": ["flight"]},
    }


def test_what_one_experiment_wrote_is_read_by_the_next_one(
    cluster: Cluster, built: tuple[Team, Json]
) -> None:
    team, build = built
    bucket, prefix = place_of(build)
    s3 = cluster.store.client()
    sealed = s3.head_object(Bucket=bucket, Key=f"{prefix}features/a.jsonl")["VersionId"]
    # Who has a right to it writes over what is sealed, and beside it.
    for name in ("features/a.jsonl", "features/late.jsonl"):
        s3.put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=b'{"flight": 0, "hour": 999}\n')
    team.declare("DatasetPin", "values", sealed_spec())
    team.declare("FeatureSetPin", "hours", features_spec("raw"))
    team.declare("FeatureSetPin", "wrong", features_spec("raw", "final"))
    status = team.expect("DatasetPin", "values", timeout=PATIENCE)["status"]
    found = entries(cluster, team, "values")
    assert set(found) == {"a.jsonl", "b.jsonl"}
    assert found["a.jsonl"]["versionId"] == sealed
    derived, raw = status["derived"], team.read("DatasetPin", "raw")["status"]
    assert derived["uid"] == build["metadata"]["uid"]
    assert derived["digest"] == build["status"]["digest"]
    assert derived["manifestDigest"] == build["status"]["seal"]["manifestDigest"]
    assert [each["digest"] for each in derived["inputs"]] == [raw["digest"]]
    documents = evidence(cluster, build)
    assert derived["seal"] == envelope_digest(documents["attestation.dsse.json"])

    team.expect("FeatureSetPin", "hours", timeout=PATIENCE)
    told = team.condition("FeatureSetPin", "hours", "BuiltFromInputs")
    assert (told["status"], told["reason"]) == ("True", "BuiltFromInputs")
    team.expect("FeatureSetPin", "wrong", status="False", reason="BuiltFromOthers")
    assert "'final' (`final`)" in team.condition("FeatureSetPin", "wrong", "Ready")["message"]

    inputs = {
        "datasets": roles(values="train", final="test"),
        "features": [{"name": "hours", "pinRef": {"name": "hours"}}],
    }
    train = started(team, "train", inputs=inputs)
    by_name = {each["name"]: each for each in train["status"]["inputs"]}
    assert by_name["values"]["derived"]["seal"] == derived["seal"]
    assert by_name["values"]["stated"]["origin"] == "Derived"
    reads_its_inputs_alone(cluster, team, train, found["a.jsonl"])

    model = seal(team, train, {"model.bin": b"model"})
    # All of the chain is in the second seal, and in what is pinned by it.
    team.declare("DatasetPin", "model", sealed_spec("train", ""))
    upstream = team.expect("DatasetPin", "model", timeout=PATIENCE)["status"]["derived"]["inputs"]
    assert [(each["name"], each.get("role", "")) for each in upstream] == [
        ("final", "test"),
        ("values", "train"),
        ("hours", ""),
        ("raw", "train"),
    ]
    followed_back_to_the_raw_data(team, build, model, raw["digest"])


def reads_its_inputs_alone(cluster: Cluster, team: Team, made: Json, entry: Json) -> None:
    """The second run's own session reads what the first one's seal lists, and not its evidence."""
    session = session_in(
        team, made["status"]["namespace"], names.INPUTS_CREDENTIALS_SECRET, "primary.credentials"
    )
    s3 = cluster.store.client(session=session)
    version = {key: entry[name] for key, name in (("Bucket", "bucket"), ("Key", "key"))}
    got = s3.get_object(**version, VersionId=entry["versionId"])["Body"].read()
    assert got == WRITTEN["features/a.jsonl"]
    uri = team.read("Experiment", "build")["status"]["seal"]["uri"]
    bucket, _, folder = uri.removeprefix("s3://").partition("/")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=bucket, Key=f"{folder}attestation.dsse.json")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=bucket, Key=entry["key"].replace("features/a.jsonl", "encoder.bin"))


def followed_back_to_the_raw_data(team: Team, build: Json, model: Json, raw: str) -> None:
    """`glovebox lineage` goes from the last results to the first bytes, over both runs."""
    names_of = ("raw", "final", "values", "model")
    pins = [team.read("DatasetPin", name) for name in names_of]
    graph = graph_of([build, model], pins)
    (tree,) = answer(graph, "model")
    said = "\n".join(lines(tree))
    assert said.index(f"Experiment {team.name}/train") < said.index(f"Experiment {team.name}/build")
    assert raw in said
    # And without the Experiments: by what the pins have on record.
    (tree,) = answer(graph_of([], pins), "model")
    said = "\n".join(lines(tree))
    assert said.index(f"Experiment {team.name}/train") < said.index(f"Experiment {team.name}/build")
    assert raw in said


def test_the_pin_stays_when_the_experiment_is_deleted_and_is_the_same_when_made_again(
    built: tuple[Team, Json],
) -> None:
    team, build = built
    uid = build["metadata"]["uid"]
    team.declare("DatasetPin", "values", sealed_spec(uid=uid))
    before = team.expect("DatasetPin", "values", timeout=PATIENCE)["status"]
    team.api.delete(team.path("Experiment", "build"))
    eventually(
        lambda: team.api.find(team.path("Experiment", "build")) is None or None,
        what="the Experiment is gone",
        timeout=PATIENCE,
    )
    assert team.condition("DatasetPin", "values", "Ready")["status"] == "True"
    use = experiment_spec("standard", "primary", inputs={"datasets": roles(values="train")})
    team.declare("Experiment", "later", use)
    team.expect("Experiment", "later", timeout=PATIENCE)
    team.declare("DatasetPin", "again", sealed_spec(uid=uid))
    after = team.expect("DatasetPin", "again", timeout=PATIENCE)["status"]
    assert (after["pinDigest"], after["derived"]) == (before["pinDigest"], before["derived"])


def test_a_seal_that_was_tampered_with_is_refused(
    cluster: Cluster, built: tuple[Team, Json]
) -> None:
    team, build = built
    uri = build["status"]["seal"]["uri"]
    bucket, _, folder = uri.removeprefix("s3://").partition("/")
    uid, s3 = build["metadata"]["uid"], cluster.store.client()
    documents = evidence(cluster, build)

    def copied(to: str, statement: bytes) -> None:
        """Lay the evidence under another UID, as whoever may write to the bucket can."""
        for name, body in (documents | {"attestation.dsse.json": statement}).items():
            s3.put_object(Bucket=bucket, Key=f"{folder.replace(uid, to)}{name}", Body=body)

    envelope = json.loads(documents["attestation.dsse.json"])
    forged = envelope | {"signatures": [{"keyid": "x", "sig": "AAAA"}]}
    copied("11111111-0000-4000-8000-000000000000", json.dumps(forged).encode())
    copied("22222222-0000-4000-8000-000000000000", documents["attestation.dsse.json"])
    spec = sealed_spec(uid="11111111-0000-4000-8000-000000000000")
    team.declare("DatasetPin", "forged", spec)
    team.expect("DatasetPin", "forged", "Stalled", reason="SealInvalid", timeout=PATIENCE)
    said = team.condition("DatasetPin", "forged", "Ready")["message"]
    assert "no signature of the envelope is of a trusted key" in said
    spec = sealed_spec(uid="22222222-0000-4000-8000-000000000000")
    team.declare("DatasetPin", "moved", spec)
    team.expect("DatasetPin", "moved", "Stalled", reason="SealOfOther", timeout=PATIENCE)
    # What is laid over the real one does not count: the oldest that is ours does.
    s3.put_object(
        Bucket=bucket, Key=f"{folder}attestation.dsse.json", Body=json.dumps(forged).encode()
    )
    team.declare("DatasetPin", "values", sealed_spec())
    team.expect("DatasetPin", "values", timeout=PATIENCE)


def test_no_other_team_pins_the_artifacts(cluster: Cluster, built: tuple[Team, Json]) -> None:
    team, build = built
    other = Team(cluster, f"{team.name}-other")
    other.bucket({"a.txt": b"own"})
    other.declare("DatasetPin", "theirs", sealed_spec(uid=build["metadata"]["uid"]))
    other.expect("DatasetPin", "theirs", "Stalled", reason="SealOfOther", timeout=PATIENCE)
    assert "manifest" not in other.read("DatasetPin", "theirs")["status"]
