"""The question whether pinned objects are what they were; see `ProofRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from glovebox.data.proof_budget import Cost
from glovebox.data.proof_levels import Level, ProofSlice
from glovebox.store.connection import Store
from glovebox.store.manifests import ManifestLocation
from glovebox.store.pin_proofs import ProofPlan
from glovebox.tasks.context import TaskContext
from glovebox.tasks.proof import LockBooks, ProofRequest, prove_dataset
from glovebox.tasks.source_document import AccessDocument, SourceDocument
from glovebox.tasks.strict import Strict, store_name

_SLICE: Final = TypeAdapter(ProofSlice)


class ProofQuestion(Strict):
    """Look at pinned objects again; see `ProofRequest`."""

    task: Literal["prove"] = "prove"
    source: SourceDocument
    manifest: ManifestLocation
    level: Literal["Head", "Sample", "Full"]
    pin_root: str
    seed: str
    sample: int
    sample_bytes: int
    after: str
    most_bytes: int
    most_requests: int
    is_first: bool
    started: str
    done: int
    objects: int | None
    bytes: int | None
    locks: LockBooks | None
    access: AccessDocument | None

    @classmethod
    def of(cls, request: ProofRequest) -> ProofQuestion:
        """Return the question of a request."""
        plan = request.plan
        return cls.model_validate(
            {
                "source": request.source,
                "manifest": request.manifest,
                "level": plan.level.value,
                "pin_root": plan.pin_root,
                "seed": plan.seed,
                "sample": plan.sample,
                "sample_bytes": plan.sample_bytes,
                "after": plan.after,
                "most_bytes": plan.most.bytes,
                "most_requests": plan.most.requests,
                "is_first": plan.is_first,
                "started": request.started,
                "done": request.done,
                "objects": request.objects,
                "bytes": request.bytes,
                "locks": request.locks,
                "access": AccessDocument.of(request.access),
            }
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        plan = ProofPlan(
            level=Level(self.level),
            pin_root=self.pin_root,
            seed=self.seed,
            sample=self.sample,
            sample_bytes=self.sample_bytes,
            after=self.after,
            most=Cost(self.most_bytes, self.most_requests),
            is_first=self.is_first,
        )
        request = ProofRequest(
            uid,
            stores[store_name(0)],
            self.source,
            self.manifest,
            plan,
            self.started,
            done=self.done,
            objects=self.objects,
            bytes=self.bytes,
            locks=self.locks,
            access=self.access.access() if self.access is not None else None,
        )
        return {"slice": _SLICE.dump_python(await prove_dataset(context, request), mode="json")}

    def answer(self, document: Mapping[str, Any]) -> ProofSlice:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError: It is none.
        """
        return _SLICE.validate_python(document["slice"])
