"""A whole seal that verifies, by whoever has a key of seals: list, snapshot and statement."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from glovebox.data.digest import canonical_json, digest_of
from glovebox.evidence.artifacts import encode_artifacts, list_digest
from glovebox.evidence.envelope import sign
from glovebox.evidence.signer import Signer
from glovebox.evidence.statement import SNAPSHOT_NAME, STATEMENT_NAME, statement
from glovebox.status.text import format_time
from glovebox.store.evidence_objects import list_key
from glovebox.store.sealing import seal_folder
from support.seal_inputs import seal_inputs


def forged_seal(
    signer: Signer, experiment: str, uid: str, bucket: str, dated: datetime, **about: Any
) -> dict[str, bytes]:
    """Return the objects of a seal over nothing, by key; the statement is the last one.

    Args:
        signer: Whose key is known to somebody else.
        experiment: `namespace/name`.
        uid: The Experiment's UID.
        bucket: The bucket of artifacts.
        dated: When the statement says that it was signed.
        about: What else it says, as `SealInputs` has it.
    """
    prefix, folder, moment = f"{experiment}/{uid}/", seal_folder(uid), format_time(dated)
    raw = encode_artifacts(prefix, ())
    said = replace(
        seal_inputs(f"s3://{bucket}/{prefix}", "{}"),
        **{
            "experiment": experiment,
            "uid": uid,
            "digest": digest_of({}),
            "started": moment,
            "finished": moment,
            "sealed": moment,
            "sessions_end": moment,
            **about,
        },
    )
    return {
        list_key(folder, list_digest(raw)): raw,
        folder + SNAPSHOT_NAME: b"{}",
        folder + STATEMENT_NAME: sign(
            canonical_json(statement(said, (), list_digest(raw))), signer
        ),
    }
