"""Lists a sealed prefix once more when no session is valid any more that may write there.

A living Experiment asks for it by itself: its status says whether it was done. Of one that goes, a
ConfigMap in the operator's own namespace is left behind, written before anything is let go, and
taken away when the supplement is signed; so no death of a process, and no deletion, skips it.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from glovebox import names
from glovebox.api import reasons
from glovebox.api.experiment import Experiment
from glovebox.controllers.ledger_keys import keys_for_signing
from glovebox.controllers.ports import Ports
from glovebox.controllers.remembered import remember
from glovebox.controllers.signing_keys import KeyPlace
from glovebox.controllers.store_connections import note_refusal, open_store
from glovebox.desired.platform import Platform, read_platform
from glovebox.engine.tasks import TaskKey, TaskState
from glovebox.errors import Conflict, GloveboxError
from glovebox.kube.kinds import CONFIG_MAP
from glovebox.kube.objects import ObjectKey
from glovebox.status.text import format_time
from glovebox.store.sealing import seal_folder
from glovebox.tasks.after_seal import LAST_LISTING, SealPlace, SupplementResult, list_once_more
from glovebox.tasks.context import TaskContext
from glovebox.tasks.seal import SEAL

WORK_CLASS = "seal"
# So long the store, or the key, may refuse a last listing before that is reported.
OVERDUE: Final = timedelta(minutes=15)
# Of so many it is known that they had their note: one whose namespace cannot be removed tries to go
# again and again, and would be listed each time.
_NOTED: Final = 4096
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SealedExperiment:
    """An Experiment that is sealed, as far as what comes after the seal needs it.

    Attributes:
        team: Its namespace.
        name: Its name.
        uid: Its UID.
        platform: The platform's settings as they were bound.
        seal_version: Version of its signed statement, as it is on record.
    """

    team: str
    name: str
    uid: str
    platform: Platform
    seal_version: str = ""

    @classmethod
    def of(cls, experiment: Experiment) -> SealedExperiment:
        """Return an Experiment that is there; what it took over was sealed under another UID."""
        seal = experiment.status.seal
        return cls(
            experiment.namespace,
            experiment.name,
            experiment.spec.adopts or experiment.uid,
            read_platform(experiment.status.platform),
            seal.attestation_version if seal is not None else "",
        )


async def seal_place(ports: Ports, sealed: SealedExperiment) -> SealPlace:
    """Return where the seal of an Experiment is, and how to sign beside it.

    Raises:
        GloveboxError: The credentials of the store cannot be read.
    """
    store = sealed.platform.store
    bucket, locked = store.spec.artifacts.bucket, store.spec.artifacts.worm == "Required"
    connection = await open_store(ports, store)
    return SealPlace(
        uid=sealed.uid,
        experiment=f"{sealed.team}/{sealed.name}",
        store=connection,
        bucket=bucket,
        prefix=names.artifact_prefix(sealed.team, sealed.name, sealed.uid),
        folder=seal_folder(sealed.uid),
        locked=locked,
        keys=functools.partial(
            keys_for_signing, ports, KeyPlace(connection, bucket, locked), store.name
        ),
        seal_version=sealed.seal_version,
    )


def drop_seal_tasks(ports: Ports, owner: Hashable, uid: str) -> None:
    """Drop what was done for a seal: it is recorded, or nobody wants it."""
    for name in (SEAL, LAST_LISTING):
        ports.tasks.drop(TaskKey(owner, uid, name))


async def ensure_last_listing(
    ports: Ports, sealed: SealedExperiment, owner: Hashable
) -> TaskState[SupplementResult]:
    """Have the prefix listed once more; return how far that is.

    Raises:
        GloveboxError: The credentials of the store cannot be read.
    """
    place = await seal_place(ports, sealed)

    async def start(context: TaskContext) -> SupplementResult:
        async with ports.metrics.on_store("last_listing"):
            return await list_once_more(context, place, now=ports.now)

    return ports.tasks.ensure(
        TaskKey(owner, sealed.uid, LAST_LISTING),
        place.basis,
        start,
        tenant=sealed.team,
        work_class=WORK_CLASS,
    )


def record_of(result: SupplementResult) -> dict[str, Any]:
    """Return what `status.sealSupplement` says of a last listing."""
    said = result.said
    record: dict[str, Any] = {
        "attestationVersion": result.attestation_version,
        "manifestDigest": said.list_digest,
        "added": said.added,
        "missing": said.missing,
        "keyId": result.key_id,
        "listedTime": said.listed,
    }
    return {name: value for name, value in record.items() if value not in (0, "")}


async def leave_note(
    ports: Ports,
    team: str,
    name: str,
    uid: str,
    platform: str,
    sessions_end: datetime,
    seal_version: str,
) -> None:
    """Leave behind that a seal is to be listed once more, before its Experiment goes.

    Args:
        ports: The outside world.
        team: Namespace of the Experiment.
        name: Its name.
        uid: Its UID.
        platform: The platform's settings as they were recorded.
        sessions_end: When it is due.
        seal_version: Version of the signed statement.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    if uid in ports.noted_listings:
        return
    await ports.writer.create_once(
        CONFIG_MAP,
        {
            "apiVersion": CONFIG_MAP.api_version,
            "kind": CONFIG_MAP.kind,
            "metadata": {
                "name": names.LAST_LISTING_PREFIX + uid,
                "namespace": ports.settings.namespace,
                "labels": {names.LABEL_LAST_LISTING: "true"},
            },
            "data": {
                "team": team,
                "name": name,
                "uid": uid,
                "platform": platform,
                "sessionsEnd": format_time(sessions_end),
                "attestationVersion": seal_version,
            },
        },
    )
    remember(ports.noted_listings, uid, None, _NOTED)


