"""A simulated world of one seed: cluster, store, operator processes, a team and a platform."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import random
from collections.abc import Callable
from typing import Any, Final, Literal

from glovebox import names
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import (
    DATASET_PIN,
    EXPERIMENT,
    FEATURE_SET_PIN,
    ISOLATION_PROFILE,
    NAMESPACE,
    NODE,
    OBJECT_STORE,
    SECRET,
    SPLIT_PIN,
    Kind,
)
from glovebox.settings import Lineage
from glovebox.store.sealing import PREFIX
from simulation.actors import Actors
from simulation.api_server import ADMINISTRATOR, ApiServer, Asked, Refused
from simulation.api_transport import Faults, NoFaults
from simulation.cache_pods import CachePods
from simulation.loop import OtherClock, VirtualLoop, WallClock
from simulation.object_store import Identity, ObjectStoreServer
from simulation.process import RESYNC_SECONDS, Process
from simulation.sink import Sink
from simulation.story import Story
from simulation.task_pod import TaskPods
from support.examples import one_stage

Json = dict[str, Any]
TEAM: Final = "team-a"
# Another team, which lends.
LENDER: Final = "data"
ROLE: Final = "arn:aws:iam::role/glovebox-runs"
IMAGE: Final = "registry.example/trainer@sha256:" + "a" * 64
BUCKET: Final = "gbx-artifacts"
SOURCE: Final = "data"
OPERATOR_KEY: Final = "AKIAOPERATOR"
NODE_INFO: Final = {
    "architecture": "amd64",
    "containerRuntimeVersion": "containerd://2.1.0",
    "kernelVersion": "6.12.0",
    "kubeletVersion": "v1.34.0",
    "osImage": "Simulated Linux",
}
LOADER: Final = Identity("AKIALOADER")


class World:
    """Everything of one run.

    Args:
        seed: Decides everything that is left to chance.
        loop: Its time.
        clock: Its time of day.
        faults: Of the operator's requests.
        slowest: Most seconds that another controller takes for a step.
    """

    def __init__(
        self,
        seed: int,
        loop: VirtualLoop,
        clock: WallClock,
        *,
        faults: Faults | None = None,
        slowest: float = 1.0,
    ) -> None:
        self.seed, self.loop, self.clock = seed, loop, clock
        self.chance = random.Random(f"world {seed}")  # noqa: S311 - a simulation
        numbers = itertools.count(1)
        self.story = Story(loop.time)
        self.server = ApiServer(clock.now, lambda: f"00000000-0000-4000-8000-{next(numbers):012d}")
        self.store = ObjectStoreServer(clock.now, ROLE)
        self.store.users |= {OPERATOR_KEY, LOADER.access_key_id}
        self.faults = faults or NoFaults()
        self.actors = Actors(
            self.server,
            self.story,
            random.Random(f"actors {seed}"),  # noqa: S311 - a simulation
            lambda: clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            slowest=slowest,
        )
        self.task_pods = TaskPods(self.server, self.store, random.Random(f"tasks {seed}"))  # noqa: S311 - a simulation
        self.actors.do_task = self.task_pods
        self.cache_pods = CachePods(self.server, self.store)
        self.actors.fill_cache = self.cache_pods
        # Where the operator does tasks on data.
        self.tasks: Literal["InProcess", "Jobs"] = "InProcess"
        # Whether they write and deliver lineage, and to whom.
        self.lineage = Lineage()
        self.sink = Sink()
        self.processes: list[Process] = []
        self.server.admission.append(in_use)
        # After this long an operator lists everything again.
        self.relist_seconds = RESYNC_SECONDS
        # After this long it compares our own kinds with a list of them.
        self.resync_seconds = RESYNC_SECONDS
        # How long one that leads is waited for once it is gone.
        self.lease_seconds = 15
        # Called when an operator writes on an older version than the last answer to its own write.
        self.on_stale: Callable[[Asked, int, int], None] = lambda *_: None

    def process(
        self, name: str = "operator", *, elects: bool = False, ahead: float = 0.0
    ) -> Process:
        """Return a new operator process, not started yet, whose clock is ahead by some seconds."""
        made = Process(
            name,
            self.server,
            self.store,
            self.story,
            self.faults,
            self.chance,
            OtherClock(self.clock, ahead) if ahead else self.clock,
            elects=elects,
            relist_seconds=self.relist_seconds,
            resync_seconds=self.resync_seconds,
            lease_seconds=self.lease_seconds,
            tasks=self.tasks,
            lineage=self.lineage,
            sink=self.sink,
        )
        made.on_stale = self.on_stale
        self.processes.append(made)
        return made

    # -- people

    def declare(self, kind: Kind, name: str, spec: Json, *, namespace: str | None = TEAM) -> Json:
        """Create one of our resources as a person does."""
        namespace = namespace if kind.namespaced else None
        asked = Asked(ADMINISTRATOR, "create", kind, namespace or "", name)
        made = self.server.create(asked, {"metadata": {"name": name}, "spec": spec})
        self.story.tell("a person", f"declares {kind.kind} {name}")
        return made

    def edit(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        patch: Json,
        *,
        subresource: str = "",
        user: str = ADMINISTRATOR,
    ) -> bool:
        """Change an object by a merge patch; return whether the server took it."""
        asked = Asked(user, "patch", kind, namespace or "", name, subresource)
        self.story.tell("a person", f"edits {asked}: {str(patch)[:120]}")
        return self._try(lambda: self.server.patch(asked, patch, "application/merge-patch+json"))

    def remove(self, kind: Kind, namespace: str | None, name: str) -> bool:
        """Delete an object as a person does; return whether the server took it."""
        asked = Asked(ADMINISTRATOR, "delete", kind, namespace or "", name)
        self.story.tell("a person", f"deletes {kind.plural} {namespace or ''}/{name}")
        return self._try(lambda: self.server.delete(asked, {}))

    def _try(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except Refused as refusal:
            self.story.tell("a person", f"is refused: {refusal}")
            return False
        return True

    def prepare(self, *, profile: Json | None = None, lends: bool = False) -> None:
        """Make what a platform has before any Experiment.

        Namespaces, keys, a bucket with data, profile and store; what another namespace has to lend.
        """
        for name in ("glovebox-system", TEAM, "kube-system", "default"):
            self.server.create(
                Asked(ADMINISTRATOR, "create", NAMESPACE, "", name), {"metadata": {"name": name}}
            )
        self.server.create(
            Asked(ADMINISTRATOR, "create", NODE, "", "node-1"),
            {"metadata": {"name": "node-1"}, "status": {"nodeInfo": NODE_INFO}},
        )
        keys = {"accessKeyId": OPERATOR_KEY, "secretAccessKey": "simulated"}
        self.server.create(
            Asked(ADMINISTRATOR, "create", SECRET, "glovebox-system", "store-keys"),
            {
                "metadata": {"name": "store-keys"},
                "type": "Opaque",
                "data": {
                    name: base64.b64encode(value.encode()).decode() for name, value in keys.items()
                },
            },
        )
        self.store.create_bucket(LOADER, SOURCE, can_lock=True)
        for number in range(3):
            self.store.put(LOADER, SOURCE, f"set/part-{number}", f"rows {number}\n".encode() * 9)
        self.store.put(LOADER, SOURCE, "later/part-0", b"later rows\n")
        self.declare(ISOLATION_PROFILE, "standard", profile_spec(**(profile or {})))
        self.declare(OBJECT_STORE, "primary", store_spec(lends=lends))
        if lends:
            asked = Asked(ADMINISTRATOR, "create", NAMESPACE, "", LENDER)
            self.server.create(asked, {"metadata": {"name": LENDER}})
            for folder in ("lent", "like"):
                self.store.put(LOADER, SOURCE, f"{folder}/rows.jsonl", _rows(folder))

    # -- looking

    def state(self) -> tuple[int, int]:
        """Return something that is another thing once anything in cluster or store was changed."""
        buckets = self.store.buckets.values()
        versions = sum(len(each) for bucket in buckets for each in bucket.keys.values())
        return self.server.version, versions

    def experiment(self, name: str = "x") -> Json | None:
        """Return an Experiment as it is."""
        return self.server.peek(EXPERIMENT, TEAM, name)

    def seals(self) -> dict[str, Json]:
        """Return the statement of each seal that the store holds, by the UID it is about."""
        bucket, found = self.store.buckets.get(BUCKET), {}
        for key, versions in (bucket.keys if bucket is not None else {}).items():
            if key.startswith(PREFIX) and key.endswith(STATEMENT_NAME):
                envelope = json.loads(versions[0].body)
                uid = key.removeprefix(PREFIX).split("/")[0]
                found[uid] = json.loads(base64.b64decode(envelope["payload"]))
        return found

    def evidence(self) -> set[tuple[str, str]]:
        """Return UID and name of all evidence that the store holds."""
        bucket = self.store.buckets.get(BUCKET)
        found = (key.removeprefix(PREFIX).split("/") for key in (bucket.keys if bucket else {}))
        return {(parts[0], parts[1]) for parts in found if len(parts) == 2}

    async def until(self, what: str, holds: Callable[[], bool], seconds: float = 600.0) -> None:
        """Wait until something holds. Who may wait for hours looks less often.

        Raises:
            AssertionError: It does not within that many virtual seconds.
        """
        end, pause = self.loop.time() + seconds, max(0.02, seconds / 10_000)
        while not holds():
            if self.loop.time() > end:
                raise AssertionError(f"not within {seconds:.0f} s: {what}")
            await asyncio.sleep(pause)


def in_use(asked: Asked) -> None:
    """Refuse the deletion of a profile or store in use, as the chart's guard does."""
    held = asked.verb == "delete" and asked.kind in (ISOLATION_PROFILE, OBJECT_STORE)
    if held and names.FINALIZER_IN_USE in (
        (asked.old or {}).get("metadata", {}).get("finalizers") or ()
    ):
        raise Refused(403, "Forbidden", f"{asked.kind.kind} {asked.name} is in use (guard)")


