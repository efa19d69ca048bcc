"""What a task in a process of its own is asked about a contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from glovebox.api.contract import Contract
from glovebox.data.contract_found import ContractFound
from glovebox.data.contract_rules import rule_count
from glovebox.store.connection import Store
from glovebox.tasks.context import TaskContext
from glovebox.tasks.contract import ContractRequest, check_contract
from glovebox.tasks.pinned_document import PinnedDocument
from glovebox.tasks.strict import Strict, store_name

_FOUND: Final = TypeAdapter(ContractFound)


class ContractQuestion(Strict):
    """Compare a dataset with its contract; see `ContractRequest`."""

    task: Literal["contract"] = "contract"
    dataset: PinnedDocument
    contract: dict[str, Any]
    targets: tuple[PinnedDocument, ...]
    objects: int
    bytes: int

    @classmethod
    def of(cls, request: ContractRequest) -> ContractQuestion:
        """Return the question of a request."""
        names = {store: store_name(place) for place, store in enumerate(request.stores)}
        return cls(
            dataset=PinnedDocument.of(request.dataset, names),
            contract=request.contract.model_dump(by_alias=True, mode="json", exclude_defaults=True),
            targets=tuple(PinnedDocument.of(each, names) for each in request.targets),
            objects=request.objects,
            bytes=request.bytes,
        )

    async def perform(
        self, context: TaskContext, uid: str, stores: Mapping[str, Store]
    ) -> dict[str, Any]:
        """Do the work; return the answer, to be written down."""
        del uid
        request = ContractRequest(
            self.dataset.pinned(stores),
            Contract.model_validate(self.contract),
            tuple(each.pinned(stores) for each in self.targets),
            self.objects,
            self.bytes,
        )
        found = await check_contract(context, request)
        return {"contract": _FOUND.dump_python(found, mode="json")}

    def answer(self, document: Mapping[str, Any]) -> ContractFound:
        """Return the answer that was written down.

        Raises:
            ValidationError, KeyError, TypeError: It is none.
        """
        found = _FOUND.validate_python(document["contract"])
        contract = Contract.model_validate(self.contract)
        if found.rules != rule_count(contract) or len(found.columns) != len(contract.columns):
            raise TypeError("it is not about the contract that was asked for")
        return found
