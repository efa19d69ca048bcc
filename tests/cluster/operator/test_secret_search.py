"""The search that ends the tests of this folder finds a secret in every output there is."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from support.api import path_of
from support.leaks import SecretsInPlay, find_leaks
from support.no_leaks import outputs_of
from support.operator_process import Operator, Team, experiment_spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.api import Api


@pytest.fixture(scope="module")
def stopped(operator: Operator) -> Iterator[Operator]:
    """The operator does not run: it would write over what is planted."""
    operator.stop()
    yield operator
    operator.start()


class Planted:
    """Puts one new secret where a mistake could put it; nobody else knows it."""

    def __init__(self, team: Team, rogue: Api, operator: Operator, logs: Path) -> None:
        self.team, self.rogue, self.operator, self.logs = team, rogue, operator, logs
        self.secret = secrets.token_urlsafe(30)
        self.pages: dict[str, str] = {}

    def found(self) -> set[str]:
        """Return where the search finds it."""
        sought = SecretsInPlay()
        sought.add("planted", self.secret)
        outputs = outputs_of(self.team.cluster, self.logs, lambda: self.pages)
        return {leak.where for leak in find_leaks(sought, outputs)}

    def in_a_status(self) -> str:
        path = self._experiment()
        entry: dict[str, Any] = {
            "type": "Ready",
            "status": "False",
            "reason": "Planted",
            "message": self.secret,
        }
        entry |= {"lastTransitionTime": "2026-11-26T00:00:00Z", "observedGeneration": 1}
        self.rogue.patch(f"{path}/status", {"status": {"conditions": [entry]}})
        return f"Experiment {self.team.name}/planted"

    def in_an_annotation(self) -> str:
        change = {"metadata": {"annotations": {"note": f"key={self.secret}"}}}
        self.rogue.patch(self._experiment(), change)
        return f"Experiment {self.team.name}/planted"

    def in_what_a_person_applied_to_a_secret(self) -> str:
        note = json.dumps({"data": {"key": base64.b64encode(self.secret.encode()).decode()}})
        self._create("secrets", "Secret", annotations={"last-applied": note})
        return f"Secret {self.team.name}/planted"

    def in_a_config_map(self) -> str:
        self._create("configmaps", "ConfigMap", data={"snapshot.json": f'{{"a":"{self.secret}"}}'})
        return f"ConfigMap {self.team.name}/planted"

    def in_an_event(self) -> str:
        about = {"kind": "Experiment", "namespace": self.team.name, "name": "x"}
        self._create("events", "Event", involvedObject=about, message=f"no {self.secret}")
        return f"Event {self.team.name}/planted"

    def in_the_log_of_the_operator(self) -> str:
        with self.operator.part.log.open("a") as log:
            log.write(json.dumps({"event": f"refused: {self.secret}"}) + "\n")
        return f"file {self.operator.part.log.relative_to(self.logs)}"

    def in_the_audit_log(self) -> str:
        change = {"spec": {"purpose": {"description": f"with {self.secret}"}}}
        self.rogue.patch(self._experiment(), change)
        log = self.team.cluster.environment.control_plane.audit_log
        return f"file {log.relative_to(self.logs)}"

    def in_the_metrics(self) -> str:
        self.pages["/metrics"] = f'glovebox_objects{{name="{self.secret}"}} 1'
        return "page /metrics of the operator"

    def in_a_statement(self) -> str:
        payload = base64.b64encode(json.dumps({"predicate": {"by": self.secret}}).encode())
        return self._evidence(json.dumps({"payload": payload.decode()}).encode())

    def in_an_entry_of_the_ledger(self) -> str:
        entry = json.dumps({"kind": "bind", "details": {"reason": self.secret}}).encode()
        return self._evidence(entry, key=".glovebox/ledger/planted/1/entries/000/000/000/000")

    def in_the_name_of_a_person(self) -> str:
        return self._evidence(self.secret.encode(), key=".glovebox/people/planted/0")

    def in_a_kept_log(self) -> str:
        return self._evidence(f"epoch 1\nAWS_SESSION_TOKEN={self.secret}\n".encode())

    def in_the_metadata_of_evidence(self) -> str:
        return f"metadata of {self._evidence(b'', {'by': self.secret})}"

    def in_what_a_program_says(self) -> str:
        self.team.cluster.said.append(("glovebox verify s3://a", f"verified with {self.secret}"))
        return "output of glovebox verify s3://a"

    def _experiment(self) -> str:
        self.team.declare("Experiment", "planted", experiment_spec("standard", "primary"))
        return self.team.path("Experiment", "planted")

    def _create(
        self, plural: str, kind: str, *, annotations: dict[str, str] | None = None, **more: Any
    ) -> None:
        metadata = {"name": "planted", "annotations": annotations or {}}
        obj = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}
        self.team.api.create(path_of("v1", plural, namespace=self.team.name), obj)

    def _evidence(
        self,
        body: bytes,
        metadata: dict[str, str] | None = None,
        key: str = ".glovebox/seals/planted/file",
    ) -> str:
        bucket = self.team.bucket({}, "planted", store="")
        s3 = self.team.cluster.store.client()
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata or {})
        return f"object {bucket}/{key}"


PLACES = sorted(name for name in vars(Planted) if name.startswith("in_"))


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_that_is_planted_is_found_there(
    stopped: Operator,
    team: Team,
    rogue: Api,
    tmp_path_factory: pytest.TempPathFactory,
    place: str,
) -> None:
    planted = Planted(team, rogue, stopped, tmp_path_factory.getbasetemp())
    assert planted.found() == set()
    where = getattr(planted, place)()
    assert where in planted.found()
