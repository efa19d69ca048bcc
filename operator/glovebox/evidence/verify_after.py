"""Verifies what lies beside a seal: the logs it names, the last listing, and a conclusion. Pure.

A last listing that is due and not there is a finding: what came between the seal and the end of the
last session would be in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from glovebox.data.counting import counted
from glovebox.data.digest import DIGEST_PREFIX
from glovebox.errors import GloveboxError, InvalidInput
from glovebox.evidence.after_seal import (
    CONCLUSION_NAME,
    CONCLUSION_TYPE,
    SUPPLEMENT_NAME,
    SUPPLEMENT_TYPE,
    envelope_digest,
    is_about,
    read_conclusion,
    read_supplement,
)
from glovebox.evidence.artifacts import Artifact, decode_artifacts, list_digest
from glovebox.evidence.envelope import opened
from glovebox.evidence.keys import TrustBundle, TrustedKey
from glovebox.evidence.run_facts import LOG, SESSIONS_END
from glovebox.evidence.statement import LIST_NAME
from glovebox.evidence.verification import Report, dated_back, why_not_signed

# So long an operator may take for the last listing before that it is missing is a finding.
GRACE: Final = timedelta(hours=1)


def log_name(digest: str) -> str:
    """Return the name of the log with that digest."""
    return f"log.{digest.removeprefix(DIGEST_PREFIX)}.txt"


def stated_logs(report: Report) -> tuple[str, ...]:
    """Return the digests of the logs that a seal names."""
    byproducts = report.statement["predicate"]["runDetails"]["byproducts"]
    return tuple(
        dict.fromkeys(
            DIGEST_PREFIX + str(entry["digest"]["sha256"])
            for entry in byproducts
            if entry.get("name") == LOG
        )
    )


def check_logs(report: Report, found: Mapping[str, bytes]) -> None:
    """Compare logs with what the seal says of them.

    Args:
        report: Of the seal.
        found: What lies under the name of each log that is there.
    """
    for digest in stated_logs(report):
        name = log_name(digest)
        if name not in found:
            report.note("LogMissing", name, "the seal names it, and it is not there")
            continue
        actual = DIGEST_PREFIX + hashlib.sha256(found[name]).hexdigest()
        if actual != digest:
            report.note("LogDiffers", name, f"it has the digest {actual}, signed is {digest}")
        else:
            report.logs += 1


def stated_sessions_end(report: Report) -> datetime | None:
    """Return when the last session ended that may have written; None where the seal is silent."""
    metadata = report.statement["predicate"]["runDetails"]["metadata"]
    told = metadata.get(SESSIONS_END)
    return datetime.fromisoformat(told) if told else None


def check_supplement(
    report: Report,
    seal: bytes,
    envelope: bytes | None,
    last_list: bytes | None,
    trust: TrustBundle,
    now: datetime,
    written: datetime | None = None,
) -> None:
    """Verify the last listing against the seal.

    Args:
        report: Of the seal; its `later` becomes what came after it.
        seal: The signed statement of the seal.
        envelope: The signed supplement; None where there is none.
        last_list: The list that it names; None where that is not there.
        trust: The keys that may have signed.
        now: The present time.
        written: When the store took the supplement in; None where that is not known.
    """
    ends = stated_sessions_end(report)
    if envelope is None:
        _check_missing(report, ends, now)
        return
    found = _opened(report, envelope, trust, SUPPLEMENT_NAME, SUPPLEMENT_TYPE, seal)
    if found is None:
        return
    try:
        said = read_supplement(found.document)
        listed = datetime.fromisoformat(said.listed)
        found.check_valid(report, SUPPLEMENT_NAME, listed, written)
    except (KeyError, TypeError, ValueError, StopIteration):
        report.note("SupplementDiffers", SUPPLEMENT_NAME, "it is signed, and says no last listing")
        return
    report.supplement = said
    report.remarks += [f"the supplement does not vouch for this: {each}" for each in said.findings]
    if ends is not None and listed < ends:
        report.note(
            "SupplementDiffers",
            SUPPLEMENT_NAME,
            f"it was listed on {said.listed}, and sessions could write until {ends.isoformat()}",
        )
    if last_list is None or list_digest(last_list) != said.list_digest:
        report.note(
            "ListDiffers", LIST_NAME, "the list of the supplement is not the one that was signed"
        )
        return
    _compare(report, last_list, said.added, said.missing)


def check_conclusion(
    report: Report,
    seal: bytes,
    envelope: bytes | None,
    trust: TrustBundle,
    written: datetime | None = None,
) -> None:
    """Verify what a person concluded; nothing is missing when nobody did.

    Args:
        report: Of the seal.
        seal: The signed statement of the seal.
        envelope: The signed conclusion; None where there is none.
        trust: The keys that may have signed.
        written: When the store took it in; None where that is not known.
    """
    if envelope is None:
        return
    found = _opened(report, envelope, trust, CONCLUSION_NAME, CONCLUSION_TYPE, seal)
    if found is None:
        return
    try:
        said = read_conclusion(found.document)
        moment = datetime.fromisoformat(said.signed)
        key = found.check_valid(report, CONCLUSION_NAME, moment, written)
        report.conclusion, report.concluded = said, (envelope_digest(envelope), key)
    except (KeyError, TypeError, ValueError, StopIteration):
        report.note("StatementInvalid", CONCLUSION_NAME, "it is signed, and says no conclusion")


def _check_missing(report: Report, ends: datetime | None, now: datetime) -> None:
    if ends is None:
        return
    if now > ends + GRACE:
        report.note(
            "SupplementMissing",
            SUPPLEMENT_NAME,
            f"sessions could write until {ends.isoformat()}, and no signed listing says what came"
            " until then",
        )
    else:
        report.remarks.append(
            f"sessions may write until {ends.isoformat()}; the last listing comes after that"
        )


@dataclass(frozen=True, slots=True)
class _Signed:
    """A statement about the seal, and the keys that verify it."""

    document: dict[str, Any]
    keys: Sequence[TrustedKey]

    def check_valid(
        self, report: Report, name: str, moment: datetime, written: datetime | None
    ) -> TrustedKey:
        """Return the key; note one that was not valid, by its own words or by the store's."""
        valid = [key for key in self.keys if key.is_valid_at(moment)]
        if not valid:
            report.note(
                "KeyNotValid",
                name,
                f"it was signed on {moment.isoformat()}, when the key {self.keys[0].key_id} was not"
                " valid",
            )
        elif written is not None and not any(key.is_valid_at(written) for key in valid):
            report.note("KeyNotValid", name, dated_back(valid[0], moment, written))
        return (valid or self.keys)[0]


