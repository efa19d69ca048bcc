"""What an Experiment made, what it stands on, and how each of that is. Pure.

Whatever was read is shown as it is, also what others put into the namespace: those objects are
marked as foreign. What could not be read is said, and never passed over as if it were not there.
Secrets are not in it: to list them is to read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from glovebox import names
from glovebox.api import conditions
from glovebox.api.experiment import Experiment
from glovebox.kube.kinds import (
    ADDITIVE_KINDS,
    CONFIG_MAP,
    JOB,
    JOB_SET,
    LIMIT_RANGE,
    NETWORK_POLICY,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Kind,
)
from glovebox.report import words
from glovebox.report.why import explain

Json = dict[str, Any]

# What is looked for in the namespace, in this order: what closes it, then what runs in it.
SHOWN_KINDS: Final = (
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    LIMIT_RANGE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    CONFIG_MAP,
    PERSISTENT_VOLUME_CLAIM,
    JOB_SET,
    JOB,
    POD,
)
# Of these a cluster puts some into every namespace: those of others say nothing.
ONLY_OWN: Final = (CONFIG_MAP, SERVICE_ACCOUNT)
HIDDEN: Final = "may not be read with your rights"
SILENT: Final = "could not be read just now"
MISSING: Final = "is not there"
_NONE_YET: Final = "none yet"
_FOREIGN: Final = "not made by Glovebox"


@dataclass(frozen=True, slots=True)
class Node:
    """One thing of the tree.

    Attributes:
        kind: Its kind, or what it is.
        name: Its name; with its namespace, where that is not the experiment's.
        state: How it is, in a few words; empty where an object is merely there.
        details: What else is to be known of it.
        created: When it was created, as the API server says it; empty where it is no object.
        uid: Its UID; empty where it is no object.
        is_known: Whether it could be read.
        below: What it made, or what it stands on.
    """

    kind: str
    name: str
    state: str = ""
    details: str = ""
    created: str = ""
    uid: str = ""
    is_known: bool = True
    below: tuple[Node, ...] = ()


def tree(
    experiment: Experiment,
    obj: Mapping[str, Any],
    inside: Sequence[Node],
    stands_on: Sequence[Node],
) -> Node:
    """Return the tree of an Experiment.

    Args:
        experiment: The Experiment.
        obj: The same, as the API server has it.
        inside: Its namespace, with what is in it.
        stands_on: What it refers to, each with what that refers to.
    """
    name = f"{experiment.namespace}/{experiment.name}"
    status = experiment.status
    held: list[str] = [status.state] if status.state else []
    held += [f"digest {names.digest_label(status.digest)}"] if status.digest else []
    held += [
        f"{each.type}: {each.reason}"
        for each in status.conditions
        if each.type == conditions.DRIFT_DETECTED and each.status != "False"
    ]
    below = (*inside, *stands_on, *_run(experiment), _seal(experiment))
    return _node(experiment.KIND, name, obj, state_of(obj), ", ".join(held), below)


def namespace(
    name: str, found: Mapping[str, Any] | None, state: str, below: Iterable[Node]
) -> Node:
    """Return the node of the experiment's namespace.

    Args:
        name: Its name; empty where none was made yet.
        found: It, as the API server has it; None where it could not be read.
        state: Why not.
        below: What is in it.
    """
    if not name:
        return Node("Namespace", "", _NONE_YET)
    if found is None:
        return Node("Namespace", name, state, is_known=state == MISSING, below=tuple(below))
    label = (found["metadata"].get("labels") or {}).get(names.LABEL_STATE, "")
    phase = (found.get("status") or {}).get("phase", "")
    return _node(
        "Namespace",
        name,
        found,
        phase,
        f"admits {_ADMITS[label]}" if label in _ADMITS else "",
        below,
    )


_ADMITS: Final = {
    names.STATE_OPEN: "pods",
    names.STATE_FROZEN: "no pods: it is frozen",
    names.STATE_SEALED: "no pods: it is sealed",
    names.STATE_RETAINED: "no pods: its Experiment is gone",
}


def objects(found: Mapping[Kind, Sequence[Mapping[str, Any]]]) -> Iterator[Node]:
    """Yield the objects of a namespace, each below the one that made it.

    Args:
        found: What was read, by kind.
    """
    every = [(kind, obj) for kind in SHOWN_KINDS for obj in found.get(kind, ())]
    uids = {obj["metadata"].get("uid", "") for _, obj in every}
    owned: dict[str, list[tuple[Kind, Mapping[str, Any]]]] = {}
    for kind, obj in every:
        owner = _owner(obj["metadata"])
        # Whose owner was not read, or is itself, stands for itself.
        known = owner in uids and owner != obj["metadata"].get("uid", "")
        owned.setdefault(owner if known else "", []).append((kind, obj))

    shown: set[int] = set()

    def node(kind: Kind, obj: Mapping[str, Any], passed: frozenset[str]) -> Node:
        shown.add(id(obj))
        own = obj["metadata"].get("uid", "")
        state, details = _said(kind, obj)
        nested = below(own, passed | {own}) if own else ()
        return _node(kind.kind, obj["metadata"]["name"], obj, state, details, nested)

    def below(uid: str, passed: frozenset[str]) -> Iterator[Node]:
        for kind, obj in owned.get(uid, ()):
            own = obj["metadata"].get("uid", "")
            if not own or own not in passed:
                yield node(kind, obj, passed)

    yield from below("", frozenset())
    # Whoever makes objects can have them own each other: below none of the rest, and not hidden.
    for kind, obj in every:
        if id(obj) not in shown:
            yield node(kind, obj, frozenset())


def referred(
    kind: str, name: str, obj: Mapping[str, Any], details: str, below: Iterable[Node]
) -> Node:
    """Return the node of something of ours that is referred to."""
    return _node(kind, name, obj, state_of(obj), details, below)


def state_of(obj: Mapping[str, Any]) -> str:
    """Return whether something of ours is Ready, and why not."""
    why = explain("", obj, ())
    going = "; it is being deleted" if obj["metadata"].get("deletionTimestamp") else ""
    if why.is_ready:
        return f"Ready{going}"
    return f"not Ready{f': {why.ready.reason}' if why.ready is not None else ''}{going}"


def rows(node: Node, *, wide: bool) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a table: what, state, details; with when it was created and its UID."""
    yield ("OBJECT", "STATE", "DETAILS", *(("CREATED", "UID") if wide else ()))
    yield from _rows(node, "", "", wide=wide)


