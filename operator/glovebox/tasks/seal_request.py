"""What a seal is asked to hold, and what comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from glovebox.data.digest import digest_of
from glovebox.errors import InvalidInput
from glovebox.evidence.envelope import opened
from glovebox.evidence.keys import TrustBundle
from glovebox.evidence.signer import Signer
from glovebox.evidence.statement import SealInputs
from glovebox.store.connection import Store
from glovebox.store.pins import ManifestLocation, Source
from glovebox.store.waits import NO_WAIT, Waits


@dataclass(frozen=True, slots=True)
class SealedDataset:
    """An input whose versions are asked for once more before the seal.

    Attributes:
        name: Of the input.
        store: Where its data and its manifest are; None when that is not known any more.
        source: As it was pinned; None when that is not known any more.
        manifest: The list of its versions; None when that is not known any more.
        lost: Why it cannot be verified again, when that is known beforehand: `its pin is gone`.
        shows_newest: Whether the run was shown the newest versions, whatever was pinned: then what
            lies over a pinned version, or beside it, may have been read.
    """

    name: str
    store: Store | None = None
    source: Source | None = None
    manifest: ManifestLocation | None = None
    lost: str = ""
    shows_newest: bool = False


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """What there is to list, hash and verify for a seal.

    Attributes:
        uid: Of the Experiment; its check-points lie under it.
        store: Of the bucket of artifacts.
        bucket: The bucket of artifacts.
        prefix: The experiment's own key prefix, ending in `/`.
        folder: Where the evidence goes, ending in `/`; see `store.sealing.seal_folder`.
        snapshot: What the experiment's digest was computed from.
        inputs: The datasets to verify again.
        locked: Whether the bucket has an object lock.
        patient_until: Until then, a store of an input that does not answer, or a lock that is not
            shown, is an error, and the seal is tried again; afterwards a finding. None is not
            patient at all.
        waits: Until when a version of the artifacts, or one under the names of the evidence, is
            waited for that cannot be read.
    """

    uid: str
    store: Store
    bucket: str
    prefix: str
    folder: str
    snapshot: bytes
    inputs: tuple[SealedDataset, ...]
    locked: bool = True
    patient_until: datetime | None = None
    waits: Waits = NO_WAIT

    @property
    def basis(self) -> str:
        """Whatever the result depends on."""
        endpoint = self.store.settings.endpoint
        return digest_of([endpoint, self.bucket, self.prefix, self.folder, self.uid])


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was gathered.

    Attributes:
        list_digest: Of the list of artifacts, which lies in the store.
        doubts: What is wrong with the inputs, and why more may have been written than the list
            says, in words.
        uploads_ended: How many open uploads were ended before.
    """

    list_digest: str
    doubts: tuple[str, ...]
    uploads_ended: int = 0


@dataclass(frozen=True, slots=True)
class SealKeys:
    """The key that signs, and all keys whose seals are ours."""

    signer: Signer
    trust: TrustBundle

    def signer_of(self, envelope: bytes) -> str:
        """Return the id of the key of ours that signed an envelope, or an empty text."""
        try:
            return opened(envelope, self.trust).keys[0].key_id
        except InvalidInput:
            return ""


@dataclass(frozen=True, slots=True)
class SealRequest:
    """Everything a seal is made of, as values.

    Attributes:
        evidence: What there is to gather.
        about: What the statement says; `sealed` is filled in here, and `findings` are added to.
        keys: Returns the key that signs and those whose seals are taken for ours. Asked when a
            signature is needed, which may be hours after the request.
        session_seconds: How long a session lives that may write below the prefix.
        not_before: No seal was made before, as the operator has it on record; None when it has no
            record of that.
        recorded_outcome: How the run ended, and empty without one, as the operator has it on
            record; None where it is not known to be over. A former key's seal has to say the same.
    """

    evidence: EvidenceRequest
    about: SealInputs
    keys: Callable[[], Awaitable[SealKeys]]
    session_seconds: int = 3600
    not_before: datetime | None = None
    recorded_outcome: str | None = None


@dataclass(frozen=True, slots=True)
class SealResult:
    """What the status says of a seal.

    Attributes:
        uri: Folder of the evidence, ending in `/`.
        attestation_version: Version of the signed statement.
        list_digest: Digest of the list of artifacts.
        versions: How many object versions it holds.
        bytes: Their size.
        retain_until_time: The earliest end of a lock among them, RFC 3339; empty when nothing is
            locked.
        key_id: Of the key that signed.
        sealed_time: When it was made, RFC 3339.
        findings: What the seal cannot vouch for, at most 16; all of them are in the statement.
        sessions_end: When the last session has ended that may write below the prefix.
        not_counted: What is told of statements that a key of ours signed and that are not the seal.
    """

    uri: str
    attestation_version: str
    list_digest: str
    versions: int
    bytes: int
    retain_until_time: str
    key_id: str
    sealed_time: str
    findings: tuple[str, ...]
    sessions_end: str
    not_counted: tuple[str, ...] = ()
