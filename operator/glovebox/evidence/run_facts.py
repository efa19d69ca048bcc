"""What a statement says of a run's attempts: images that ran, nodes, logs, and what is not known.

A difference between the declared image and the one that ran is a finding. What nobody could see
any more (a log that a lost node took along) is said as well, as not known: an absence that is
signed is no gap that somebody made later. No log is called whole: a kubelet gives what it has not
rotated away, and does not say what that was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from glovebox.api.attempt_status import RunContainer, RunPod, TenantPods
from glovebox.api.experiment_status import RunStatus
from glovebox.data.digest import DIGEST_PREFIX

# The names of byproducts.
LOG: Final = "log"
UNKNOWN: Final = "unknown"
# Of metadata that SLSA does not know; it asks for a prefix.
ATTEMPTS: Final = "glovebox_attempts"
NODES: Final = "glovebox_nodes"
TENANT_PODS: Final = "glovebox_tenantPods"
SESSIONS_END: Final = "glovebox_sessionsEnd"
UPLOADS_ENDED: Final = "glovebox_uploadsEnded"
PASSED_OVER: Final = "glovebox_passedOver"
# Said once: it is so of every log that is not known to be cut.
BEGINNINGS: Final = (
    "whether a log is whole is not known: its beginning is kept as far as its kubelet still had it"
)
_MOST: Final = 64


def metadata_of(run: RunStatus | None, tenants: TenantPods | None) -> dict[str, Any]:
    """Return the attempts, their nodes, and who else had pods, as they were recorded."""
    said: dict[str, Any] = {
        TENANT_PODS: {
            "seen": len(tenants.pods) if tenants is not None else 0,
            "more": tenants is not None and tenants.truncated,
            "names": [pod.name for pod in tenants.pods] if tenants is not None else [],
        }
    }
    if run is None:
        return said
    said[ATTEMPTS] = [_plain(pod) for pod in run.pods]
    said[NODES] = [_plain(node) for node in run.nodes]
    return said


def logs_of(run: RunStatus | None, bucket: str) -> list[dict[str, Any]]:
    """Return the logs that are kept, as byproducts."""
    return [
        {
            "name": LOG,
            "uri": f"s3://{bucket}/{container.log.key}",
            "digest": {"sha256": container.log.digest.removeprefix(DIGEST_PREFIX)},
            "mediaType": "text/plain",
            "annotations": {
                "pod": pod.name,
                "podUid": pod.uid,
                "container": container.name,
                "bytes": str(container.log.bytes),
                # A kubelet does not say whether it has rotated a beginning away.
                "truncated": "true" if container.log.truncated else UNKNOWN,
                "final": str(container.log.final).lower(),
                "redactions": str(container.log.redactions),
            },
        }
        for pod, container in _containers(run)
        if container.log is not None and container.log.key
    ]


def findings_of(run: RunStatus | None) -> tuple[str, ...]:
    """Return where a node calls the image that ran by another digest than the declared one.

    It may be another name of the same image: a node that knows one by its own digest and by that of
    a list for several platforms tells either of them.
    """
    found = (
        f"container `{container.name}` of pod `{pod.name}` ran what its node calls"
        f" {container.image_id}, declared is {container.image}"
        for pod, container in _containers(run)
        if container.image_id and _digest_of(container.image_id) != _digest_of(container.image)
    )
    return _bounded(found)


def unknowns_of(run: RunStatus | None) -> tuple[str, ...]:
    """Return what of a run nobody saw."""
    return _bounded(_unknowns(run)) if run is not None else ()


def _unknowns(run: RunStatus) -> Iterator[str]:
    unseen = run.attempts - len(run.pods)
    if unseen > 0:
        yield (
            f"{unseen} of {run.attempts} attempts were not seen: their images, nodes and logs are"
            " not known"
        )
    yield from _writers(run, unseen)
    known = {node.name: node for node in run.nodes}
    for name in dict.fromkeys(pod.node for pod in run.pods):
        node = known.get(name)
        if name and (node is None or node.problem):
            why = node.problem if node is not None else "it was not read"
            yield f"the environment of node `{name}` is not known: {why}"
    for pod, container in _containers(run):
        which = f"container `{container.name}` of pod `{pod.name}`"
        if not container.image_id:
            yield f"the image that {which} ran is not known"
        log = container.log
        if log is None or not log.key:
            why = log.problem if log is not None and log.problem else "it was not read"
            yield f"the log of {which} is not kept: {why}"
        elif not log.final:
            yield f"the log of {which} is kept as far as it had come before the pod was ended"
    if any(
        container.log is not None and container.log.key and not container.log.truncated
        for _, container in _containers(run)
    ):
        yield BEGINNINGS


def _writers(run: RunStatus, unseen: int) -> Iterator[str]:
    """Yield which pods cannot be told apart by what they wrote: a stage has a prefix of its own."""
    tried = Counter(pod.stage for pod in run.pods)
    if unseen > 0 or "" in tried:
        if run.attempts > 1:
            yield f"which of the {run.attempts} attempts wrote which artifact is not known"
        return
    for stage, number in tried.items():
        if number > 1:
            yield f"which of the {number} pods of stage `{stage}` wrote which artifact is not known"


def _containers(run: RunStatus | None) -> Iterator[tuple[RunPod, RunContainer]]:
    for pod in run.pods if run is not None else ():
        for container in pod.containers:
            yield pod, container


def _digest_of(image: str) -> str:
    """Return the digest of an image, whatever is in front of it."""
    return image.rpartition("@")[2]


def _bounded(found: Iterator[str]) -> tuple[str, ...]:
    kept = tuple(islice(found, _MOST))
    more = sum(1 for _ in found)
    return (*kept, f"and {more:,} more like these") if more else kept


def _plain(model: Any) -> Mapping[str, Any]:
    dumped: Mapping[str, Any] = model.model_dump(
        by_alias=True, mode="json", exclude_defaults=True, exclude_none=True
    )
    return dumped