def condition(obj: Json | None, name: str) -> Json:
    """Return a condition, or an empty dictionary."""
    entries = ((obj or {}).get("status") or {}).get("conditions") or ()
    return next((entry for entry in entries if entry["type"] == name), {})


def is_true(obj: Json | None, name: str) -> bool:
    """Return whether a condition of an object is True."""
    return condition(obj, name).get("status") == "True"


def profile_spec(**changes: Any) -> Json:
    """Return a plain IsolationProfile."""
    return {
        "description": "for the simulation",
        "quota": [
            {"resource": "requests.cpu", "default": "1", "maximum": "4"},
            {"resource": "requests.memory", "default": "1Gi", "maximum": "8Gi"},
            {"resource": "pods", "default": "10", "maximum": "20"},
        ],
        "limits": {
            "defaultCpu": "500m",
            "defaultMemory": "512Mi",
            "defaultRequestCpu": "100m",
            "defaultRequestMemory": "128Mi",
            "maxCpu": "2",
            "maxMemory": "4Gi",
        },
        "images": [{"repository": "registry.example/trainer"}],
        "network": {"dns": {"namespace": "kube-system", "podLabels": {"k8s-app": "kube-dns"}}},
        "access": {"subjects": [{"kind": "Group", "name": "glovebox:team:$(team)"}]},
        "retention": {
            "mode": "Governance",
            "minimumDays": 1,
            "defaultDays": 1,
            "maximumDays": 30,
        },
        **changes,
    }


