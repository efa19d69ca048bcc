"""A successor whose contract keeps less, as people meet it with kubectl and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from glovebox import names
from glovebox.cli.main import app
from support.operator_process import Team, experiment_spec, profile_spec

pytestmark = pytest.mark.timeout(300)
Json = dict[str, Any]
OLD: Json = {"format": "CSV", "columns": [{"name": "distance", "type": "Integer"}]}
MILES = b"distance\n80\n4983\n"
KILOMETRES = b"distance\n128.7\n8019.4\n"
NUMBER: Json = {**OLD, "columns": [{"name": "distance", "type": "Number", "maxNullShare": 0}]}


def pin(team: Team, name: str, bucket: str, **more: Any) -> None:
    source = {"prefix": {"bucket": bucket, "prefix": f"{more.pop('folder')}/"}}
    team.declare("DatasetPin", name, {"storeRef": {"name": "primary"}, "source": source, **more})


def declare(team: Team, name: str, pinned: str) -> None:
    inputs = {"datasets": [{"name": "rows", "pinRef": {"name": pinned}, "role": "train"}]}
    team.declare("Experiment", name, experiment_spec(team.name, "primary", inputs=inputs))


def shown(team: Team, name: str) -> str:
    answer = team.cluster.kubectl(
        "get", "datasetpin", name, f"--namespace={team.name}", "--output=wide"
    )
    head, row = answer.stdout.splitlines()
    return row[head.index("COMPATIBILITY") :].split()[0]


def test_kilometres_instead_of_miles_are_refused_until_it_is_said_what_to_do(
    team: Team, tmp_path: Path
) -> None:
    team.declare("IsolationProfile", team.name, profile_spec(data={"compatibility": "Forward"}))
    team.expect("IsolationProfile", team.name)
    bucket = team.bucket({"miles/a.csv": MILES, "km/a.csv": KILOMETRES})
    pin(team, "miles", bucket, folder="miles", contract=OLD)
    km = {"folder": "km", "contract": NUMBER, "supersedes": {"name": "miles"}}
    pin(team, "km", bucket, **km)
    pin(team, "km-noted", bucket, **km, migration={"notes": "multiply by 0.621371"})
    for name in ("miles", "km", "km-noted"):
        team.expect("DatasetPin", name, timeout=120.0)
    assert shown(team, "km") == "Breaking"
    found = team.read("DatasetPin", "km")["status"]["evolution"]
    assert [(each["column"], each["rule"], each["breaks"]) for each in found["first"]] == [
        ("distance", "Type", "Forward"),
        ("distance", "NullShare", "Backward"),
    ]
    declare(team, "refused", "km")
    refused = team.expect("Experiment", "refused", status="False", reason="ContractIncompatible")
    said = team.condition("Experiment", "refused", "InputsVerified")["message"]
    assert said == (
        "input `rows`: DatasetPin 'km' supersedes DatasetPin 'miles', and its contract is not"
        f" compatible with that one's, and IsolationProfile {team.name} demands Forward"
        " (`spec.data.compatibility`); what changed: `distance` (Type): create a pin that says in"
        " `spec.migration.notes` what its users have to change, or one whose contract keeps what"
        " was promised"
    )
    made = names.experiment_namespace(team.name, "refused", refused["metadata"]["uid"])
    assert team.api.find(f"/api/v1/namespaces/{made}") is None
    declare(team, "told", "km-noted")
    team.expect("Experiment", "told", timeout=120.0)
    # What was found stands when the superseded pin is gone.
    team.cluster.kubectl("delete", "datasetpin", "miles", f"--namespace={team.name}")
    assert team.read("DatasetPin", "km")["status"]["evolution"] == found
    # The command says of the manifests what the operator says of the pins.
    files = []
    for name, contract in (("miles", OLD), ("km", NUMBER)):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(yaml.safe_dump({"spec": {"contract": contract}}), encoding="utf-8")
    result = CliRunner().invoke(app, ["contract", "diff", *map(str, files)])
    assert (result.exit_code, result.output.splitlines()[0]) == (1, "Breaking")
    assert len(result.output.splitlines()) == 3
