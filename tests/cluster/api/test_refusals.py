"""Every rule with the whole text that kubectl shows, and what lies beside it and is fine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from glovebox.api.kinds import BY_NAME, KINDS
from support.examples import FLIGHTS, REFUSALS, documents, flights, merged

if TYPE_CHECKING:
    from support.cluster import Cluster

_HERE = Path(__file__).parent


def _refusals() -> list[Any]:
    return [
        pytest.param(kind.kind, case, id=f"{kind.singular}-{case['case']}")
        for kind in KINDS
        for case in yaml.safe_load(
            (_HERE / "refusals" / f"{kind.singular}.yaml").read_text(encoding="utf-8")
        )
    ]


def _accepted() -> list[Any]:
    cases = yaml.safe_load((_HERE / "accepted.yaml").read_text(encoding="utf-8"))
    return [
        pytest.param(case, id=f"{BY_NAME[case['kind']].singular}-{case['case']}") for case in cases
    ]


@pytest.mark.parametrize(("kind", "case"), _refusals())
def test_kubectl_shows_why_an_object_is_refused(
    crds: Cluster, kind: str, case: dict[str, Any]
) -> None:
    bad = merged(flights(kind), case["change"])

    answer = crds.kubectl(
        "create", "--dry-run=server", "-f", "-", stdin=json.dumps(bad), check=False
    )

    assert answer.stderr.strip() == case["says"]
    assert answer.returncode == 1


@pytest.mark.parametrize("case", _accepted())
def test_what_lies_beside_a_rule_is_accepted(crds: Cluster, case: dict[str, Any]) -> None:
    good = merged(flights(case["kind"]), case["change"])

    crds.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(good))


def test_the_examples_are_accepted_as_they_stand(crds: Cluster) -> None:
    crds.kubectl("apply", "--dry-run=server", "-f", str(FLIGHTS))


@pytest.mark.parametrize(
    ("example", "says"),
    [
        (
            "tag-image",
            (
                'spec.images[0].reference: Invalid value: "registry.example/flights/trainer:latest"'
                ": must be an image pinned by"
            ),
        ),
        (
            "one-pin-in-two-roles",
            "spec.inputs.datasets: Invalid value: must not use one pin in two roles",
        ),
    ],
)
def test_an_example_of_a_refusal_is_refused(crds: Cluster, example: str, says: str) -> None:
    answer = crds.kubectl(
        "apply", "--dry-run=server", "-f", str(REFUSALS / f"{example}.yaml"), check=False
    )

    assert says in answer.stderr


def test_a_name_under_which_stores_keep_versions_is_refused(crds: Cluster) -> None:
    document = flights("Experiment")
    named = {**document, "metadata": {**document["metadata"], "name": "x.versions"}}
    answer = crds.kubectl(
        "create", "--dry-run=server", "-f", "-", stdin=json.dumps(named), check=False
    )
    assert "must not end in `.versions`" in answer.stderr


def test_the_example_above_the_quota_is_the_operators_to_refuse(crds: Cluster) -> None:
    crds.kubectl("apply", "--dry-run=server", "-f", str(REFUSALS / "over-quota.yaml"))
    over = next(
        document for document in documents(REFUSALS) if document["metadata"]["name"] == "over-quota"
    )
    offered = {
        entry["resource"]: int(entry["maximum"])
        for entry in flights("IsolationProfile")["spec"]["quota"]
        if entry["resource"].endswith("cpu")
    }

    assert int(over["spec"]["resources"]["quota"]["requests.cpu"]) > offered["requests.cpu"]