def store_spec(*, lends: bool = False) -> Json:
    """Return an ObjectStore; where something is lent, it says who may lend it."""
    theirs = {"namespaces": [LENDER], "sources": [{"bucket": SOURCE}], "lend": True}
    return {
        "endpoint": "http://192.0.2.10:8333",
        "region": "us-east-1",
        "pathStyle": True,
        "credentialsSecretRef": {"name": "store-keys"},
        "artifacts": {
            "bucket": BUCKET,
            "create": True,
            "worm": "Required",
            "retention": {"mode": "Governance", "days": 1},
        },
        "sts": {"roleArn": ROLE},
        "access": [
            {"namespaces": [TEAM], "sources": [{"bucket": SOURCE}], "artifacts": True},
            *([theirs] if lends else []),
        ],
        "network": {"cidrs": ["192.0.2.10/32"], "port": 8333},
    }


def pin_spec(prefix: str = "set/") -> Json:
    """Return a DatasetPin over the prepared data."""
    return {
        "storeRef": {"name": "primary"},
        "source": {"prefix": {"bucket": SOURCE, "prefix": prefix}},
        "description": "for the simulation",
        "owner": TEAM,
        "license": "CC0-1.0",
        "classification": "Public",
        "provenance": {"authors": ["somebody"]},
        # So that what somebody did to the data is found before all is over.
        "verification": {"listIntervalSeconds": 300},
    }


def grant_spec(**changes: Any) -> Json:
    """Return an AccessGrant of the pin `set` for the team itself, often enough for any story."""
    return {
        "pinRef": {"name": "set"},
        "namespaces": [TEAM],
        "roles": ["train"],
        "expireTime": "2099-01-01T00:00:00Z",
        "uses": 20,
        "reason": "for the simulation",
        "revoked": False,
        **changes,
    }


