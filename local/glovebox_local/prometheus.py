"""A Prometheus that scrapes one operator and evaluates rules as often: each second by default."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from glovebox_local.errors import LocalError
from glovebox_local.http_check import HealthCheck
from glovebox_local.part import Part, PartSpec
from glovebox_local.ports import LOOPBACK, choose_ports

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROMETHEUS: Final = "prometheus"
_INTERVAL: Final = "1s"


class Prometheus:
    """A Prometheus: start it, ask it, stop it.

    Args:
        folder: For its configuration and data.
        port: Loopback port of the operator's metrics.
        rules: Groups of rules, as a rule file has them; none by default.
        run: Folder of the record of its process; `folder` by default.
        tied: It dies with the process that started it.
        interval: Between two scrapes, and between two evaluations.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        rules: Mapping[str, Any] | None = None,
        *,
        run: Path | None = None,
        tied: bool = True,
        interval: str = _INTERVAL,
    ) -> None:
        own = choose_ports([PROMETHEUS])[PROMETHEUS]
        self.url = f"http://{LOOPBACK}:{own}"
        self._folder, self._port, self._rules = folder, port, rules or {}
        self._interval = interval
        command = [
            PROMETHEUS,
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{own}",
            "--log.level=warn",
        ]
        ready = HealthCheck(f"{self.url}/-/ready")
        spec = PartSpec(PROMETHEUS, command, ready, ports=(own,))
        self._part = Part(spec, logs=folder, run=run or folder, tied=tied)

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            LocalError: There is no Prometheus on this machine, or it was not ready in time.
        """
        if shutil.which(PROMETHEUS) is None:
            raise LocalError(
                "Starting Prometheus",
                "this machine has none: `glovebox local packages` installs it (root, Debian)",
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        rules = self._folder / "rules.yaml"
        rules.write_text(json.dumps(self._rules))
        often = {"scrape_interval": self._interval, "scrape_timeout": self._interval}
        target = {"targets": [f"{LOOPBACK}:{self._port}"]}
        config = {
            "global": {**often, "evaluation_interval": self._interval},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "glovebox", "static_configs": [target]}],
        }
        (self._folder / "prometheus.yaml").write_text(json.dumps(config))
        self._part.start()

    def stop(self) -> None:
        """End it and wait until it has ended."""
        self._part.stop()

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Return the alerts that fire now, by name."""
        found = self._get("alerts")["alerts"]
        return {each["labels"]["alertname"]: each for each in found if each["state"] == "firing"}

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the samples of an expression now."""
        found: list[dict[str, Any]] = self._get(f"query?query={urllib.parse.quote(expr)}")["result"]
        return found

    def rule_errors(self) -> list[str]:
        """Return what kept rules from being evaluated."""
        rules = (each for group in self._get("rules")["groups"] for each in group["rules"])
        return [f"{each['name']}: {each['lastError']}" for each in rules if each.get("lastError")]

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=10) as answer:  # noqa: S310 - ours
            found: dict[str, Any] = json.load(answer)["data"]
        return found
