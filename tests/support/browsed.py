"""A cluster that `glovebox ui` shows: some objects, and a caller who may not read all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import yaml
from kubernetes import client

from glovebox.api import reasons
from glovebox.cli.experiments import Listed
from glovebox.cli.ui.pages import Pages
from glovebox.cli.ui.server import application, base_of, serve
from glovebox.errors import Unavailable
from glovebox.kube.kinds import Kind
from glovebox.kube.resources import Key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from glovebox.cli.experiments import KubeconfigCluster

Json = dict[str, Any]

UNIT: Final = Path(__file__).parents[1] / "unit"
MOMENT: Final = datetime(2026, 3, 3, 8, tzinfo=UTC)
TOKEN: Final = "a-token-of-many-letters"


def refused(status: HTTPStatus, text: str) -> Unavailable:
    error = Unavailable(reasons.REJECTED, f"the API server said {status.value}: {text}")
    error.__cause__ = client.ApiException(status=status.value)
    return error


class BrowsedCluster:
    """What pages read of a cluster.

    Args:
        objects: Its objects.
        hidden: Kinds that the caller may not read.
        only: The one namespace that the caller may read; empty for all.
    """

    server = "https://cluster.example:6443"

    def __init__(
        self, objects: Sequence[Json], hidden: Collection[str] = (), only: str = ""
    ) -> None:
        self._objects = objects
        self._hidden = hidden
        self._only = only
        self.reads: list[tuple[str, int]] = []

    def _read(self, kind: str, namespace: str = "") -> list[Json]:
        if kind in self._hidden or (self._only and namespace != self._only):
            who = 'User "ada" cannot list it'
            raise refused(HTTPStatus.FORBIDDEN, f"{kind}s is forbidden: {who}")
        return [
            each
            for each in self._objects
            if each["kind"] == kind and namespace in {"", each["metadata"].get("namespace", "")}
        ]

    def page(self, kind: str, namespace: str, most: int, following: str = "") -> Listed:
        if following == "old":
            raise refused(HTTPStatus.GONE, "The provided continue parameter is too old")
        self.reads.append((kind, most))
        begin, found = int(following or 0), self._read(kind, namespace)
        end = begin + most
        if end >= len(found):
            return Listed(found[begin:], "", None)
        return Listed(found[begin:end], str(end), len(found) - end)

    def each(self, kind: str, namespace: str = "") -> Iterator[Json]:
        yield from self._read(kind, namespace)

    def find(self, key: Key) -> Json | None:
        found = self._read(key.kind, key.namespace)
        return next((each for each in found if each["metadata"]["name"] == key.name), None)

    def dataset_pins(self, namespace: str = "") -> list[Json]:
        return self._read("DatasetPin", namespace)

    def events(self, namespace: str, uid: str) -> list[Json]:
        found = self._read("Event", namespace)
        return [each for each in found if each["involvedObject"]["uid"] == uid]

    def operator_lease(self) -> Json | None:
        return None

    def inside(self, kind: Kind, namespace: str) -> list[Json]:
        return self._read(kind.kind, namespace)

    def namespace(self, name: str) -> Json:
        found = self.find(Key("Namespace", "", name))
        if found is None:
            raise refused(HTTPStatus.NOT_FOUND, f"there is no namespace {name}")
        return found


def declared() -> list[Json]:
    """Return what the commands' own tests look at, a pin's page and Events among it."""
    folder = UNIT / "cli" / "golden"
    found = [
        _loaded(UNIT / "report" / "experiment.yaml"),
        _loaded(UNIT / "report" / "pin.yaml"),
        _loaded(folder / "beside.yaml"),
        *_loaded(folder / "cluster.yaml"),
    ]
    names = {(each["kind"], each["metadata"]["name"]): each for each in reversed(found)}
    uid = names["Experiment", "delays"]["metadata"]["uid"]
    told = (
        ("Normal", "Bound", "bound to 3 inputs", "2026-03-01T12:00:00Z"),
        ("Normal", "Provisioned", "its namespace is isolated and open", "2026-03-01T12:00:02Z"),
        ("Warning", "DriftRepaired", "NetworkPolicy `default-deny` was deleted by `rogue`",
         "2026-03-01T12:05:00Z"),
        ("Normal", "Sealed", "12 object versions are listed, signed and locked",
         "2026-03-01T12:14:02Z"),
    )  # fmt: skip
    events = [
        {
            "kind": "Event",
            "metadata": {"name": f"e{number}", "namespace": "team-flights"},
            "involvedObject": {"uid": uid},
            "type": kind,
            "reason": reason,
            "message": message,
            "lastTimestamp": at,
        }
        for number, (kind, reason, message, at) in enumerate(told)
    ]
    return [*sorted(names.values(), key=_place), *events]


def _place(obj: Json) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


# Name, what its Ready says, how far it is, and whether something differs.
_KINDS_OF_RUN: Final[tuple[tuple[str, str, str, str, Json, str], ...]] = (
    ("baseline", "True", "Sealed", "the results are sealed", {"seal": {"uri": "s3://a/b"}}, ""),
    ("wider", "True", "Provisioned", "it is isolated", {"run": {"outcome": ""}}, ""),
    ("deeper", "False", "PinNotFound", "there is no DatasetPin `rain-2025`", {}, ""),
    ("carriers", "True", "Provisioned", "it is isolated", {"run": {"outcome": "Failed"}}, ""),
    ("holdout", "False", "GrantExpired", "the grant `data/holdout` has expired", {}, ""),
    ("wind", "True", "Provisioned", "it is isolated", {"run": {"outcome": "Succeeded"}},
     "DriftDetected"),
    ("season", "False", "StoreUnavailable", "the store does not answer", {}, ""),
    ("replay", "True", "Sealed", "the results are sealed", {"seal": {"uri": "s3://a/b"}}, ""),
)  # fmt: skip


def fleet(many: int) -> list[Json]:
    """Return Experiments of four teams in all states, in the order of the API server."""
    teams = ("team-climate", "team-fraud", "team-speech", "team-vision")
    each = -(-many // len(teams))
    found = (_member(team, number) for team in teams for number in range(each))
    return list(found)[:many]


def _member(team: str, number: int) -> Json:
    kind, ready, reason, message, more, drift = _KINDS_OF_RUN[number % len(_KINDS_OF_RUN)]
    at = f"2026-{1 + number % 2:02}-{1 + number % 28:02}T{number % 24:02}:00:00Z"
    said = [("Ready", ready, reason, message)]
    if ready == "True":
        said.append(("DriftDetected", "False", "NoDrift", "every object is as declared"))
    if drift:
        said[-1:] = [("DriftDetected", "True", drift, "a pod that is not of the run is there")]
    bound = {"digest": f"sha256:{number:064x}", "provisioned": {"time": at}}
    return {
        "kind": "Experiment",
        "metadata": {
            "name": f"{kind}-{number:05}",
            "namespace": team,
            "uid": f"{team}-{number}",
            "generation": 1,
            "creationTimestamp": at,
        },
        "spec": {"profile": "standard"},
        "status": {
            "observedGeneration": 1,
            "conditions": [
                {"type": a, "status": b, "reason": c, "message": d, "lastTransitionTime": at}
                for a, b, c, d in said
            ],
            **(bound if ready == "True" else {}),
            **more,
        },
    }


def pages(cluster: BrowsedCluster, namespace: str = "") -> Pages:
    """Return the pages of a cluster."""
    return Pages(cast("KubeconfigCluster", cluster), base_of(TOKEN), namespace, lambda: MOMENT)


@asynccontextmanager
async def served(cluster: BrowsedCluster) -> AsyncIterator[str]:
    """Serve the pages of a cluster on a free port; gives the address of the first."""
    async with serve(application(pages(cluster).html, TOKEN), 0) as port:
        yield f"http://127.0.0.1:{port}{base_of(TOKEN)}"
