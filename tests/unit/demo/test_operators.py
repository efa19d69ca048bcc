"""The operator that the chart deploys.

What the chart is told, and how its pages and its log are come by.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from glovebox_local.demo.operators import OperatorDeployment
from glovebox_local.demo.tools import Tools

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def operator(tmp_path: Path) -> OperatorDeployment:
    program = tmp_path / "kubectl"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    return OperatorDeployment(
        Tools(program, program, tmp_path / "kubeconfig", tmp_path / "home"),
        f"glovebox.local/glovebox@{DIGEST}",
        tmp_path,
    )


def test_the_chart_is_given_the_image_by_its_digest(operator: OperatorDeployment) -> None:
    assert operator.values == {"image": {"repository": "glovebox.local/glovebox", "digest": DIGEST}}


def test_its_pages_come_by_way_of_the_api_server(operator: OperatorDeployment) -> None:
    assert (
        operator.page("/metrics") == "get --raw"
        " /api/v1/namespaces/glovebox-system/services/glovebox-metrics:http/proxy/metrics"
    )
    assert operator.commands[0] == f"kubectl {operator.page('/metrics')}"


def test_its_log_is_fetched_when_it_is_asked_for(operator: OperatorDeployment) -> None:
    assert (
        operator.log.read_text() == "logs --namespace=glovebox-system deployment/glovebox-operator"
    )
