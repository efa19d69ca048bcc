"""What people do while the operator works: edits, deletions, break-glass, lost dependencies."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import random
from collections.abc import Callable
from typing import Any, Final

from glovebox import names
from glovebox.controllers.signing_keys import PRIVATE
from glovebox.kube.kinds import (
    CONFIG_MAP,
    DATASET_PIN,
    EXPERIMENT,
    ISOLATION_PROFILE,
    JOB,
    JOB_SET,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    OBJECT_STORE,
    PERSISTENT_VOLUME,
    POD,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    SECRET,
    Kind,
)
from simulation.api_server import ADMINISTRATOR, Asked, Change, Refused
from simulation.object_store import NoAnswerError
from simulation.process import OPERATOR, key_pair
from simulation.world import (
    SOURCE,
    TEAM,
    World,
    experiment_spec,
    pin_spec,
    profile_spec,
    store_spec,
)

Json = dict[str, Any]
OPERATOR_NAMESPACE: Final = "glovebox-system"


class People:
    """Everybody who is not the operator.

    Args:
        world: Where.
        chance: The dice.
        spec: Of the Experiment, for who declares it again.
        profile: Changes of the profile, likewise.
        lends: Whether the store says that another namespace may lend.
    """

    def __init__(
        self,
        world: World,
        chance: random.Random,
        spec: Json,
        profile: Json,
        *,
        lends: bool = False,
    ) -> None:
        self._world, self._chance = world, chance
        self._spec, self._profile = spec, profile
        self._store = store_spec(lends=lends)
        # What is to be put back before the end.
        self.debts: list[Callable[[], None]] = []
        # Objects that were taken from under their users by breaking the glass: plural and name.
        self.broken_glass: set[tuple[str, str]] = set()
        # UIDs of Experiments whose finalizer was taken off.
        self.stripped: set[str] = set()
        # What was taken from a namespace for good.
        self.taken: set[str] = set()
        self._lost = ""
        # The states of experiments' namespaces, each time that somebody looked.
        self.seen: list[set[str]] = []

    def act(self) -> str:
        """Do one thing; return its name."""
        name, act = self._chance.choice(list(self.deeds().items()))
        act()
        return name

    def rotate(self) -> bool:
        """Put another key in place of the one that signs; return whether there is one."""
        if self._world.server.peek(SECRET, OPERATOR_NAMESPACE, names.SIGNING_KEY_SECRET) is None:
            return False
        pair = key_pair("the key of a person")
        data = {PRIVATE: base64.b64encode(pair.private.encode()).decode()}
        return self._world.edit(
            SECRET, OPERATOR_NAMESPACE, names.SIGNING_KEY_SECRET, {"data": data}
        )

    def deeds(self) -> dict[str, Callable[[], None]]:
        """Return all that they do, by name."""
        return {
            "edits a policy": lambda: self._edit_child(
                NETWORK_POLICY, names.NETWORK_POLICY_DEFAULT_DENY, {"spec": {"ingress": [{}]}}
            ),
            "deletes a policy": lambda: self._delete_child(
                NETWORK_POLICY, names.NETWORK_POLICY_DEFAULT_DENY
            ),
            "raises the quota": lambda: self._edit_child(
                RESOURCE_QUOTA, names.RESOURCE_QUOTA, {"spec": {"hard": {"pods": "999"}}}
            ),
            "deletes the limits": lambda: self._delete_child(LIMIT_RANGE, names.LIMIT_RANGE),
            "deletes the access": lambda: self._delete_child(
                ROLE_BINDING, names.TENANT_ROLE_BINDING
            ),
            "deletes the credentials": lambda: self._delete_child(SECRET, names.CREDENTIALS_SECRET),
            "takes the labels off the namespace": self._unlabel,
            "adds a policy of their own": self._add_policy,
            "deletes the namespace": self._delete_namespace,
            "edits the purpose": self._edit_purpose,
            "freezes and goes on": self._freeze,
            "deletes the Experiment": lambda: self._ignore(
                self._world.remove(EXPERIMENT, TEAM, "x")
            ),
            "deletes and declares it again": self._recreate,
            "deletes the profile for a while": lambda: self._lend(
                ISOLATION_PROFILE, None, "standard", profile_spec(**self._profile)
            ),
            "deletes the store for a while": lambda: self._lend(
                OBJECT_STORE, None, "primary", self._store
            ),
            "edits the profile": self._edit_profile,
            "changes data behind the pin": self._change_data,
            "breaks the glass of the profile": lambda: self._break_glass(
                ISOLATION_PROFILE, None, "standard", profile_spec(**self._profile)
            ),
            "breaks the glass of the store": lambda: self._break_glass(
                OBJECT_STORE, None, "primary", self._store
            ),
            "breaks the glass of the pin": lambda: self._break_glass(
                DATASET_PIN, TEAM, "set", pin_spec()
            ),
            "strips the finalizer and deletes": self._strip,
            "deletes the run's Job": self._delete_run,
            "deletes the pin": lambda: self._lend(DATASET_PIN, TEAM, "set", pin_spec()),
        }

    def named(self) -> dict[str, Callable[[], None]]:
        """Return what a scenario may name: all of them, and what is never drawn from a seed."""
        return self.deeds() | {
            "suspends": lambda: self._suspend(suspended=True),
            "goes on": lambda: self._suspend(suspended=False),
            "takes the store away": self._take_store,
            "lies in wait for a new namespace": self._lie_in_wait,
            "takes all labels off the namespace": self._unlabel_all,
            "starts a pod of the host": self._intrude,
            "looks at the namespaces": self._look,
            "loses a volume": self._lose_volume,
            "takes the snapshot of what was lost": self._take_snapshot,
        }

    def act_on(self, kind: Kind) -> str:
        """Do one thing to a kind that can be repaired, if there is one; return its name."""
        names_of = _OF_KIND.get(kind.kind, ())
        if not names_of:
            return ""
        name = self._chance.choice(names_of)
        self.deeds()[name]()
        return name

    def generate(self, namespace: Json) -> None:
        """Put a policy into a new namespace, under a name of ours, as policy engines do."""
        name = namespace["metadata"]["name"]
        asked = Asked("policy-engine", "create", NETWORK_POLICY, name, "")
        body = {
            "metadata": {"name": names.NETWORK_POLICY_DEFAULT_DENY},
            "spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]},
        }
        try:
            self._world.server.create(asked, body)
        except Refused as refusal:
            self._world.story.tell("policies", f"is refused: {refusal}")
        else:
            self._world.story.tell("policies", f"puts a policy of its own into {name}")

    def squat(self, made: Json) -> None:
        """Take the name that the namespace of an Experiment is going to have."""
        metadata = made["metadata"]
        name = names.experiment_namespace(metadata["namespace"], metadata["name"], metadata["uid"])
        self._world.story.tell("a person", f"squats {name}")
        asked = Asked(ADMINISTRATOR, "create", NAMESPACE, "", name)
        self._world.server.create(asked, {"metadata": {"name": name}})

    def pay(self) -> None:
        """Put back what was taken away for a while."""
        for debt in self.debts:
            debt()
        self.debts.clear()

    def _ignore(self, _: object) -> None:
        return

    def _namespace(self) -> str:
        found = self._world.experiment() or {}
        return str((found.get("status") or {}).get("namespace", ""))

    def _edit_child(self, kind: Any, name: str, patch: Json) -> None:
        if self._world.server.peek(kind, self._namespace(), name) is not None:
            self._world.edit(kind, self._namespace(), name, patch)

    def _delete_run(self) -> None:
        for kind in (JOB, JOB_SET):
            self._delete_child(kind, names.RUN_JOB)

    def _delete_child(self, kind: Any, name: str) -> None:
        if self._world.server.peek(kind, self._namespace(), name) is not None:
            self._world.remove(kind, self._namespace(), name)

    def _unlabel(self) -> None:
        if self._world.server.peek(NAMESPACE, None, self._namespace()) is not None:
            labels = {"pod-security.kubernetes.io/enforce": None}
            self._world.edit(NAMESPACE, None, self._namespace(), {"metadata": {"labels": labels}})

    def _unlabel_all(self) -> None:
        """Take away all by which the namespace is known, too; no watch of ours sees it then."""
        space = self._world.server.peek(NAMESPACE, None, self._namespace())
        if space is not None:
            labels = dict.fromkeys(space["metadata"]["labels"])
            self._world.edit(NAMESPACE, None, self._namespace(), {"metadata": {"labels": labels}})

    def _intrude(self) -> None:
        """Start a pod that the labels of the namespace keep out while they are on."""
        namespace = self._namespace()
        body = {
            "metadata": {"name": "intruder"},
            "spec": {"hostNetwork": True, "containers": [{"name": "main", "image": "any"}]},
        }
        self._world.story.tell("a person", f"starts a pod of the host in {namespace}")
        self._world.server.create(Asked(ADMINISTRATOR, "create", POD, namespace, "intruder"), body)

    def _add_policy(self) -> None:
        namespace = self._namespace()
        asked = Asked(ADMINISTRATOR, "create", NETWORK_POLICY, namespace, "allow-all")
        self._world.story.tell("a person", f"adds a NetworkPolicy to {namespace}")
        body = {
            "metadata": {"name": "allow-all"},
            "spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]},
        }
        try:
            self._world.server.create(asked, body)
        except Refused as refusal:
            self._world.story.tell("a person", f"is refused: {refusal}")

    def _delete_namespace(self) -> None:
        if self._world.server.peek(NAMESPACE, None, self._namespace()) is not None:
            self._world.remove(NAMESPACE, None, self._namespace())

    def _edit_purpose(self) -> None:
        purpose = {"description": f"edited {self._chance.random():.6f}"}
        if self._world.experiment() is not None:
            self._world.edit(EXPERIMENT, TEAM, "x", {"spec": {"purpose": purpose}})

    def _freeze(self) -> None:
        if self._world.experiment() is None:
            return
        if self._world.edit(EXPERIMENT, TEAM, "x", _desired("Frozen")):
            self.debts.append(
                lambda: self._ignore(
                    self._world.experiment()
                    and self._world.edit(EXPERIMENT, TEAM, "x", _desired("Active"))
                )
            )

    def _suspend(self, *, suspended: bool) -> None:
        if self._world.experiment() is not None:
            self._world.edit(EXPERIMENT, TEAM, "x", {"spec": {"suspend": suspended}})

    def _take_store(self) -> None:
        """Let the store answer nobody until debts are paid."""
        store = self._world.store

        def gone(*_: str) -> None:
            raise NoAnswerError

        before, store.fault = store.fault, gone
        self.debts.append(lambda: setattr(store, "fault", before))

    def _recreate(self) -> None:
        if self._world.experiment() is None:
            return
        self._world.remove(EXPERIMENT, TEAM, "x")
        self.debts.append(self._declare_again)

    def _declare_again(self) -> None:
        if self._world.experiment() is None:
            self._world.declare(EXPERIMENT, "x", self._spec)

    def _edit_profile(self) -> None:
        """Change a limit for those that come; what is bound stays as it was bound."""
        if self._world.server.peek(ISOLATION_PROFILE, None, "standard") is not None:
            limits = {"maxMemory": self._chance.choice(("3Gi", "4Gi", "5Gi"))}
            self._world.edit(ISOLATION_PROFILE, None, "standard", {"spec": {"limits": limits}})

    def _change_data(self) -> None:
        """Write a new version of an object over the one that is pinned, or remove that one."""
        key, store = "set/part-0", self._world.store
        if self._chance.random() < 0.5:
            self._world.story.tell("a person", f"overwrites {SOURCE}/{key}")
            # Straight into it: what fails is what the operator asks for.
            store._store(store.bucket(SOURCE), key, b"other rows\n", "", None, "")
            return
        self._world.story.tell("a person", f"removes all versions of {SOURCE}/{key}")
        store.buckets[SOURCE].keys.pop(key, None)

    def _break_glass(self, kind: Kind, namespace: str | None, name: str, spec: Json) -> None:
        """Take all finalizers off an object in use, and delete it."""
        if self._world.server.peek(kind, namespace, name) is None:
            return
        self.broken_glass.add((kind.plural, name))
        self._world.edit(kind, namespace, name, {"metadata": {"finalizers": None}})
        self._lend(kind, namespace, name, spec)

    def _strip(self) -> None:
        found = self._world.experiment()
        if found is None:
            return
        self.stripped.add(found["metadata"]["uid"])
        self._lost = self._namespace()
        self._world.edit(EXPERIMENT, TEAM, "x", {"metadata": {"finalizers": None}})
        if self._world.experiment() is not None:
            self._world.remove(EXPERIMENT, TEAM, "x")

    def _lie_in_wait(self) -> None:
        """Delete the Experiment in the moment in which its namespace is created again."""
        waiting = [True]

        def see(change: Change) -> None:
            if change.served.kind == NAMESPACE and change.old is None and waiting:
                waiting.clear()
                asyncio.get_running_loop().call_later(
                    self._chance.uniform(0.0, 0.01),
                    lambda: self._ignore(self._world.remove(EXPERIMENT, TEAM, "x")),
                    context=contextvars.Context(),
                )

        self._world.server.on_change.append(see)

    def _look(self) -> None:
        self.seen.append(
            {
                space["metadata"]["labels"][names.LABEL_STATE]
                for space in self._world.server.everything(NAMESPACE)
                if space["metadata"]["name"].startswith(names.EXPERIMENT_NAMESPACE_PREFIX)
            }
        )

    def _lose_volume(self) -> None:
        """Leave the volume of an Experiment that is gone, namespace and all."""
        labels = {
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            names.LABEL_EXPERIMENT_UID: "00000000-0000-4000-9000-000000000000",
        }
        asked = Asked(OPERATOR, "create", PERSISTENT_VOLUME, "", "glovebox-input-lost")
        self._world.server.create(
            asked, {"metadata": {"name": "glovebox-input-lost", "labels": labels}, "spec": {}}
        )

    def _take_snapshot(self) -> None:
        self.taken.add("snapshot")
        self._world.remove(CONFIG_MAP, self._lost, names.SNAPSHOT_CONFIG_MAP)

    def _lend(self, kind: Any, namespace: str | None, name: str, spec: Json) -> None:
        if self._world.server.peek(kind, namespace, name) is None:
            return
        self._world.remove(kind, namespace, name)

        def put_back() -> None:
            if self._world.server.peek(kind, namespace, name) is None:
                self._world.declare(kind, name, spec)

        self.debts.append(put_back)


def _desired(state: str) -> Json:
    return {"spec": {"lifecycle": {"desired": state}}}


# What they do, by name.
DEEDS: Final = (
    "edits a policy",
    "deletes a policy",
    "raises the quota",
    "deletes the limits",
    "deletes the access",
    "deletes the credentials",
    "takes the labels off the namespace",
    "adds a policy of their own",
    "deletes the namespace",
    "edits the purpose",
    "freezes and goes on",
    "deletes the Experiment",
    "deletes and declares it again",
    "deletes the profile for a while",
    "deletes the store for a while",
    "edits the profile",
    "changes data behind the pin",
    "breaks the glass of the profile",
    "breaks the glass of the store",
    "breaks the glass of the pin",
    "strips the finalizer and deletes",
    "deletes the run's Job",
    "deletes the pin",
)
# What leaves an Experiment that can be brought to its end again.
MENDABLE: Final = frozenset(
    {
        "edits a policy",
        "deletes a policy",
        "raises the quota",
        "deletes the limits",
        "deletes the access",
        "deletes the credentials",
        "takes the labels off the namespace",
        "takes all labels off the namespace",
        "adds a policy of their own",
        "edits the purpose",
        "deletes the profile for a while",
        "deletes the store for a while",
        "edits the profile",
        "breaks the glass of the profile",
        "breaks the glass of the store",
        "breaks the glass of the pin",
    }
)
# What can be done to a kind while nobody sees it, and repaired afterwards.
_OF_KIND: Final = {
    NETWORK_POLICY.kind: ("edits a policy", "deletes a policy"),
    RESOURCE_QUOTA.kind: ("raises the quota",),
    LIMIT_RANGE.kind: ("deletes the limits",),
    ROLE_BINDING.kind: ("deletes the access",),
    SECRET.kind: ("deletes the credentials",),
    NAMESPACE.kind: ("takes the labels off the namespace",),
}

__all__ = ["DEEDS", "MENDABLE", "People", "experiment_spec"]
