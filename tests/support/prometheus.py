"""A real Prometheus that scrapes one operator and evaluates rules every second."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from glovebox_local.http_check import HealthCheck
from glovebox_local.part import Part, PartSpec
from glovebox_local.ports import choose_ports
from support.waiting import eventually

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="this machine has no Prometheus: `glovebox local packages` brings it",
)


class Prometheus:
    """It, and what it is asked."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Return the alerts that fire now, by name."""
        found = self._get("alerts")["alerts"]
        return {each["labels"]["alertname"]: each for each in found if each["state"] == "firing"}

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the samples of an expression now."""
        found: list[dict[str, Any]] = self._get(f"query?query={urllib.parse.quote(expr)}")["result"]
        return found

    def expect_firing(self, name: str, timeout: float = 30.0) -> dict[str, Any]:
        """Wait until an alert fires; return it."""
        return eventually(lambda: self.alerts().get(name), what=f"{name} fires", timeout=timeout)

    def expect_resolved(self, name: str, timeout: float = 30.0) -> None:
        """Wait until it fires no more."""
        eventually(
            lambda: name not in self.alerts() or None, what=f"{name} is over", timeout=timeout
        )

    def rule_errors(self) -> list[str]:
        """Return what kept rules from being evaluated."""
        rules = (each for group in self._get("rules")["groups"] for each in group["rules"])
        return [f"{each['name']}: {each['lastError']}" for each in rules if each.get("lastError")]

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self._url}/{path}", timeout=10) as answer:  # noqa: S310 - ours
            found: dict[str, Any] = json.load(answer)["data"]
        return found


@contextmanager
def running_prometheus(
    folder: Path, port: int, rules: Mapping[str, Any] | None = None
) -> Iterator[Prometheus]:
    """Scrape a port of this machine each second, by these rules, while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yaml").write_text(json.dumps(rules or {}))
    target = {"targets": [f"127.0.0.1:{port}"]}
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{"job_name": "glovebox", "static_configs": [target]}],
    }
    (folder / "prometheus.yaml").write_text(json.dumps(config))
    own = choose_ports(["prometheus"])["prometheus"]
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own}",
        "--log.level=warn",
    ]
    ready = HealthCheck(f"http://127.0.0.1:{own}/-/ready")
    spec = PartSpec("prometheus", command, ready, ports=(own,))
    part = Part(spec, logs=folder, run=folder, tied=True)
    part.start()
    try:
        yield Prometheus(own)
    finally:
        part.stop()