async def leave_note_of(ports: Ports, obj: Mapping[str, Any]) -> None:
    """Leave a note for an Experiment that goes after its seal and before its last listing.

    It needs no valid spec.

    Raises:
        GloveboxError: The API server failed; calling again is safe.
    """
    if (obj.get("spec") or {}).get("adopts"):
        return  # its seal is of another UID, and left its own note
    status, metadata = obj.get("status") or {}, obj["metadata"]
    seal, platform = status.get("seal"), status.get("platform")
    if not seal or not platform or status.get("sealSupplement"):
        return
    ends = seal.get("sessionsEndTime")
    if ends:
        place = (metadata["namespace"], metadata["name"], metadata["uid"])
        version = str(seal.get("attestationVersion", ""))
        await leave_note(ports, *place, platform, datetime.fromisoformat(ends), version)


async def sweep_last_listings(ports: Ports) -> None:
    """Do what notes that are due ask for, and take away those that are done.

    Raises:
        GloveboxError: The API server failed; the next sweep goes on.
    """
    notes: list[dict[str, Any]] = []
    async for page in ports.reader.pages(
        CONFIG_MAP, namespace=ports.settings.namespace, label_selector=names.LABEL_LAST_LISTING
    ):
        notes += page.get("items") or ()
    for note in notes:
        name = note["metadata"]["name"]
        try:
            await _look(ports, note)
        except GloveboxError as error:
            note_refusal(ports, error)
            _note_late(ports, note, error)
        except (ValueError, KeyError, TypeError):
            # Of a newer version, or edited: no reason to leave the others undone.
            ports.late_listings[name] = "its note cannot be read"
            log.exception("a note of a last listing cannot be read", note=name)
    there = {note["metadata"]["name"] for note in notes}
    for name in ports.late_listings.keys() - there:
        del ports.late_listings[name]


def _note_late(ports: Ports, note: Mapping[str, Any], error: GloveboxError) -> None:
    """Note what could not be listed; it is overdue a while after it could have been."""
    name, due = note["metadata"]["name"], datetime.fromisoformat(note["data"]["sessionsEnd"])
    log.warning("a seal could not be listed once more yet", note=name, error=error.message)
    if ports.now() >= due + OVERDUE:
        ports.late_listings[name] = error.message


async def _look(ports: Ports, note: Mapping[str, Any]) -> None:
    data, metadata = note["data"], note["metadata"]
    if ports.now() < datetime.fromisoformat(data["sessionsEnd"]):
        return
    # Not under the Experiment's own key: another one may have its name by now.
    owner = (LAST_LISTING, data["uid"])
    sealed = SealedExperiment(
        data["team"],
        data["name"],
        data["uid"],
        read_platform(data["platform"]),
        data["attestationVersion"],
    )
    task = await ensure_last_listing(ports, sealed, owner)
    if task.result is None:
        # What is waited for until a moment that is known is not late.
        if task.error is not None and task.error.reason != reasons.ARTIFACT_UNREAD:
            note_refusal(ports, task.error)
            _note_late(ports, note, task.error)
        return
    ports.late_listings.pop(metadata["name"], None)
    log.info("listed a seal once more", uid=data["uid"], added=task.result.said.added)
    key = ObjectKey(CONFIG_MAP.kind, metadata["namespace"], metadata["name"])
    with suppress(Conflict):
        await ports.writer.delete(CONFIG_MAP, key, uid=metadata["uid"])
    ports.tasks.forget_owner(owner)
