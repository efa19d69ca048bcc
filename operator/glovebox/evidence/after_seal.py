"""What is signed after a seal: the last listing, and a person's conclusion. Pure.

Both are in-toto Statements whose subject is the signed statement of the seal, by the SHA-256 of its
bytes: a copy beside another seal says nothing of it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from glovebox.data.digest import DIGEST_PREFIX
from glovebox.evidence.statement import LIST_URI, STATEMENT_NAME, STATEMENT_TYPE

SUPPLEMENT_TYPE: Final = "https://glovebox.dev/seal-supplement/v1"
CONCLUSION_TYPE: Final = "https://glovebox.dev/experiment-conclusion/v1"
SUPPLEMENT_NAME: Final = "supplement.dsse.json"
CONCLUSION_NAME: Final = "conclusion.dsse.json"
# What the list of the supplement is called in a folder of saved evidence.
LAST_LIST_NAME: Final = "artifacts.last.jsonl"


@dataclass(frozen=True, slots=True)
class Supplement:
    """The last listing.

    Attributes:
        experiment: `namespace/name`.
        uid: The Experiment's UID.
        seal: Digest of the signed statement of the seal.
        list_digest: Digest of the last list of artifacts.
        listed: When it was listed, RFC 3339.
        sessions_end: When the last session had ended.
        added: How many versions came after the seal.
        missing: How many sealed versions were gone.
        uploads_ended: How many open uploads were ended before.
        findings: What cannot be vouched for of what came, in words.
    """

    experiment: str
    uid: str
    seal: str
    list_digest: str
    listed: str
    sessions_end: str
    added: int
    missing: int
    uploads_ended: int = 0
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a person concludes.

    Attributes:
        experiment: `namespace/name`.
        uid: The Experiment's UID.
        seal: Digest of the signed statement of the seal.
        verdict: One word.
        text: Why.
        by: Who says so, as the API server knew them.
        signed: When it was signed, RFC 3339.
    """

    experiment: str
    uid: str
    seal: str
    verdict: str
    text: str
    by: str
    signed: str


def envelope_digest(envelope: bytes) -> str:
    """Return the digest by which a signed statement is named."""
    return DIGEST_PREFIX + hashlib.sha256(envelope).hexdigest()


def supplement(about: Supplement) -> dict[str, Any]:
    """Return the statement over the last listing."""
    last = {"uri": LIST_URI, "digest": {"sha256": about.list_digest.removeprefix(DIGEST_PREFIX)}}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [_seal(about.seal), last],
        "predicateType": SUPPLEMENT_TYPE,
        "predicate": {
            "experiment": about.experiment,
            "uid": about.uid,
            "listedOn": about.listed,
            "sessionsEnd": about.sessions_end,
            "addedVersions": about.added,
            "missingVersions": about.missing,
            "uploadsEnded": about.uploads_ended,
            "findings": list(about.findings),
        },
    }


def conclusion(about: Conclusion) -> dict[str, Any]:
    """Return the statement of a conclusion."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [_seal(about.seal)],
        "predicateType": CONCLUSION_TYPE,
        "predicate": {
            "experiment": about.experiment,
            "uid": about.uid,
            "verdict": about.verdict,
            "text": about.text,
            "by": about.by,
            "signedOn": about.signed,
        },
    }


def is_about(document: Any, predicate_type: str, seal: str) -> bool:
    """Return whether a statement is of that type, and about that seal."""
    try:
        return (document["_type"], document["predicateType"]) == (
            STATEMENT_TYPE,
            predicate_type,
        ) and _seal(seal) in document["subject"]
    except (KeyError, TypeError):
        return False


def payload_of(envelope: bytes) -> Any:
    """Return what an envelope holds, unverified; None when it cannot be read."""
    try:
        return orjson.loads(base64.b64decode(orjson.loads(envelope)["payload"]))
    except (ValueError, KeyError, TypeError):
        return None


def read_supplement(document: dict[str, Any]) -> Supplement:
    """Return what a statement says of the last listing.

    Raises:
        ValueError, KeyError, TypeError: It is none.
    """
    predicate = document["predicate"]
    listed = next(each for each in document["subject"] if each.get("uri") == LIST_URI)
    seal = next(each for each in document["subject"] if each.get("name") == STATEMENT_NAME)
    return Supplement(
        experiment=str(predicate["experiment"]),
        uid=str(predicate["uid"]),
        seal=DIGEST_PREFIX + str(seal["digest"]["sha256"]),
        list_digest=DIGEST_PREFIX + str(listed["digest"]["sha256"]),
        listed=str(predicate["listedOn"]),
        sessions_end=str(predicate["sessionsEnd"]),
        added=int(predicate["addedVersions"]),
        missing=int(predicate["missingVersions"]),
        uploads_ended=int(predicate["uploadsEnded"]),
        findings=tuple(str(each) for each in predicate["findings"]),
    )


def read_conclusion(document: dict[str, Any]) -> Conclusion:
    """Return what a statement says of a conclusion.

    Raises:
        ValueError, KeyError, TypeError: It is none.
    """
    predicate = document["predicate"]
    seal = next(each for each in document["subject"] if each.get("name") == STATEMENT_NAME)
    return Conclusion(
        seal=DIGEST_PREFIX + str(seal["digest"]["sha256"]),
        signed=str(predicate["signedOn"]),
        **{name: str(predicate[name]) for name in ("experiment", "uid", "verdict", "text", "by")},
    )


def _seal(digest: str) -> dict[str, Any]:
    return {"name": STATEMENT_NAME, "digest": {"sha256": digest.removeprefix(DIGEST_PREFIX)}}
