"""Comparing the files of a dataset with its contract: see `data/contracts.py`.

Each file is read by version, with what its pin's namespace may read and nothing more, and is parsed
by a process of its own: see `table_program`. Keys that are to be unique, or to occur in other pins,
lie as hashes in temporary files; memory does not grow with the data. Nothing is written: an attempt
that ends half-way is begun again.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, cast

from glovebox.api import reasons
from glovebox.api.contract import Contract
from glovebox.data.contract_found import ContractFound
from glovebox.data.contract_keys import KeyCheck
from glovebox.data.contract_rules import contract_digest, file_rules, keys_of
from glovebox.data.contracts import Judge
from glovebox.data.digest import digest_of
from glovebox.data.manifest import Entry
from glovebox.data.printable import printable
from glovebox.data.row_keys import Kind
from glovebox.data.row_pieces import MAX_SPILLED
from glovebox.data.table_errors import TableError
from glovebox.data.tables import format_of
from glovebox.errors import UnfitData
from glovebox.store.connection import Stop, Store
from glovebox.tasks.context import Progress, TaskContext
from glovebox.tasks.pinned_tables import Pinned, PinnedTables, is_table, opened

CONTRACT: Final = "contract"
PHASE: Final = "CheckingContract"


@dataclass(frozen=True, slots=True)
class ContractRequest:
    """A dataset to compare with its contract.

    Attributes:
        dataset: Which one.
        contract: What it has to hold.
        targets: The pins that `contract.references` name, in that order.
        objects: How many objects the dataset has, for the progress.
        bytes: Their size.
    """

    dataset: Pinned
    contract: Contract
    targets: tuple[Pinned, ...] = ()
    objects: int = 0
    bytes: int = 0

    @property
    def basis(self) -> str:
        """What the result depends on; another makes another task."""
        return digest_of(
            {
                "contract": contract_digest(self.contract),
                "dataset": self.dataset.basis,
                "endpoint": self.dataset.store.settings.endpoint,
                "targets": [each.basis for each in self.targets],
            }
        )

    @property
    def stores(self) -> tuple[Store, ...]:
        """All stores, each once; that of the dataset first."""
        return tuple(dict.fromkeys((self.dataset.store, *(each.store for each in self.targets))))


async def check_contract(context: TaskContext, request: ContractRequest) -> ContractFound:
    """Compare a dataset with its contract; safe to repeat.

    Raises:
        Refused: `NotGranted`: an object may not be read any more.
        UnfitData: It cannot be checked: `ContractNotChecked`.
        InvalidInput: Nor can it here: `TooManyObjects`, `RowsNotRead`.
        GloveboxError: A store does not answer, denies it, or lost what was pinned.
    """

    def job(stop: Stop) -> ContractFound:
        with ExitStack() as stack:
            return _Check(request, stop, context.report, stack).run()

    return await request.dataset.store.run_job(job, context.stop)


class _Check:
    """One attempt. Blocks."""

    def __init__(
        self,
        request: ContractRequest,
        stop: Stop,
        report: Callable[[Progress], None],
        stack: ExitStack,
    ) -> None:
        self._request, self._stop, self._report = request, stop, report
        self._judge = Judge(request.contract)
        self._rules = file_rules(request.contract)
        self._keys = _key_checks(request.contract, stack)
        self._rows = self._done_bytes = 0
        self._tables = PinnedTables(request.dataset.store, stop, stack, self._tell)

    def run(self) -> ContractFound:
        """Read all files, then judge what they share."""
        request = self._request
        store = opened(request.dataset)
        for entry in self._tables.entries(request.dataset, self._is_empty_table):
            if self._judge.wants(entry.path):
                self._look_at(store, entry)
            self._done_bytes += entry.size
            self._tell()
        self._look_up()
        for key in self._keys:
            self._stop.check()
            key.judge(self._judge, self._stop.check)
        return self._judge.verdict(self._tables.bytes_read)

    def _look_at(self, store: Store, entry: Entry) -> None:
        first = self._rows
        counts = [0] * len(self._keys)
        for key in self._keys:
            key.begin(entry.path, first)

        def keyed(number: int, hashes: bytes) -> None:
            if number >= len(counts):
                raise TableError("the program that reads tables fails over it")
            counts[number] += self._keys[number].add(hashes, first + counts[number])

        try:
            seen = self._tables.process.check(self._tables.table(store, entry), self._rules, keyed)
        except TableError as error:
            self._judge.add_unreadable(entry.path, str(error))
            self._rows = first + max(counts, default=0)
            return
        self._judge.add(entry.path, seen)
        self._rows = first + max(seen.rows, *counts, 0)

    def _look_up(self) -> None:
        """Read what the pins that are referred to hold."""
        contract = self._request.contract
        kinds = {column.name: column.type for column in contract.columns}
        checks = self._keys[len(contract.unique) :]
        targets = self._request.targets
        for each, pin, check in zip(contract.references, targets, checks, strict=True):
            columns = each.target_columns or each.columns
            wanted = [cast("Kind", kinds[name]) for name in each.columns]
            store = opened(pin)
            for entry in self._tables.entries(pin):
                self._tell()
                if not is_table(entry):
                    continue  # what is beside its tables is no matter of this contract
                with _told(pin, entry):
                    table = self._tables.table(store, entry)
                    for hashes in self._tables.process.keys(table, columns, wanted):
                        check.add_target(hashes)

    def _is_empty_table(self, entry: Entry) -> bool:
        """Whether an object of the dataset ought to hold a table, and holds no byte."""
        found, wanted = format_of(entry.path), self._request.contract.format
        return found is not None and wanted in {None, found}

    def _tell(self) -> None:
        request = self._request
        self._report(
            Progress(
                objects_done=self._judge.files,
                objects_total=request.objects or None,
                bytes_done=self._done_bytes,
                bytes_total=request.bytes or None,
                bytes_read=self._tables.bytes_read,
                phase=PHASE,
            )
        )


def _key_checks(contract: Contract, stack: ExitStack) -> list[KeyCheck]:
    """Return what takes the hashes of each key; they share the room for temporary files."""
    room = MAX_SPILLED // max(1, len(keys_of(contract)))
    checks = [KeyCheck.unique(each.columns, room) for each in contract.unique]
    checks += [
        KeyCheck.reference(each.columns, each.pin_ref.name, room) for each in contract.references
    ]
    for check in checks:
        of_rows, of_names = (
            stack.enter_context(tempfile.TemporaryFile(prefix=prefix))  # noqa: SIM115 - it does
            for prefix in ("glovebox-contract-rows-", "glovebox-contract-names-")
        )
        check.open(of_rows, of_names)
    return checks


@contextlib.contextmanager
def _told(pinned: Pinned, entry: Entry) -> Iterator[None]:
    """Say of which pin and file a `TableError` is: it is no fault of the dataset."""
    try:
        yield
    except TableError as error:
        raise UnfitData(
            reasons.CONTRACT_NOT_CHECKED,
            f"`spec.contract.references`: values cannot be looked up in `{printable(entry.path)}`"
            f" of DatasetPin '{pinned.name}': {error}",
        ) from error