def document(node: Node) -> Json:
    """Return the same for programs."""
    return {
        "kind": node.kind,
        "name": node.name,
        "state": node.state,
        "details": node.details,
        "created": node.created,
        "uid": node.uid,
        "known": node.is_known,
        "below": [document(each) for each in node.below],
    }


def is_whole(node: Node) -> bool:
    """Whether all of it could be read."""
    return node.is_known and all(map(is_whole, node.below))


def _rows(node: Node, before: str, under: str, *, wide: bool) -> Iterator[tuple[str, ...]]:
    what = f"{before}{node.kind} {node.name}".rstrip()
    more = (node.created, node.uid) if wide else ()
    yield (what, node.state, node.details, *more)
    for number, each in enumerate(node.below, start=1):
        last = number == len(node.below)
        yield from _rows(
            each,
            f"{under}{'└── ' if last else '├── '}",
            f"{under}{'    ' if last else '│   '}",
            wide=wide,
        )


def _node(
    kind: str,
    name: str,
    obj: Mapping[str, Any],
    state: str,
    details: str,
    below: Iterable[Node] = (),
) -> Node:
    metadata = obj["metadata"]
    return Node(
        kind=kind,
        name=name,
        state=state,
        details=details,
        created=str(metadata.get("creationTimestamp") or "").replace("+00:00", "Z"),
        uid=str(metadata.get("uid") or ""),
        below=tuple(below),
    )


