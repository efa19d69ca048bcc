"""A task's request and its result as documents, each bound to the other by digest and Job.

A document holds values alone: no secret, no connection, no time of its own. A request is named by
the digest of its bytes, so it is the one that was meant, and a result says which request it
answers.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, ValidationError

from glovebox.api import reasons
from glovebox.data.delivery import TaskStore
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.errors import Unavailable
from glovebox.tasks.questions import Asked, Request, address_of, stores_of
from glovebox.tasks.strict import Strict

# A pin of 1,000 listed objects with the longest names is far below.
MAX_BYTES: Final = 16 << 20
T = TypeVar("T")


class TaskDocument(Strict):
    """A task for a process of its own.

    Attributes:
        format: What this is.
        uid: Of the owner; check-points lie under it.
        basis: What the result depends on.
        stores: How to reach what the task reads and writes; the first is the one of the bucket of
            artifacts. Their keys are not in here.
        ask: What to do.
    """

    format: Literal["glovebox.dev/task/v1"]
    uid: str
    basis: str
    stores: tuple[TaskStore, ...] = Field(min_length=1)
    ask: Annotated[Asked, Field(discriminator="task")]


class ResultDocument(Strict):
    """What came of a task.

    Attributes:
        format: What this is.
        request: Digest of the request that it answers.
        job: UID of the Job that did the work.
        answer: As the question writes it.
    """

    format: Literal["glovebox.dev/task-result/v1"]
    request: str
    job: str
    answer: dict[str, Any]


def document_of(question: Asked, request: Request, *, uid: str, basis: str) -> TaskDocument:
    """Return the document of a question about a request."""
    return TaskDocument(
        format="glovebox.dev/task/v1",
        uid=uid,
        basis=basis,
        stores=tuple(address_of(store, place) for place, store in enumerate(stores_of(request))),
        ask=question,
    )


def render_request(document: TaskDocument) -> tuple[str, bytes]:
    """Return the digest of a document and its bytes; equal documents have equal bytes."""
    body = gzip.compress(canonical_json(document.model_dump(mode="json")), mtime=0)
    return digest_of_bytes(body), body


def parse_request(body: bytes, digest: str) -> TaskDocument:
    """Return the document of these bytes.

    Raises:
        Unavailable: They have another digest, or are no request of this version of Glovebox.
    """
    found = digest_of_bytes(body)
    if found != digest:
        raise Unavailable(reasons.TASK_FAILED, f"the request has the digest {found}, not {digest}")
    try:
        text = _unzipped(body)
        return TaskDocument.model_validate_json(text)
    except (zlib.error, ValidationError) as error:
        raise Unavailable(
            reasons.TASK_FAILED, f"the request is not valid: {_place(error)}"
        ) from None


def render_result(request: str, job: str, answer: dict[str, Any]) -> bytes:
    """Return the result of a request, done by the Job of that UID."""
    result = ResultDocument(
        format="glovebox.dev/task-result/v1", request=request, job=job, answer=answer
    )
    return result.model_dump_json().encode()


def parse_result(
    body: bytes, *, request: str, job: str, answer: Callable[[Mapping[str, Any]], T]
) -> T:
    """Return what came of a request.

    Args:
        body: What the Job left.
        request: Digest of the request.
        job: UID of the Job.
        answer: Reads the answer; see the questions.

    Raises:
        Unavailable: These bytes are no result, or that of another request or of another Job.
    """
    try:
        result = ResultDocument.model_validate_json(body)
        if (result.request, result.job) != (request, job):
            raise Unavailable(
                reasons.TASK_FAILED,
                f"the result answers the request {result.request} of Job {result.job}, not"
                f" {request} of {job}",
            )
        return answer(result.answer)
    except (ValidationError, KeyError, TypeError) as error:
        raise Unavailable(
            reasons.TASK_FAILED, f"the result is not valid: {_place(error)}"
        ) from None


def digest_of_bytes(body: bytes) -> str:
    """Return `sha256:<hex>` of some bytes."""
    return DIGEST_PREFIX + hashlib.sha256(body).hexdigest()


def _unzipped(body: bytes) -> bytes:
    unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    text = unzip.decompress(body, MAX_BYTES)
    if not unzip.eof:
        raise zlib.error(f"incomplete, or more than {MAX_BYTES} bytes")
    return text


def _place(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
