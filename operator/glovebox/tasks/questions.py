"""What a task in a process of its own is asked, as values: one question for each task.

A question is made of a request (`PinRequest`, `EvidenceRequest` and others), written down, and
made into the same request on the other side, with that side's own connections; then the same
function does the work. It holds no secret and no connection: stores are called by their place
among those of the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from glovebox.api.derived import DerivedFrom
from glovebox.data.compare import Findings
from glovebox.data.delivery import TaskStore
from glovebox.data.manifest import DigestSource
from glovebox.data.roots import Roots
from glovebox.evidence.keys import encode_bundle, read_bundle
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation, ManifestLock
from glovebox.store.pins import BuiltPin
from glovebox.store.sealed_artifacts import SealToRead
from glovebox.store.waits import Waits
from glovebox.tasks.context import TaskContext
from glovebox.tasks.contract import ContractRequest
from glovebox.tasks.contract_question import ContractQuestion
from glovebox.tasks.features import FeaturesRequest
from glovebox.tasks.features_question import FeaturesQuestion
from glovebox.tasks.hold import HoldRequest
from glovebox.tasks.hold_question import HoldQuestion
from glovebox.tasks.overlap import OverlapRequest
from glovebox.tasks.overlap_question import OverlapQuestion
from glovebox.tasks.pin import PinRequest, VerifyRequest, pin_dataset, verify_dataset
from glovebox.tasks.proof import ProofRequest
from glovebox.tasks.proof_question import ProofQuestion
from glovebox.tasks.seal import gather_evidence
from glovebox.tasks.seal_request import Evidence, EvidenceRequest, SealedDataset
from glovebox.tasks.source_document import AccessDocument, SourceDocument
from glovebox.tasks.split import SplitRequest
from glovebox.tasks.split_question import SplitQuestion
from glovebox.tasks.statistics import StatisticsRequest
from glovebox.tasks.statistics_question import StatisticsQuestion
from glovebox.tasks.strict import Strict, store_name

_ROOTS: Final = TypeAdapter(Roots)
_MANIFEST: Final = TypeAdapter(ManifestLocation)
_NUMBER: Final[TypeAdapter[int | None]] = TypeAdapter(int | None)
_FINDINGS: Final = TypeAdapter(Findings)
_EVIDENCE: Final = TypeAdapter(Evidence)


class _LockDocument(Strict):
    legal_hold: bool
    retain_until: datetime | None


class _SealDocument(Strict):
    bucket: str
    experiment: str
    uid: str
    digest: str
    below: str
    trust: str
    locked: bool
    version: str

    @classmethod
    def of(cls, seal: SealToRead | None) -> _SealDocument | None:
        if seal is None:
            return None
        return cls(
            bucket=seal.bucket,
            experiment=seal.experiment,
            uid=seal.uid,
            digest=seal.digest,
            below=seal.below,
            trust=encode_bundle(seal.trust).decode(),
            locked=seal.locked,
            version=seal.version,
        )

    def seal(self) -> SealToRead:
        return SealToRead(
            self.bucket,
            self.experiment,
            self.uid,
            self.digest,
            self.below,
            read_bundle(self.trust),
            self.locked,
            self.version,
        )


class PinQuestion(Strict):
    """Hash a dataset; see `PinRequest`."""

    task: Literal["hash"] = "hash"
    source: SourceDocument
    artifacts_bucket: str
    lock: _LockDocument | None
    expected: str | None
    minimum: DigestSource
    access: AccessDocument | None
    owner: str
    sealed: _SealDocument | None = None

    @classmethod
    def of(cls, request: PinRequest) -> PinQuestion:
        """Return the question of a request."""
        lock = request.lock
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
            access=AccessDocument.of(request.access),
            owner=request.owner,
            sealed=_SealDocument.of(request.sealed),
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        lock = self.lock
        request = PinRequest(
            uid=uid,
            store=stores[store_name(0)],
            source=self.source,
            artifacts_bucket=self.artifacts_bucket,
            lock=ManifestLock(lock.legal_hold, lock.retain_until) if lock is not None else None,
            expected=self.expected,
            minimum=self.minimum,
            access=self.access.access() if self.access is not None else None,
            owner=self.owner,
            sealed=self.sealed.seal() if self.sealed is not None else None,
        )
        built = await pin_dataset(context, request)
        return {
            "roots": _ROOTS.dump_python(built.roots),
            "manifest": _MANIFEST.dump_python(built.manifest),
            "recalled": built.recalled,
            "folderMarkers": built.folder_markers,
            "origin": built.origin.model_dump(mode="json") if built.origin is not None else None,
        }

    def answer(self, document: Mapping[str, Any]) -> BuiltPin:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError: It is none.
        """
        origin = document.get("origin")
        return BuiltPin(
            _ROOTS.validate_python(document["roots"]),
            _MANIFEST.validate_python(document["manifest"]),
            str(document["recalled"]),
            DerivedFrom.model_validate(origin) if origin is not None else None,
            _NUMBER.validate_python(document.get("folderMarkers")),
        )


