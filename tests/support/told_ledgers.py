"""The ledger of a simulated world: made as a person makes it, and read as an auditor does."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any, Final

from glovebox.api import reasons
from glovebox.controllers.signing_keys import PRIVATE
from glovebox.evidence.signer import LocalSigner
from glovebox.kube.kinds import EVENT, EXPERIMENT, OBJECT_STORE, SECRET
from glovebox.ledger.entry import Entry, decode_entry
from glovebox.ledger.findings import LedgerReport
from glovebox.ledger.layout import Layout
from glovebox.ledger.note import vkey_of
from glovebox.ledger.policy import logs_alone
from glovebox.ledger.verification import LedgerDemand, verify_ledger
from glovebox.store.connection import Credentials, Stop, StoreSettings
from glovebox.store.ledger_init import init_ledger
from glovebox.store.ledger_objects import LedgerPlace
from glovebox.store.ledger_source import BucketSource
from simulation.api_server import ADMINISTRATOR, Asked, Change
from simulation.object_store_faces import SimStores
from simulation.stage import Stage
from simulation.world import BUCKET, OPERATOR_KEY
from support.ledger_logs import pem_of

Json = dict[str, Any]
BASE: Final = "ledger.example.com/acme"
SECRET_NAME: Final = "ledger-key"
FIRST: Final = Layout("acme", 1)
PEM: Final = pem_of(7)
SIGNER: Final = LocalSigner.of(PEM)
SPEC: Final = {"organisation": "acme", "keySecretRef": {"name": SECRET_NAME}}
# What becomes of an Experiment with a run, from its declaration to its deletion.
LIFE: Final = ("bind", "run-started", "run-ended", "sealed", "deleted")


def place_of(stage: Stage) -> LedgerPlace:
    """Return the bucket of artifacts, as somebody with the operator's keys sees it."""
    settings = StoreSettings("http://192.0.2.10:8333", credentials=Credentials(OPERATOR_KEY, "x"))
    return LedgerPlace(SimStores(stage.world.store).open(settings), BUCKET, lambda _: None)


def make_ledger(stage: Stage) -> None:
    """Make the ledger, as `glovebox ledger init` does."""
    init_ledger(place_of(stage), "acme", BASE, SIGNER, stage.world.clock.now(), Stop())


def make_key(stage: Stage) -> None:
    """Create the Secret with the ledger's key."""
    data = {PRIVATE: base64.b64encode(PEM.encode()).decode()}
    stage.world.server.create(
        Asked(ADMINISTRATOR, "create", SECRET, "glovebox-system", SECRET_NAME),
        {"metadata": {"name": SECRET_NAME}, "type": "Opaque", "data": data},
    )


def turn_on(stage: Stage) -> None:
    """Have the ObjectStore name the ledger."""
    stage.world.edit(OBJECT_STORE, None, "primary", {"spec": {"ledger": SPEC}})


async def with_ledger(stage: Stage) -> None:
    """Have a ledger that is written, before anything happens."""
    await stage.until(
        "the store is Ready",
        lambda: stage.condition("Ready", "primary", OBJECT_STORE).get("status") == "True",
    )
    make_ledger(stage)
    make_key(stage)
    turn_on(stage)
    await stage.until("the ledger is written", lambda: written(stage).get("status") == "True")
    await stage.until("it tells of the key of seals", lambda: keys_told(stage))


def keys_told(stage: Stage) -> list[Json]:
    """Return where the ledger tells of keys of seals, as the ObjectStore's status has it."""
    store = stage.world.server.peek(OBJECT_STORE, None, "primary")
    assert store is not None
    return list((store["status"].get("ledger") or {}).get("entries") or ())


def written(stage: Stage) -> Json:
    """Return the ObjectStore's condition on its ledger."""
    return stage.condition("LedgerWritten", "primary", OBJECT_STORE)


def entries(stage: Stage) -> list[Entry]:
    """Return the entries as they lie in the bucket, in their order."""
    keys = stage.world.store.buckets[BUCKET].keys
    prefix = f"{FIRST.prefix}entries/"
    return [decode_entry(keys[key][0].body) for key in sorted(keys) if key.startswith(prefix)]


def told(stage: Stage, uid: str = "") -> list[str]:
    """Return the kinds of the entries about Experiments, or about one of them, in their order."""
    found = [each for each in entries(stage) if each.subject.kind == "Experiment"]
    return [each.kind for each in found if not uid or each.subject.uid == uid]


def told_twice(stage: Stage) -> list[str]:
    """Return the ids of events that are told more than once."""
    counts = Counter(each.id for each in entries(stage))
    return [found for found, number in counts.items() if number > 1]


def verify(stage: Stage) -> LedgerReport:
    """Verify the ledger, as `glovebox ledger verify` does."""
    policy = logs_alone(vkey_of(f"{BASE}/1", SIGNER.public))
    source = BucketSource(place_of(stage), FIRST, Stop())
    return verify_ledger(source, LedgerDemand(policy, stage.world.clock.now()))


class Reports:
    """Everything that was reported before the ledger told of it, of Experiments seen from now on.

    Args:
        stage: Where.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.seen = 0
        self.too_early: list[str] = []
        stage.world.server.on_change.append(self._see)

    def _see(self, change: Change) -> None:
        if change.served.kind == EVENT and change.old is None:
            about = change.last.get("regarding") or change.last.get("involvedObject") or {}
            if about.get("kind") == EXPERIMENT.kind:
                self._require(str(about["uid"]), _EVENTS.get(change.last["reason"], ""))
        if change.served.kind != EXPERIMENT or change.old is None:
            return
        uid = str(change.last["metadata"]["uid"])
        if change.new is None:
            self._require(uid, "deleted")
            return
        shown = {
            entry["type"]: entry for entry in (change.new.get("status") or {}).get("conditions", ())
        }
        for condition, entry in shown.items():
            self._require(uid, _reported(condition, entry["status"], entry["reason"]))

    def _require(self, uid: str, kind: str) -> None:
        self.seen += bool(kind)
        if kind and kind not in told(self._stage, uid):
            self.too_early.append(f"{kind} of {uid}")


# Reasons of Events, and of what the ledger tells before them.
_EVENTS: Final = {
    reasons.RUN_STARTED: "run-started",
    reasons.RUN_SUCCEEDED: "run-ended",
    reasons.RUN_FAILED: "run-ended",
    reasons.SEALED: "sealed",
}


def _reported(condition: str, answer: str, reason: str) -> str:
    """Return the kind of what a condition reports; empty where it reports nothing."""
    match condition:
        case "Ready" if answer == "True":
            return "bind"
        case "Succeeded" if answer != "Unknown":
            return "run-ended"
        case "Succeeded" if reason == reasons.RUNNING:
            return "run-started"
        case "Sealed" if answer == "True":
            return "sealed"
    return ""