def split_of_a_pin() -> tuple[tuple[Kind, str, Json], ...]:
    """Return a DatasetPin that nobody else touches, a SplitPin of it, and a pin of each part."""
    parts = [
        {"name": "less", "role": "test", "share": 5000},
        {"name": "more", "role": "train", "share": 5000},
    ]
    divided: Json = {
        "source": {"pinRef": {"name": "whole"}},
        "granularity": "Objects",
        # By which one of the three objects is in the first part, and two are in the second.
        "rule": {"by": "Key", "salt": "c"},
        "parts": parts,
    }
    pins = (
        (
            DATASET_PIN,
            part["name"],
            {
                "storeRef": {"name": "primary"},
                "source": {"split": {"name": "halves", "part": part["name"]}},
                "verification": {"listIntervalSeconds": 300},
            },
        )
        for part in parts
    )
    return (
        (DATASET_PIN, "whole", pin_spec()),
        (SPLIT_PIN, "halves", divided),
        *((kind, str(name), spec) for kind, name, spec in pins),
    )


def lent_things() -> tuple[tuple[Kind, str, Json, str], ...]:
    """Return what another namespace lends, and what is done with it: kind, name, spec, namespace.

    Its pin and the definitions over it, which nobody else touches; in the team's namespace a copy
    of the data, by which the definitions may be used, and data that are compared with them.
    """
    columns = [{"name": "delay", "type": "Integer", "shown": True}]
    described = {"statistics": {"columns": columns}}
    reference = {"distribution": {"against": {"name": "lent", "namespace": LENDER}}}
    feature = {
        "name": "late",
        "recipe": {"expression": "delay > 15"},
        "dtype": "bool",
        "inputs": ["rows"],
    }
    definitions = {
        "schemaVersion": "1.0.0",
        "owner": LENDER,
        "inputs": [{"name": "rows", "pinRef": {"name": "lent"}}],
        "features": [feature],
    }
    return (
        (DATASET_PIN, "lent", pin_spec("lent/") | described, LENDER),
        (FEATURE_SET_PIN, "definitions", definitions, LENDER),
        (DATASET_PIN, "copy", pin_spec("lent/"), TEAM),
        (DATASET_PIN, "like", pin_spec("like/") | described | reference, TEAM),
    )


def grants_of_a_lender() -> dict[str, Json]:
    """Return by name the AccessGrants of definitions and of a distribution."""
    named = {"featureSetRef": {"name": "definitions"}, "storeRef": {"name": "primary"}}
    definitions = grant_spec(**named, roles=["features"])
    del definitions["pinRef"]
    shape = grant_spec(pinRef={"name": "lent"}, roles=["statistics"])
    return {"definitions": definitions, "shape": shape}


def _rows(folder: str) -> bytes:
    """Return a table: enough rows for a distribution to be told."""
    chance = random.Random(folder)  # noqa: S311 - a simulation
    delays = (chance.randrange(-10, 60) for _ in range(400))
    return b"".join(b'{"delay": %d}\n' % delay for delay in delays)


def experiment_spec(
    *, run: bool = True, pin: str = "", test_pin: str = "", borrows: bool = False, **changes: Any
) -> Json:
    """Return an Experiment, with a run of one stage that is given all inputs, or with none.

    One that borrows uses the definitions of `lent_things`, over the copy of their data.
    """
    spec: Json = {
        "profile": "standard",
        "purpose": {"description": "simulated", "owner": TEAM},
        "images": [{"name": "trainer", "reference": IMAGE}],
        "artifacts": {"storeRef": {"name": "primary"}},
    }
    if pin:
        spec["inputs"] = {
            "datasets": [
                {"name": role, "pinRef": {"name": name}, "role": role}
                for role, name in (("train", pin), ("test", test_pin))
                if name
            ]
        }
    if borrows:
        inputs = spec.setdefault("inputs", {})
        rows = {"name": "rows", "pinRef": {"name": "copy"}, "role": "train"}
        reference = {"name": "definitions", "namespace": LENDER}
        inputs["datasets"] = [*inputs.get("datasets", ()), rows]
        inputs["features"] = [{"name": "late", "pinRef": reference}]
    spec |= changes
    if run and "stages" not in spec:
        program = {"image": "trainer", "command": ["python", "train.py"]}
        spec["stages"] = one_stage(program, spec.get("inputs"))
    return spec


__all__ = ["BUCKET", "DATASET_PIN", "IMAGE", "TEAM", "World"]