class VerifyQuestion(Strict):
    """Compare a pin with the store; see `VerifyRequest`."""

    task: Literal["verify"] = "verify"
    source: SourceDocument
    manifest: ManifestLocation
    objects: int | None
    bytes: int | None
    full: bool
    access: AccessDocument | None
    recorded_root: str = ""

    @classmethod
    def of(cls, request: VerifyRequest) -> VerifyQuestion:
        """Return the question of a request."""
        return cls(
            source=request.source,
            manifest=request.manifest,
            objects=request.objects,
            bytes=request.bytes,
            full=request.full,
            access=AccessDocument.of(request.access),
            recorded_root=request.recorded_root,
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        del uid
        request = VerifyRequest(
            stores[store_name(0)],
            self.source,
            self.manifest,
            objects=self.objects,
            bytes=self.bytes,
            full=self.full,
            access=self.access.access() if self.access is not None else None,
            recorded_root=self.recorded_root,
        )
        findings = await verify_dataset(context, request)
        return {"findings": _FINDINGS.dump_python(findings, mode="json")}

    def answer(self, document: Mapping[str, Any]) -> Findings:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError: It is none.
        """
        return _FINDINGS.validate_python(document["findings"])


class _DatasetDocument(Strict):
    name: str
    store: str | None
    source: SourceDocument | None
    manifest: ManifestLocation | None
    lost: str
    shows_newest: bool = False


class EvidenceQuestion(Strict):
    """Gather the evidence of a seal; see `EvidenceRequest`. Whoever holds the key signs it."""

    task: Literal["seal"] = "seal"
    bucket: str
    prefix: str
    folder: str
    snapshot: str
    inputs: tuple[_DatasetDocument, ...]
    locked: bool
    patient_until: datetime | None
    waits: Waits

    @classmethod
    def of(cls, request: EvidenceRequest) -> EvidenceQuestion:
        """Return the question of a request."""
        names = {store: store_name(place) for place, store in enumerate(stores_of(request))}
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
                    shows_newest=each.shows_newest,
                )
                for each in request.inputs
            ),
            locked=request.locked,
            patient_until=request.patient_until,
            waits=request.waits,
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        request = EvidenceRequest(
            uid=uid,
            store=stores[store_name(0)],
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
                    each.shows_newest,
                )
                for each in self.inputs
            ),
            locked=self.locked,
            patient_until=self.patient_until,
            waits=self.waits,
        )
        evidence = await gather_evidence(context, request)
        return {"evidence": _EVIDENCE.dump_python(evidence, mode="json")}

    def answer(self, document: Mapping[str, Any]) -> Evidence:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError: It is none.
        """
        return _EVIDENCE.validate_python(document["evidence"])


Asked = (
    PinQuestion
    | VerifyQuestion
    | EvidenceQuestion
    | OverlapQuestion
    | SplitQuestion
    | ContractQuestion
    | StatisticsQuestion
    | ProofQuestion
    | FeaturesQuestion
    | HoldQuestion
)
Request = (
    PinRequest
    | VerifyRequest
    | EvidenceRequest
    | OverlapRequest
    | SplitRequest
    | ContractRequest
    | StatisticsRequest
    | ProofRequest
    | FeaturesRequest
    | HoldRequest
)


def stores_of(request: Request) -> tuple[Store, ...]:
    """Return the stores of a request, each once; the one of the bucket of artifacts first."""
    if isinstance(request, OverlapRequest | ContractRequest | StatisticsRequest):
        return request.stores
    if not isinstance(request, EvidenceRequest):
        return (request.store,)
    others = (each.store for each in request.inputs if each.store is not None)
    return tuple(dict.fromkeys((request.store, *others)))


def address_of(store: Store, place: int) -> TaskStore:
    """Return how to reach a store, under the name of its place among the stores of a request."""
    settings = store.settings
    return TaskStore(
        name=store_name(place),
        endpoint=settings.endpoint,
        region=settings.region,
        path_style=settings.path_style,
        proxy=settings.proxy,
        ca_bundle=settings.ca_bundle,
        encryption_key=settings.encryption.key_id if settings.encryption is not None else None,
    )