def _opened(
    report: Report,
    envelope: bytes,
    trust: TrustBundle,
    name: str,
    predicate_type: str,
    seal: bytes,
) -> _Signed | None:
    try:
        signed = opened(envelope, trust)
        document = orjson.loads(signed.payload)
    except (InvalidInput, orjson.JSONDecodeError) as error:
        report.note("SignatureInvalid", name, why_not_signed(error, envelope, trust))
        return None
    if not is_about(document, predicate_type, envelope_digest(seal)):
        report.note("OtherSeal", name, "it is signed, and is not about this seal")
        return None
    return _Signed(document, signed.keys)


def _compare(report: Report, last_list: bytes, added: int, missing: int) -> None:
    try:
        _, artifacts = decode_artifacts(last_list)
    except GloveboxError as error:
        report.note("ListInvalid", LIST_NAME, error.message)
        return
    known = {_identity(artifact): artifact for artifact in report.artifacts}
    sealed = known.keys()
    last = {_identity(artifact) for artifact in artifacts}
    for artifact in artifacts:
        was = known.get(_identity(artifact))
        if was is not None and _content(was) != _content(artifact):
            report.note(
                "SupplementDiffers",
                SUPPLEMENT_NAME,
                f"its list says of version {artifact.version_id} of {artifact.key} what the seal"
                " does not say of it",
            )
    if (len(last - sealed), len(sealed - last)) != (added, missing):
        report.note(
            "SupplementDiffers",
            SUPPLEMENT_NAME,
            f"it says that {added} versions came and {missing} were gone; its list has"
            f" {len(last - sealed)} and {len(sealed - last)}",
        )
    report.later = [artifact for artifact in artifacts if _identity(artifact) not in sealed]
    if report.later:
        names = ", ".join(sorted({artifact.key for artifact in report.later})[:3])
        report.remarks.append(
            f"{counted(len(report.later), 'version')} came after the seal, in its signed"
            f" supplement: {names}"
        )


def _content(artifact: Artifact) -> tuple[bool, int, str]:
    """Return what of a version never changes."""
    return artifact.delete_marker, artifact.size, artifact.sha256


def _identity(artifact: Artifact) -> tuple[str, str]:
    return artifact.key, artifact.version_id
