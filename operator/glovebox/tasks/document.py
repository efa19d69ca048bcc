"""What a task is asked and what came of it, as documents: for a task in a process of its own.

A document holds values alone: no secret, no connection, no time of its own. It is named by the
digest of its bytes, so that a request is the one that was meant, and a result says which request it
answers. The same requests (`PinRequest`, `VerifyRequest`, `EvidenceRequest`) are made of it again
on the other side, with that side's own connections, and the same functions do the work.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from glovebox.api import reasons
from glovebox.data.compare import Findings
from glovebox.data.delivery import StoreAddress
from glovebox.data.digest import DIGEST_PREFIX, canonical_json
from glovebox.data.manifest import DigestSource
from glovebox.data.roots import Roots
from glovebox.errors import Unavailable
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation, ManifestLock
from glovebox.store.pins import BuiltPin
from glovebox.store.sources import Fence, ManifestSource, ObjectsSource, PrefixSource
from glovebox.tasks.context import TaskContext
from glovebox.tasks.pin import PinRequest, VerifyRequest, pin_dataset, verify_dataset
from glovebox.tasks.seal import Evidence, EvidenceRequest, SealedDataset, gather_evidence

# A pin of 1,000 listed objects with the longest names is far below.
MAX_BYTES: Final = 16 << 20
T = TypeVar("T")

# In this order: the fields of each tell it from the others.
_Source = PrefixSource | ManifestSource | ObjectsSource
_ROOTS: Final = TypeAdapter(Roots)
_MANIFEST: Final = TypeAdapter(ManifestLocation)
_FINDINGS: Final = TypeAdapter(Findings)
_EVIDENCE: Final = TypeAdapter(Evidence)


class _Strict(BaseModel):
    """Refuses unknown fields and foreign types; values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _FenceDocument(_Strict):
    buckets: tuple[str, ...]
    own: str


class _LockDocument(_Strict):
    legal_hold: bool
    retain_until: datetime | None


class PinQuestion(_Strict):
    """Hash a dataset; see `PinRequest`."""

    task: Literal["hash"] = "hash"
    source: _Source
    artifacts_bucket: str
    lock: _LockDocument | None
    expected: str | None
    minimum: DigestSource
    fence: _FenceDocument | None

    @classmethod
    def of(cls, request: PinRequest) -> PinQuestion:
        """Return the question of a request."""
        lock, fence = request.lock, request.fence
        return cls(
            source=request.source,
            artifacts_bucket=request.artifacts_bucket,
            lock=(
                _LockDocument(legal_hold=lock.legal_hold, retain_until=lock.retain_until)
                if lock is not None
                else None
            ),
            expected=request.expected,
            minimum=request.minimum,
            fence=(
                _FenceDocument(buckets=tuple(sorted(fence.buckets)), own=fence.own)
                if fence is not None
                else None
            ),
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        lock, fence = self.lock, self.fence
        request = PinRequest(
            uid=uid,
            store=stores[_store_name(0)],
            source=self.source,
            artifacts_bucket=self.artifacts_bucket,
            lock=ManifestLock(lock.legal_hold, lock.retain_until) if lock is not None else None,
            expected=self.expected,
            minimum=self.minimum,
            fence=Fence(frozenset(fence.buckets), fence.own) if fence is not None else None,
        )
        built = await pin_dataset(context, request)
        return {
            "roots": _ROOTS.dump_python(built.roots),
            "manifest": _MANIFEST.dump_python(built.manifest),
        }

    def answer(self, document: Mapping[str, Any]) -> BuiltPin:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError: It is none.
        """
        return BuiltPin(
            _ROOTS.validate_python(document["roots"]),
            _MANIFEST.validate_python(document["manifest"]),
        )


class VerifyQuestion(_Strict):
    """Compare a pin with the store; see `VerifyRequest`."""

    task: Literal["verify"] = "verify"
    source: _Source
    manifest: ManifestLocation
    objects: int | None
    bytes: int | None
    full: bool

    @classmethod
    def of(cls, request: VerifyRequest) -> VerifyQuestion:
        """Return the question of a request."""
        return cls(
            source=request.source,
            manifest=request.manifest,
            objects=request.objects,
            bytes=request.bytes,
            full=request.full,
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        del uid
        request = VerifyRequest(
            stores[_store_name(0)],
            self.source,
            self.manifest,
            objects=self.objects,
            bytes=self.bytes,
            full=self.full,
        )
        findings = await verify_dataset(context, request)
        return {"findings": _FINDINGS.dump_python(findings, mode="json")}

    def answer(self, document: Mapping[str, Any]) -> Findings:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError: It is none.
        """
        return _FINDINGS.validate_python(document["findings"])


class _DatasetDocument(_Strict):
    name: str
    store: str | None
    source: _Source | None
    manifest: ManifestLocation | None
    lost: str


class EvidenceQuestion(_Strict):
    """Gather the evidence of a seal; see `EvidenceRequest`. Whoever holds the key signs it."""

    task: Literal["seal"] = "seal"
    bucket: str
    prefix: str
    folder: str
    snapshot: str
    inputs: tuple[_DatasetDocument, ...]
    locked: bool
    patient_until: datetime | None

    @classmethod
    def of(cls, request: EvidenceRequest) -> EvidenceQuestion:
        """Return the question of a request."""
        names = {store: _store_name(place) for place, store in enumerate(stores_of(request))}
        return cls(
            bucket=request.bucket,
            prefix=request.prefix,
            folder=request.folder,
            snapshot=request.snapshot.decode(),
            inputs=tuple(
                _DatasetDocument(
                    name=each.name,
                    store=names[each.store] if each.store is not None else None,
                    source=each.source,
                    manifest=each.manifest,
                    lost=each.lost,
                )
                for each in request.inputs
            ),
            locked=request.locked,
            patient_until=request.patient_until,
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        request = EvidenceRequest(
            uid=uid,
            store=stores[_store_name(0)],
            bucket=self.bucket,
            prefix=self.prefix,
            folder=self.folder,
            snapshot=self.snapshot.encode(),
            inputs=tuple(
                SealedDataset(
                    each.name,
                    stores[each.store] if each.store is not None else None,
                    each.source,
                    each.manifest,
                    each.lost,
                )
                for each in self.inputs
            ),
            locked=self.locked,
            patient_until=self.patient_until,
        )
        evidence = await gather_evidence(context, request)
        return {"evidence": _EVIDENCE.dump_python(evidence, mode="json")}

    def answer(self, document: Mapping[str, Any]) -> Evidence:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError: It is none.
        """
        return _EVIDENCE.validate_python(document["evidence"])


Asked = PinQuestion | VerifyQuestion | EvidenceQuestion


class TaskDocument(_Strict):
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
    stores: tuple[StoreAddress, ...] = Field(min_length=1)
    ask: Annotated[Asked, Field(discriminator="task")]


class ResultDocument(_Strict):
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


Request = PinRequest | VerifyRequest | EvidenceRequest


def stores_of(request: Request) -> tuple[Store, ...]:
    """Return the stores of a request, each once; the one of the bucket of artifacts first."""
    if not isinstance(request, EvidenceRequest):
        return (request.store,)
    others = (each.store for each in request.inputs if each.store is not None)
    return tuple(dict.fromkeys((request.store, *others)))


def address_of(store: Store, place: int) -> StoreAddress:
    """Return how to reach a store, under the name of its place among the stores of a request."""
    settings = store.settings
    return StoreAddress(
        name=_store_name(place),
        endpoint=settings.endpoint,
        region=settings.region,
        path_style=settings.path_style,
    )


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


def _store_name(place: int) -> str:
    return f"store-{place}"


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
