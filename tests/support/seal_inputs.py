"""What a seal says of an experiment, where a test or a bench looks at something else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from glovebox.evidence.keys import TrustBundle, read_bundle
from glovebox.evidence.signer import LocalSigner, new_key_pair
from glovebox.evidence.statement import SealInputs
from glovebox.store.connection import Store
from glovebox.tasks.seal_request import EvidenceRequest, SealKeys, SealRequest


def seal_keys(
    private: str = "", trust: TrustBundle | None = None
) -> Callable[[], Awaitable[SealKeys]]:
    """Return how a seal gets its keys: this one or one made for it, trusted alone by default."""
    signer = LocalSigner.of(private or new_key_pair().private)
    keys = SealKeys(signer, trust or read_bundle(signer.public))

    async def found() -> SealKeys:
        return keys

    return found


def seal_inputs(prefix: str, snapshot: str) -> SealInputs:
    """Return the facts of a run that succeeded at once, without inputs and images.

    Args:
        prefix: URI below which the artifacts lie.
        snapshot: The experiment's snapshot.
    """
    return SealInputs(
        experiment="team/exp",
        uid="uid",
        digest="sha256:" + "1" * 64,
        snapshot=snapshot,
        inputs=(),
        images=(),
        prefix=prefix,
        outcome="Succeeded",
        reason="RunSucceeded",
        attempts=1,
        started="",
        finished="",
        sealed="",
        version="0",
    )


def seal_request(store: Store, bucket: str, prefix: str) -> SealRequest:
    """Return the request to seal what lies below a prefix of a bucket, by a key of its own."""
    evidence = EvidenceRequest(
        uid="uid",
        store=store,
        bucket=bucket,
        prefix=prefix,
        folder=".glovebox/seals/uid/",
        snapshot=b"{}",
        inputs=(),
    )
    return SealRequest(evidence, seal_inputs(f"s3://{bucket}/{prefix}", "{}"), seal_keys())
