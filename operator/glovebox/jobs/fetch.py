"""`python -m glovebox.jobs.fetch`: the first step of a run's pod. Fills the volume of inputs, or fails the run before it begins.

It reads a plan and one credentials file for each store, and answers with an exit code and one JSON object as its last words:

    0   everything is there, hashed, read-only; a proof lies beside it
    42  something differs from what was pinned: final
    64  the plan cannot be read: final
    75  the store could not be reached in time: may be tried again

Credentials are read anew when the store turns them away: they are renewed in place while the fetcher works.
"""

from __future__ import annotations

import asyncio
import configparser
import functools
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from glovebox.api import reasons
from glovebox.data.delivery import (
    EXIT_INTEGRITY,
    EXIT_PLAN,
    EXIT_UNAVAILABLE,
    InputPlan,
    PlannedDataset,
    PlannedFeatures,
    document_digest,
    parse_plan,
)
from glovebox.data.digest import canonical_json
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.jobs.delivering import Delivered, deliver
from glovebox.store.connection import Credentials, Store, Stores, StoreSettings

PROOFS: Final = ".glovebox"
_LAST_WORDS_MAX: Final = 4096
_LONGEST_WAIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything lies in the pod; the defaults are those of the run's Job.

    Attributes:
        plan: The plan of inputs.
        credentials: Folder with one `<store>.credentials` for each store.
        target: The volume to fill.
        last_words: Where the last words go.
        deadline_seconds: How long an outage is waited for.
    """

    plan: Path
    credentials: Path
    target: Path
    last_words: Path
    deadline_seconds: float

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Places:
        """Read them from the environment."""
        return cls(
            plan=Path(environment.get("GLOVEBOX_INPUTS_PLAN", "/etc/glovebox/inputs/inputs.json")),
            credentials=Path(environment.get("GLOVEBOX_INPUTS_CREDENTIALS", "/var/run/glovebox/inputs")),
            target=Path(environment.get("GLOVEBOX_INPUTS", "/inputs")),
            last_words=Path(environment.get("GLOVEBOX_TERMINATION_LOG", "/dev/termination-log")),
            deadline_seconds=float(environment.get("GLOVEBOX_FETCH_DEADLINE_SECONDS", "600")),
        )


def main() -> int:
    """Deliver everything; return the exit code."""
    places = Places.of(os.environ)
    try:
        plan = parse_plan(places.plan.read_bytes())
    except (OSError, InvalidInput) as error:
        return _end(places, EXIT_PLAN, {"reason": reasons.MANIFEST_INVALID, "message": str(error)})
    name = ""
    try:
        for features in plan.features:
            name = features.name
            _write_features(places, features)
        for dataset in plan.datasets:
            name = dataset.name
            asyncio.run(_deliver(places, plan, dataset))
    except InvalidInput as error:
        return _end(places, EXIT_INTEGRITY, {"input": name, "message": error.message, "reason": error.reason})
    except GloveboxError as error:
        return _end(places, EXIT_UNAVAILABLE, {"input": name, "message": error.message, "reason": error.reason})
    counts = {"datasets": len(plan.datasets), "features": len(plan.features), "bytes": sum(entry.bytes for entry in plan.datasets)}
    return _end(places, 0, {"reason": reasons.VERIFIED, "message": "all inputs are delivered as pinned", **counts})


async def _deliver(places: Places, plan: InputPlan, dataset: PlannedDataset) -> None:
    """Deliver one dataset, waiting out what passes."""
    started = time.monotonic()
    stores = Stores(threads=16, jobs=1)
    target, partial = places.target / dataset.name, places.target / PROOFS / "partial"
    wait = 0.5
    try:
        while True:
            try:
                store = _open(stores, places, plan, dataset)
                done = await store.run_job(functools.partial(deliver, store, dataset, target, partial))
                break
            except InvalidInput:
                raise
            except GloveboxError as error:
                if time.monotonic() - started > places.deadline_seconds:
                    raise
                _say(f"{dataset.name}: {error.message}; trying again in {wait:.1f} s")
                await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
    finally:
        await stores.close()
    _prove(places, dataset, done, time.monotonic() - started)


def _open(stores: Stores, places: Places, plan: InputPlan, dataset: PlannedDataset) -> Store:
    planned = next((store for store in plan.stores if store.name == dataset.store), None)
    if planned is None:
        raise InvalidInput(reasons.MANIFEST_INVALID, f"the plan does not say how to reach the store '{dataset.store}'")
    keys = _credentials(places.credentials / f"{planned.name}.credentials")
    return stores.open(StoreSettings(planned.endpoint, planned.region, planned.path_style, keys))


def _credentials(path: Path) -> Credentials:
    parser = configparser.ConfigParser()
    try:
        parser.read_string(path.read_text())
        section = parser["default"]
        return Credentials(section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token"))
    except (OSError, KeyError, configparser.Error) as error:
        raise InvalidInput(
            reasons.STORE_CREDENTIALS_NOT_FOUND, f"{path.name} holds no readable credentials: {type(error).__name__}"
        ) from None


def _write_features(places: Places, features: PlannedFeatures) -> None:
    found = document_digest(features.document)
    if found != features.digest:
        raise InvalidInput(reasons.DIGEST_MISMATCH, f"the definitions have the digest {found}, pinned is {features.digest}")
    folder = places.target / features.name
    file = folder / "features.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(canonical_json(features.document))
        file.chmod(0o444)
    folder.chmod(0o555)


def _prove(places: Places, dataset: PlannedDataset, done: Delivered, seconds: float) -> None:
    proof = {
        "bytes": done.bytes,
        "digest": dataset.digest,
        "fetchedBytes": done.fetched_bytes,
        "milliseconds": round(seconds * 1000),
        "objects": done.objects,
        "pinDigest": dataset.pin_digest,
    }
    file = places.target / PROOFS / f"{dataset.name}.json"
    file.unlink(missing_ok=True)
    file.write_bytes(canonical_json(proof))
    file.chmod(0o444)
    rate = done.fetched_bytes / max(seconds, 1e-6) / 1e6
    _say(f"{dataset.name}: {done.objects} objects, {done.bytes} bytes as pinned, {rate:.1f} MB/s")


def _end(places: Places, code: int, words: Mapping[str, object]) -> int:
    text = orjson.dumps(words)[:_LAST_WORDS_MAX]
    try:
        places.last_words.write_bytes(text)
    except OSError as error:
        _say(f"the last words could not be written: {error}")
    _say(text.decode(errors="replace"))
    return code


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the log of a pod is its standard error


if __name__ == "__main__":
    sys.exit(main())
