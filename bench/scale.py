"""Measures what 10,000 Experiments cost: a scrape, events, a reconcile of what all of them use.

    python bench/scale.py --experiments 10000

The operator is put together as the process does it, without a server: its stores of objects are
filled by hand, and nothing is sent. Processor time is measured, which does not grow when the
machine is shared. What counts are ratios: everything at full size beside itself at a tenth, an
event beside parsing its JSON. Whatever is O(1) grows by about 1.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import orjson
from prometheus_client import generate_latest

from glovebox import names
from glovebox.controllers.assembly import operator
from glovebox.controllers.in_use import count_in_words
from glovebox.controllers.operator import Operator
from glovebox.controllers.process import process_registry
from glovebox.controllers.reconcile import reconcile_key
from glovebox.desired.difference import fingerprint
from glovebox.engine.key_queue import KeyQueue, Priority
from glovebox.kube.client import Client
from glovebox.kube.kinds import (
    CONFIG_MAP,
    EXPERIMENT,
    ISOLATION_PROFILE,
    NETWORK_POLICY,
    OBJECT_STORE,
    RESOURCE_QUOTA,
    Kind,
)
from glovebox.kube.objects import ObjectKey
from glovebox.kube.resources import Key
from glovebox.settings import Settings
from glovebox.store.connection import Stores

TEAMS = 100
SAMPLE = 1_000
REPEATS = 5
# As many Experiments with metrics of their own as may be set, and as a dashboard of several shows.
MOST_SHOWN, FEW_SHOWN = 1_000, 100
INPUTS, LEAKS = 4, 6
PROFILE = Key(ISOLATION_PROFILE.kind, "", "standard")
# What stands in each namespace: a few of the dozen objects are enough for what an event costs.
CHILDREN = (NETWORK_POLICY, RESOURCE_QUOTA, CONFIG_MAP)
CONDITIONS = (
    "Ready",
    "InputsVerified",
    "NamespaceReady",
    "Isolated",
    "QuotaApplied",
    "ArtifactsProtected",
    "CredentialsFresh",
    "PlatformChanged",
    "DriftDetected",
    "Succeeded",
    "Sealed",
)


@dataclass(frozen=True)
class Figures:
    """Processor seconds, at one size; each field is a row of the table.

    Attributes:
        scrape: One rendering of /metrics.
        few_shown: The same, with metrics of 100 Experiments of their own.
        most_shown: The same, with those of 1,000, the most that can be set.
        event: An Experiment's status changed.
        child: An object in an experiment's namespace changed as nobody wanted.
        profile: An annotation of the profile changed that all Experiments use.
        users: A reconcile of that profile.
        creation: A new Experiment appeared.
        deletion: An Experiment is gone.
        queue: A key through the queue, of as many that wait.
        parse: Parsing the JSON of an Experiment, for comparison.
        mebibytes: Memory of the process.
    """

    scrape: float
    few_shown: float
    most_shown: float
    event: float
    child: float
    profile: float
    users: float
    creation: float
    deletion: float
    queue: float
    parse: float
    mebibytes: float


ROWS = {
    "scrape": "/metrics",
    "few_shown": f"/metrics with series of {FEW_SHOWN} Experiments",
    "most_shown": f"/metrics with series of {MOST_SHOWN:,} Experiments",
    "event": "an event of an Experiment",
    "child": "an event of an object in its namespace",
    "profile": "an annotation of the profile that all use",
    "users": "a reconcile of that profile",
    "creation": "an Experiment appears",
    "deletion": "an Experiment is gone",
    "queue": "a key through the queue",
    "parse": "(parsing the JSON of an Experiment)",
}


def main() -> None:
    """Read the options, measure at two sizes, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--experiments", type=int, default=10_000)
    number = parser.parse_args().experiments
    small, large = asyncio.run(measure(number // 10)), asyncio.run(measure(number))
    print(f"| ms of one processor | at {number // 10:,} | at {number:,} | grown by |")
    print("|---|---|---|---|")
    for name, title in ROWS.items():
        few, many = getattr(small, name) * 1_000, getattr(large, name) * 1_000
        print(f"| {title} | {few:.3f} | {many:.3f} | {many / few:.2f} |")
    print(f"| memory of the process (MiB) | {small.mebibytes:.0f} | {large.mebibytes:.0f} | |")


async def measure(number: int) -> Figures:
    """Fill an operator with so many Experiments and measure it."""
    # Each in an operator of its own, before the one whose memory is measured.
    few_shown, most_shown = [await showing(shown, number) for shown in (FEW_SHOWN, MOST_SHOWN)]
    registry, metrics = process_registry()
    stores = Stores(threads=1)
    async with operator(
        Settings(), Client(nobody), metrics, registry, stores=stores, now=now, jitter=random.random
    ) as running:
        fill(running, number)
        step = max(1, number // SAMPLE)
        some = range(0, number, step)
        # What was made so far stays; collecting it again and again would be measured instead.
        gc.collect()
        gc.freeze()
        figures = Figures(
            scrape=best(lambda: generate_latest(registry)),
            few_shown=few_shown,
            most_shown=most_shown,
            event=each([partial(seen, running, experiment(one, 2)) for one in some]),
            child=each(
                [partial(disturbed, running, child(RESOURCE_QUOTA, one, 2)) for one in some]
            ),
            profile=each([partial(seen, running, profile(v, number)) for v in range(2, 102)]),
            users=await each_reconcile(running, PROFILE, 100),
            creation=each(
                [partial(seen, running, experiment(number + one, 1)) for one in range(SAMPLE)]
            ),
            deletion=each([partial(gone, running, experiment(one, 3)) for one in some]),
            queue=await through_the_queue(number) / number,
            parse=parsing([orjson.dumps(experiment(one, 2)) for one in some]),
            mebibytes=resident(),
        )
        gc.unfreeze()
    await stores.close()
    return figures


async def showing(shown: int, number: int) -> float:
    """Return the seconds of a scrape that has series of some of so many Experiments."""
    registry, metrics = process_registry()
    stores = Stores(threads=1)
    settings = Settings(experiment_series=shown)
    async with operator(
        settings, Client(nobody), metrics, registry, stores=stores, now=now, jitter=random.random
    ) as running:
        for one in range(number):
            obj = experiment(one, 1)
            obj["status"] |= inputs_of(one)
            seen(running, obj)
        seconds = best(lambda: generate_latest(registry))
        page = generate_latest(registry)
        own = sum(line.startswith(b"glovebox_experiment_info{") for line in page.splitlines())
        if own != min(shown, number):
            raise LookupError(own)
        print(
            f"{number:,} Experiments, {own:,} with series of their own: {len(page) >> 10:,} KiB,"
            f" {sum(not line.startswith(b'#') for line in page.splitlines()):,} samples",
            file=sys.stderr,
        )
    await stores.close()
    return seconds


def fill(running: Operator, number: int) -> None:
    """Let the watches tell of so many Experiments, of what they use and of what they have."""
    seen(running, profile(1, number))
    seen(running, store())
    for one in range(number):
        seen(running, experiment(one, 1))
        running.ports.children.claim(namespace_of(one), str(key_of(one)))
        for kind in CHILDREN:
            obj = child(kind, one, 1)
            running.ports.children.wrote(kind, obj)
            key = ObjectKey(kind.kind, namespace_of(one), kind.plural)
            running.ports.children.want(key, fingerprint(obj))


def seen(running: Operator, obj: dict[str, Any]) -> None:
    """Let the watch tell of one of our own kinds."""
    running.ports.resources.seen(obj)


def disturbed(running: Operator, obj: dict[str, Any]) -> None:
    """Let the watch tell of a quota that somebody edited."""
    running.ports.children.table(RESOURCE_QUOTA).seen(obj)


def gone(running: Operator, obj: dict[str, Any]) -> None:
    """Let the watch tell that one of our own kinds is gone."""
    running.ports.resources.deleted(obj)


async def each_reconcile(running: Operator, key: Key, times: int) -> float:
    """Return the seconds of one reconcile of a resource that is as it should be."""
    obj = running.ports.resources.get(key)
    if obj is None:
        raise LookupError(key)
    with timed() as spent:
        for _ in range(times):
            await reconcile_key(running.ports, key)
    return spent[0] / times


async def through_the_queue(number: int) -> float:
    """Add so many keys of 100 tenants, raise every tenth, and hand all of them out."""
    queue: KeyQueue[tuple[str, int]] = KeyQueue(lambda key: key[0], workers=17, reserved=1)
    with timed() as spent:
        for one in range(number):
            queue.add((f"team-{one % TEAMS}", one), Priority.RESYNC)
        for one in range(0, number, 10):
            queue.add((f"team-{one % TEAMS}", one), Priority.REPAIR)
        for _ in range(number):
            key, _priority = await queue.take()
            queue.done(key)
    return spent[0]


# What the API server would show.


def experiment(number: int, version: int) -> dict[str, Any]:
    """Return an Experiment; every hundredth is not Ready, and which changes with the version."""
    ready = "False" if number % 100 == version else "True"
    conditions = [
        {
            "type": name,
            "status": ready if name == "Ready" else "True",
            "reason": "Provisioned",
            "message": "it is as declared, and was checked against what the API server holds",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
        for name in CONDITIONS
    ]
    spec = {
        "profile": PROFILE.name,
        "purpose": {"description": "a measurement", "owner": "bench"},
        "images": [{"name": "trainer", "reference": f"registry.example/t@sha256:{'1' * 64}"}],
        "artifacts": {"storeRef": {"name": "primary"}},
    }
    status = {
        "observedGeneration": 1,
        "namespace": namespace_of(number),
        "conditions": conditions,
        "artifacts": {"credentialsExpireTime": f"2026-01-01T00:{number % 60:02}:00Z"},
    }
    return resource(EXPERIMENT, key_of(number), version, spec, status)


def inputs_of(number: int) -> dict[str, Any]:
    """Return what the status of a sealed Experiment says of its inputs and of its life."""
    time_of = "2026-01-01T00:00:00Z"
    inputs = [
        {
            "name": f"input-{one}",
            "role": "train",
            "kind": "DatasetPin",
            "pinRef": f"pin-{one}",
            "digest": f"sha256:{number:032x}{one:032x}",
            "bytes": 1 << 30,
        }
        for one in range(INPUTS)
    ]
    return {
        "digest": f"sha256:{number:064x}",
        "inputs": inputs,
        "boundTime": time_of,
        "provisioned": {"time": time_of},
        "run": {"startTime": time_of, "completionTime": time_of, "attempts": 1},
        "closedTime": time_of,
        "seal": {"sealedTime": time_of, "objects": 100, "bytes": 1 << 30, "findings": []},
        "leakage": [{"type": f"Leak{one}", "level": "Proved", "found": 0} for one in range(LEAKS)],
    }


def profile(version: int, users: int) -> dict[str, Any]:
    """Return the profile, which says how many use it; versions differ in an annotation alone."""
    conditions = [
        {
            "type": name,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
        for name, reason, message in (
            ("Ready", "Ready", "Experiments may choose this profile"),
            (
                "DeletionProtected",
                "Protected",
                "while anything refers to it, it is not deleted",
            ),
        )
    ]
    spec = {
        "description": "for a measurement",
        "quota": [
            {"resource": "requests.cpu", "default": "1", "maximum": "4"},
            {"resource": "requests.memory", "default": "1Gi", "maximum": "8Gi"},
            {"resource": "pods", "default": "10", "maximum": "20"},
        ],
        "images": [{"repository": "registry.example/t"}],
        "retention": {"minimumDays": 1, "maximumDays": 30, "defaultDays": 1},
    }
    status = {"observedGeneration": 1, "conditions": conditions}
    obj = resource(ISOLATION_PROFILE, PROFILE, version, spec, status)
    obj["metadata"]["finalizers"] = [names.FINALIZER_IN_USE]
    obj["metadata"]["annotations"] = {
        names.ANNOTATION_USERS: count_in_words(users),
        "note": str(version),
    }
    return obj


def store() -> dict[str, Any]:
    """Return an ObjectStore."""
    return resource(OBJECT_STORE, Key(OBJECT_STORE.kind, "", "primary"), 1, {}, {})


def resource(
    kind: Kind, key: Key, version: int, spec: dict[str, Any], status: dict[str, Any]
) -> dict[str, Any]:
    """Return one of our own kinds."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {
            "name": key.name,
            **({"namespace": key.namespace} if key.namespace else {}),
            "uid": f"uid-{key}",
            "resourceVersion": str(version),
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": [names.FINALIZER],
        },
        "spec": spec,
        "status": status,
    }


def child(kind: Kind, number: int, version: int) -> dict[str, Any]:
    """Return an object in an experiment's namespace; versions differ in their content."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {
            "name": kind.plural,
            "namespace": namespace_of(number),
            "uid": f"{kind.plural}-{number}",
            "resourceVersion": str(version),
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY},
        },
        "spec": {"hard": {"requests.cpu": str(version)}},
    }


def key_of(number: int) -> Key:
    """Return the key of an Experiment."""
    return Key(EXPERIMENT.kind, f"team-{number % TEAMS}", f"e{number}")


def namespace_of(number: int) -> str:
    """Return the name of an experiment's namespace."""
    return names.experiment_namespace(f"team-{number % TEAMS}", f"e{number}", f"uid-{number}")


# How it is measured.


def now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


def nobody() -> NoReturn:
    """Refuse to log in: nothing is sent."""
    raise AssertionError("nothing may be sent")


@contextmanager
def timed() -> Iterator[list[float]]:
    """Time a block in processor seconds, which others on the machine do not change."""
    spent: list[float] = []
    started = time.process_time()
    yield spent
    spent.append(time.process_time() - started)


def each(works: list[Callable[[], object]]) -> float:
    """Return the seconds of one of these, on average."""
    with timed() as spent:
        for work in works:
            work()
    return spent[0] / len(works)


def best(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some repeats."""
    return min(each([work]) for _ in range(REPEATS))


def parsing(texts: list[bytes]) -> float:
    """Return the seconds that parsing one of these takes."""
    return each([partial(orjson.loads, text) for text in texts])


def resident() -> float:
    """Return the memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / (1 << 20)


if __name__ == "__main__":
    main()
