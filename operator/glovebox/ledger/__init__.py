"""The ledger: an append-only log of what happened, as bytes and hashes. All of it is pure.

Entries, the Merkle tree over them, tiles, checkpoints, proofs, cosignatures and policies are those
of RFC 6962 and of C2SP (tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature, tlog-proof,
tlog-policy, tlog-witness), so that programs which are not ours can check it. Where the objects lie
is `layout`; what writes and reads them is in `store/`.
"""