def _owner(metadata: Mapping[str, Any]) -> str:
    for each in metadata.get("ownerReferences") or ():
        if each.get("controller"):
            return str(each.get("uid") or "")
    return ""


def _said(kind: Kind, obj: Mapping[str, Any]) -> tuple[str, str]:
    """Return the state of an object of the namespace, and what else is to be known."""
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    labels = metadata.get("labels") or {}
    state, details = "", ""
    if kind == NETWORK_POLICY:
        details = ", ".join(spec.get("policyTypes") or ())
    elif kind == RESOURCE_QUOTA:
        details = _used(status)
    elif kind == ROLE_BINDING:
        who = ", ".join(str(each.get("name", "")) for each in obj.get("subjects") or ())
        details = f"{(obj.get('roleRef') or {}).get('name', '')} to {who or 'nobody'}"
    elif kind in (JOB, JOB_SET):
        state = _ended(spec, status)
    elif kind == POD:
        state, details = _pod(spec, status, labels)
    elif kind == PERSISTENT_VOLUME_CLAIM:
        state = str(status.get("phase") or "")
    if metadata.get("deletionTimestamp"):
        state = f"{state}; it is being deleted".removeprefix("; ")
    if _is_foreign(kind, metadata["name"], labels):
        details = f"{details}; {_FOREIGN}".removeprefix("; ")
    return state, details


def _is_foreign(kind: Kind, name: str, labels: Mapping[str, str]) -> bool:
    own = labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
    # A label is easily written: of what opens a namespace the name counts as well.
    return not own or (kind in ADDITIVE_KINDS and name not in names.ADDITIVE_NAMES)


def _used(status: Mapping[str, Any]) -> str:
    hard, used = status.get("hard") or {}, status.get("used") or {}
    shown = [
        f"{name} {used[name]} of {most}"
        for name, most in sorted(hard.items())
        if str(used.get(name, "0")) != "0"
    ]
    return ", ".join(shown) if shown else "nothing is used"


def _ended(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    for each in status.get("conditions") or ():
        if each.get("status") != "True":
            continue
        match each.get("type"):
            case "Complete" | "Completed":
                return "Succeeded"
            case "Failed":
                return f"Failed: {each.get('reason') or 'no reason is given'}"
    if spec.get("suspend"):
        return "Suspended"
    return "Running" if status.get("active") or status.get("replicatedJobsStatus") else "Pending"


def _pod(
    spec: Mapping[str, Any], status: Mapping[str, Any], labels: Mapping[str, str]
) -> tuple[str, str]:
    waits = [
        reason
        for field in ("initContainerStatuses", "containerStatuses")
        for each in status.get(field) or ()
        if (reason := ((each.get("state") or {}).get("waiting") or {}).get("reason"))
    ]
    phase = str(status.get("phase") or "")
    stage, node = labels.get(names.LABEL_STAGE), spec.get("nodeName")
    told = ([f"stage {stage}"] if stage else []) + ([f"on {node}"] if node else [])
    return (f"{phase}: {waits[0]}" if waits else phase), ", ".join(told)


def _run(experiment: Experiment) -> Iterator[Node]:
    run = experiment.status.run
    if run is None:
        return
    took = words.between(run.start_time, run.completion_time)
    told = [f"{words.number(run.attempts)} attempt{'' if run.attempts == 1 else 's'}"]
    told += [took] if took else []
    told += [f"exit code {run.exit_code}"] if run.exit_code is not None else []
    stages = tuple(Node("Stage", each.name, each.phase, each.message) for each in run.stages)
    yield Node("Run", "", run.outcome or "not over", ", ".join(told), below=stages)


def _seal(experiment: Experiment) -> Node:
    seal = experiment.status.seal
    if seal is None:
        return Node("Seal", "", _NONE_YET)
    told = [f"{words.number(seal.objects)} object versions", words.size(seal.bytes, short=True)]
    told += [f"{len(seal.findings)} not vouched for"] if seal.findings else []
    return Node("Seal", seal.uri, f"made {words.time(seal.sealed_time)}", ", ".join(told))
