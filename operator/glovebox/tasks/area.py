"""What the operator and the Job of a task tell each other: three small objects in the store.

    .glovebox/tasks/<uid>/<task>/requests/<digest>     what is asked, named by its digest
    .glovebox/tasks/<uid>/<task>/jobs/<job>/progress   how far it is; the beat is a sign of life
    .glovebox/tasks/<uid>/<task>/jobs/<job>/result     what came of it

Neither a run's credentials nor a pin cover these keys. A result lies under the UID of the Job that
did the work, says which request it answers, and has its mark (`marks`), so that what another
attempt left, or somebody else who may write to the bucket, is never taken for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from glovebox.api import reasons
from glovebox.data.delivery import TaskStore
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.errors import GloveboxError, Unavailable
from glovebox.store.connection import Stop, Store
from glovebox.store.errors import translated
from glovebox.store.unreadable import is_lost
from glovebox.tasks.context import Progress
from glovebox.tasks.document import digest_of_bytes
from glovebox.tasks.marks import marked, unmarked
from glovebox.tasks.short_lived import PREFIX, delete_below, put_short_lived


class TaskAddress(BaseModel):
    """Where a Job finds its request. It stands in the Job's own spec, so nobody can change it.

    Attributes:
        uid: Of the owner.
        task: Which of the owner's tasks.
        store: How to reach the bucket of artifacts.
        bucket: The bucket of artifacts.
        locked: Whether it has an object lock.
        request: Digest of the request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    uid: str
    task: str
    store: TaskStore
    bucket: str
    locked: bool
    request: str

    def render(self) -> str:
        """Return the one spelling of it."""
        return canonical_json(self.model_dump(mode="json")).decode()


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life of a Job.

    Attributes:
        number: Grows with each.
        progress: How far the work is; None before its first report.
    """

    number: int
    progress: Progress | None


class TaskArea:
    """The objects of one task. All of it blocks.

    Args:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        uid: Of the owner.
        task: Which of the owner's tasks.
        locked: Whether the bucket has an object lock.
    """

    def __init__(self, store: Store, bucket: str, uid: str, task: str, *, locked: bool) -> None:
        self._store = store
        self._bucket = bucket
        self._locked = locked
        self._prefix = f"{PREFIX}{uid}/{task}/"

    def put_request(self, digest: str, body: bytes) -> None:
        """Keep a request under its digest.

        Raises:
            GloveboxError: The store failed.
        """
        self._put(self._request(digest), body)

    def request(self, digest: str) -> bytes:
        """Return the request of that digest.

        Raises:
            GloveboxError: There is none, or the store failed.
        """
        body = self._get(self._request(digest))
        if body is None or digest_of_bytes(body) != digest:
            raise Unavailable(
                reasons.TASK_FAILED,
                f"the request s3://{self._bucket}/{self._request(digest)} is not there",
            )
        return body

    def put_result(self, job: str, body: bytes) -> None:
        """Keep the result of a Job.

        Raises:
            GloveboxError: The store failed.
        """
        key = self._of_job(job, "result")
        self._put(key, marked(self._store, f"{self._bucket}/{key}", body))

    def result(self, job: str) -> bytes | None:
        """Return what a Job left as its result; None when there is none, or another wrote it.

        Raises:
            GloveboxError: The store failed.
        """
        key = self._of_job(job, "result")
        stored = self._get(key)
        return None if stored is None else unmarked(self._store, f"{self._bucket}/{key}", stored)

    def put_beat(self, job: str, beat: Beat) -> None:
        """Give a sign of life.

        Raises:
            GloveboxError: The store failed.
        """
        self._put(self._of_job(job, "progress"), orjson.dumps(_beat_document(beat)))

    def beat(self, job: str) -> Beat | None:
        """Return the last sign of life of a Job; None when there is none that can be read.

        Raises:
            GloveboxError: The store failed.
        """
        body = self._get(self._of_job(job, "progress"))
        try:
            return _beat_of(orjson.loads(body)) if body is not None else None
        except (ValueError, TypeError, KeyError, ValidationError):
            return None

    def clear_others(self, request: str, job: str) -> None:
        """Delete what former attempts left, as far as the store lets us.

        Args:
            request: Digest of the request that stays.
            job: UID of the Job whose objects stay.
        """
        own = (self._request(request), self._of_job(job, ""))
        for folder in ("requests/", "jobs/"):
            delete_below(
                self._store,
                self._bucket,
                self._prefix + folder,
                Stop(),
                kept=lambda key: key.startswith(own),
            )

    def discard(self, request: str, job: str | None) -> None:
        """Delete what one attempt left, as far as the store lets us, and nothing of another one.

        Args:
            request: Digest of its request.
            job: UID of its Job; None when that is not known.
        """
        folders = (self._request(request), *([self._of_job(job, "")] if job else []))
        for folder in folders:
            delete_below(self._store, self._bucket, folder, Stop())

    def _request(self, digest: str) -> str:
        return f"{self._prefix}requests/{digest.removeprefix(DIGEST_PREFIX)}"

    def _of_job(self, job: str, name: str) -> str:
        return f"{self._prefix}jobs/{job}/{name}"

    def _put(self, key: str, body: bytes) -> None:
        put_short_lived(self._store, self._bucket, key, body, locked=self._locked)

    def _get(self, key: str) -> bytes | None:
        try:
            with translated(f"read s3://{self._bucket}/{key}"):
                answer = self._store.s3.get_object(Bucket=self._bucket, Key=key)
                return answer["Body"].read()
        except GloveboxError as error:
            if not is_lost(error):
                raise
            return None


def _beat_document(beat: Beat) -> dict[str, Any]:
    now = beat.progress
    if now is None:
        return {"number": beat.number}
    return {
        "number": beat.number,
        "progress": {
            "objects_done": now.objects_done,
            "objects_total": now.objects_total,
            "bytes_done": now.bytes_done,
            "bytes_total": now.bytes_total,
            "bytes_read": now.bytes_read,
            "checkpoint": now.checkpoint,
            "phase": now.phase,
        },
    }


def _beat_of(document: dict[str, Any]) -> Beat:
    said = document.get("progress")
    return Beat(int(document["number"]), Progress(**said) if said is not None else None)
