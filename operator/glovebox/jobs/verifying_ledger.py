"""Looks for a seal in a ledger: that an entry vouches for it, and between which times it came.

A seal says by itself when it was made, and whoever has the key of seals may have it say any time.
The heads of a ledger are dated by a timestamp authority (RFC 3161), and the entry of the seal lies
between two of them: so does the seal. The whole ledger is verified for it, but for the objects that
other entries vouch for.

That is held against whoever has a key that was replaced: the first entry of a UID says which
statement was its seal, and what a key signed has to be told before the key ended, by the list of
keys or by the ledger itself. The conclusion is looked at likewise; the last listing has no entry.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from glovebox.data.digest import DIGEST_PREFIX
from glovebox.evidence.after_seal import CONCLUSION_NAME
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.jobs.ledger_checking import OpenLedger, verify_epochs, with_ledger
from glovebox.ledger.entry import time_text
from glovebox.ledger.pace import CLOCKS
from glovebox.ledger.stated import SEAL, SEALS
from glovebox.ledger.timestamps import Stamps

if TYPE_CHECKING:
    from glovebox.evidence.keys import TrustedKey
    from glovebox.evidence.verification import Report
    from glovebox.jobs.verifying import Verified
    from glovebox.ledger.findings import LedgerReport, VouchedFor
    from glovebox.ledger.verification import LedgerDemand

# A seal that is told later than this is worth a look: the ledger was away, or it was dated back.
_LATE: Final = timedelta(hours=1)
_SEALS: Final = "(--seals)"


@dataclass(frozen=True, slots=True)
class InLedger:
    """Where a ledger tells of a seal.

    Attributes:
        origin: The log's name.
        index: Of the entry.
        written: When the entry was written, by the operator's clock.
        not_before: When a trusted authority knew a head without it; None where none did.
        known_by: When a trusted authority knew a head with it; None where none did.
    """

    origin: str
    index: int
    written: datetime
    not_before: datetime | None
    known_by: datetime | None


def verify_in_ledger(verified: Verified, where: str, demand: LedgerDemand) -> Verified:
    """Return a verification of a seal with what a ledger says of it.

    Findings: `LedgerInvalid`, `NotInLedger`, `OtherInLedger`, `KeyNotValid`, `NotTimestamped` (when
    `demand` trusts an authority), `TimeDiffers`.

    Args:
        verified: Of the seal. Where it does not hold, no ledger is asked.
        where: A folder, or `s3://bucket/organisation`.
        demand: Of the ledger.

    Raises:
        InvalidInput: There is no ledger.
        GloveboxError: The store does not answer, or denies it.
    """
    if verified.report.findings:
        return replace(verified, unchecked=(*verified.unchecked, "the ledger"))
    found, unchecked = with_ledger(where, lambda opened: _look(verified.report, opened, demand))
    return replace(
        verified,
        checked=(*verified.checked, "the ledger, whole"),
        unchecked=(*verified.unchecked, *unchecked),
        ledger=found,
    )


def _look(
    report: Report, opened: OpenLedger, demand: LedgerDemand
) -> tuple[InLedger | None, tuple[str, ...]]:
    ledgers = verify_epochs(opened, demand, objects=False)
    found = _find(report, opened, ledgers, demand)
    # Other seals are another question.
    unchecked = (each for ledger in ledgers for each in ledger.unchecked if _SEALS not in each)
    return found, tuple(f"of the ledger: {each}" for each in unchecked)


def _find(
    report: Report, opened: OpenLedger, ledgers: list[LedgerReport], demand: LedgerDemand
) -> InLedger | None:
    broken = [each for ledger in ledgers for each in ledger.findings]
    if broken:
        what = f"{broken[0].what} at {broken[0].where}"
        message = f"it does not hold, so nothing that it says counts: {what}"
        report.note("LedgerInvalid", opened.epochs[-1].where, message)
        return None
    conclusion = report.concluded
    if conclusion is not None:
        _vouched(report, ledgers, _Signed(CONCLUSION_NAME, CONCLUSION_NAME, *conclusion))
    found = _vouched(report, ledgers, _Signed(STATEMENT_NAME, SEAL, report.seal, report.key))
    return _place(report, *found, demand) if found is not None else None


@dataclass(frozen=True, slots=True)
class _Signed:
    """A signed document that has to have an entry.

    Attributes:
        name: As a report calls it.
        file: As it is called in the folder of the seal.
        digest: Of its bytes, as it is stored.
        key: Who signed it.
    """

    name: str
    file: str
    digest: str
    key: TrustedKey | None


def _end_of(
    key: TrustedKey | None,
    ledgers: list[LedgerReport],
    told: tuple[LedgerReport, VouchedFor] | None = None,
) -> datetime | None:
    """Return when a key ended; None for one that signs now.

    The list of keys may be a copy from before, or a bare key that has no end. So what the ledger
    told of it counts as well; of what was `told`, what it had told until then: whoever appends an
    entry takes no key from what was there before.
    """
    if key is None:
        return None
    ends = [key.valid_until] if key.valid_until is not None else []
    for ledger in ledgers:
        is_last = told is not None and ledger is told[0]
        retired = ledger.retired.get(key.key_id)
        if retired is not None and not (is_last and told and retired.index > told[1].index):
            ends.append(retired.until)
        if is_last:
            break
    return min(ends, default=None)


def _vouched(
    report: Report, ledgers: list[LedgerReport], signed: _Signed
) -> tuple[LedgerReport, VouchedFor] | None:
    """Return the entry that vouches for the very bytes of a document, under its key.

    It has to be the first one of that key, and to lie below a signed head. Where it came after the
    signing key had ended, that is noted. A conclusion of a key that signs now may have none.
    """
    uid = str(report.definition["internalParameters"]["uid"])
    key, digest = f"{SEALS}{uid}/{signed.file}", signed.digest.removeprefix(DIGEST_PREFIX)
    told = [(each, entry) for each in ledgers for entry in each.objects if entry.stated.key == key]
    same = [each for each in told if each[1].stated.sha256 == digest]
    if not same:
        message = "no entry of the ledger vouches for this signed statement"
        if told:
            message += f": entry {told[0][1].index} records another one of this very Experiment"
        has_ended = _end_of(signed.key, ledgers) is not None
        if signed.name == STATEMENT_NAME or told or has_ended:
            report.note("NotInLedger", signed.name, message)
        else:
            # One of an Experiment that took over another one's results has none.
            report.remarks.append(f"{signed.name}: {message}")
        return None
    (_, first), (ledger, entry) = told[0], same[0]
    if first.stated.sha256 != digest:
        report.note(
            "OtherInLedger",
            signed.name,
            f"entry {first.index} of the ledger recorded another statement of this very Experiment"
            f" before entry {entry.index} recorded this one: the first one counts, and it has the"
            f" digest sha256:{first.stated.sha256}",
        )
        return None
    if ledger.newest is None or entry.index >= ledger.newest.opened.head.size:
        # Whoever may write there can append one: the key of the ledger signs heads alone.
        message = (
            f"entry {entry.index} of the ledger records it, and nobody signed a head with that"
            " entry yet; one is signed ten seconds after an entry: verify again, with a newer copy"
            " of the ledger where it is one"
        )
        report.note("NotInLedger", signed.name, message)
        return None
    ends = _end_of(signed.key, ledgers, same[0])
    _check_key(report, ledger, entry, signed, ends)
    return ledger, entry


def _check_key(
    report: Report,
    ledger: LedgerReport,
    entry: VouchedFor,
    signed: _Signed,
    ends: datetime | None,
) -> None:
    """Note what was told only after the key had ended that signed it."""
    dated, _ = Stamps(ledger.dated).bounds(entry.index)
    after = max(entry.after, dated or entry.after)
    if signed.key is None or ends is None or after <= ends:
        return
    report.note(
        "KeyNotValid",
        signed.name,
        f"the key {signed.key.key_id} ended on {time_text(ends)}, and the ledger has it since"
        f" {time_text(after)}: whoever has that key can have dated it back. If the ledger was made"
        " or was away then, go by what the store says: verify it there without `--ledger`",
    )


def _place(
    report: Report, ledger: LedgerReport, entry: VouchedFor, demand: LedgerDemand
) -> InLedger:
    after, before = Stamps(ledger.dated).bounds(entry.index)
    if before is None and demand.timestamp_roots:
        message = f"no authority that is trusted dated a head with entry {entry.index} of the"
        report.note("NotTimestamped", STATEMENT_NAME, f"{message} ledger")
    sealed = report.sealed
    if sealed is not None and before is not None and sealed > before + CLOCKS:
        message = f"it says that it was signed on {time_text(sealed)}, and an authority knew it on"
        report.note("TimeDiffers", STATEMENT_NAME, f"{message} {time_text(before)}")
    if sealed is not None and entry.written > sealed + _LATE:
        report.remarks.append(
            f"it says that it was signed on {time_text(sealed)}, and the ledger has it since"
            f" {time_text(entry.written)}: the ledger was away, or the seal was dated back"
        )
    origin = ledger.genesis.origin if ledger.genesis is not None else ""
    return InLedger(origin, entry.index, entry.written, after, before)
