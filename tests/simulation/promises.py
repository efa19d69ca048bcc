"""The objects by which the invariants judge: what isolates, what gives access, and since when."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

from glovebox import names
from glovebox.kube.kinds import (
    CONFIG_MAP,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    SERVICE_ACCOUNT,
    Kind,
)
from simulation.api_server import ApiServer, Change

Json = dict[str, Any]
# What has to stand before anybody gets in. The names are the product's own; that each of them is
# there is not.
ISOLATION: Final[tuple[tuple[Kind, str], ...]] = (
    (NETWORK_POLICY, names.NETWORK_POLICY_DEFAULT_DENY),
    (NETWORK_POLICY, names.NETWORK_POLICY_DNS),
    (NETWORK_POLICY, names.NETWORK_POLICY_STORE),
    (NETWORK_POLICY, names.NETWORK_POLICY_OWN_PODS),
    (RESOURCE_QUOTA, names.RESOURCE_QUOTA),
    (LIMIT_RANGE, names.LIMIT_RANGE),
    (CONFIG_MAP, names.SNAPSHOT_CONFIG_MAP),
    (SERVICE_ACCOUNT, names.RUNNER_SERVICE_ACCOUNT),
    (SERVICE_ACCOUNT, "default"),
)
POLICIES: Final = tuple(name for kind, name in ISOLATION if kind == NETWORK_POLICY)
QUOTA: Final = (names.RESOURCE_QUOTA, names.LIMIT_RANGE)


# What of the namespace itself keeps pods in: no object of its own, and counted as one.
LABELS = "the labels of the namespace"
_POD_SECURITY = "pod-security.kubernetes.io/"
# No longer than the writes of one look are apart.
_MOMENT: Final = 0.01


@dataclass(slots=True)
class Standing:
    """What is known of one namespace of an Experiment, by the server's own state.

    Attributes:
        uid: Of the namespace.
        experiment: UID of its Experiment, as its label says at its birth.
        missing_since: When each isolation object was seen to be missing; 0: it was never there.
        complete: Whether all of them were there at once, ever; what somebody changed a moment ago
            counts: that a watch told of it as it was written cannot be told from its being so.
        declared: The spec of each, and the labels, as the operator wrote it last.
        broken_since: Since when the spec of each is another one than that.
    """

    uid: str
    experiment: str
    made_by: str
    missing_since: dict[str, float] = field(
        default_factory=lambda: {name: 0.0 for _, name in ISOLATION}
    )
    complete: bool = False
    dying_since: float | None = None
    declared: dict[str, Json] = field(default_factory=dict)
    broken_since: dict[str, float] = field(default_factory=dict)

    def note_whole(self, now: float) -> None:
        """Note that all is there at once, where it is."""
        if not self.missing_since and all(
            name in self.declared and now - since < _MOMENT
            for name, since in self.broken_since.items()
        ):
            self.complete = True

    def missing(self, *, longer_than: float, now: float) -> list[str]:
        """Return what has been missing, or another than declared, for so long."""
        gone = [name for name, since in self.missing_since.items() if now - since > longer_than]
        return gone + [
            name for name, since in self.broken_since.items() if now - since > longer_than
        ]


class Ledger:
    """Follows every change of the server.

    Args:
        server: The stand-in.
        operator: The operator's user.
    """

    def __init__(self, server: ApiServer, operator: str) -> None:
        self._server, self._operator = server, operator
        self.namespaces: dict[str, Standing] = {}
        self.gone: dict[str, Standing] = {}
        self.gone_at: dict[str, float] = {}
        self._names = {(kind.plural, name) for kind, name in ISOLATION}

    def standing(self, name: str, sent_at: float) -> Standing | None:
        """Return what is known of the namespace of that name that stood at a moment, or later."""
        is_gone_since = sent_at <= self.gone_at.get(name, -math.inf)
        return self.gone.get(name) if is_gone_since else self.namespaces.get(name)

    def see(self, change: Change, now: float) -> None:
        """Take in a change."""
        kind, obj = change.served.kind, change.last
        namespace, name = change.key
        if kind == NAMESPACE:
            self._see_namespace(change, name, now)
            return
        standing = self.namespaces.get(namespace)
        if standing is None or (kind.plural, name) not in self._names:
            return
        if change.new is None:
            standing.missing_since[name] = now
            standing.broken_since.pop(name, None)
            return
        standing.missing_since.pop(name, None)
        content = {
            key: value
            for key, value in obj.items()
            if key not in ("metadata", "status", "apiVersion", "kind")
        }
        if change.user == self._operator:
            standing.declared[name] = content
            standing.broken_since.pop(name, None)
        elif name not in standing.declared:
            # Somebody else's under a name of ours: whatever it is, it is not what was declared.
            standing.broken_since.setdefault(name, now)
        elif name in standing.declared and content != standing.declared[name]:
            standing.broken_since.setdefault(name, now)
        else:
            standing.broken_since.pop(name, None)
        standing.note_whole(now)

    def _see_namespace(self, change: Change, name: str, now: float) -> None:
        if change.new is None:
            self.gone_at[name] = now
            if (former := self.namespaces.pop(name, None)) is not None:
                self.gone[name] = former
            return
        metadata = change.new["metadata"]
        if not name.startswith("gbx-"):
            return
        if change.old is None:
            experiment = (metadata.get("labels") or {}).get(names.LABEL_EXPERIMENT_UID, "")
            self.namespaces[name] = Standing(metadata["uid"], experiment, change.user)
        elif metadata.get("deletionTimestamp") and self.namespaces[name].dying_since is None:
            self.namespaces[name].dying_since = now
        standing = self.namespaces[name]
        labels = {
            key: value
            for key, value in (metadata.get("labels") or {}).items()
            if key.startswith(_POD_SECURITY)
        }
        if change.user == self._operator:
            standing.declared[LABELS] = labels
        if labels == standing.declared.get(LABELS):
            standing.broken_since.pop(LABELS, None)
        else:
            standing.broken_since.setdefault(LABELS, now)
        standing.note_whole(now)
