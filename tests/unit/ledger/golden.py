"""The golden vectors of the ledger's formats; `python -m unit.ledger.golden` in tests/ writes them.

They change when the format's version does, and never else: what was stored has to be read.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from glovebox.ledger.checkpoint import cosign
from glovebox.ledger.proof import Proof
from glovebox.ledger.tree import consistency_proof, inclusion_proof, leaf_hash, nodes_of
from support.ledger_logs import LOG_KEY, NOW, WITNESS, ledger_of

VECTORS = Path(__file__).with_name("vectors.json")


def make_vectors() -> dict[str, Any]:
    """Return what the code makes today of a ledger of five entries."""
    ledger = ledger_of(5, 3)
    entries = [ledger.stored[index].body for index in range(5)]
    leaves = [leaf_hash(each) for each in entries]
    raw = ledger.heads[5].body
    text = raw.decode().rpartition("\n\n")[0] + "\n"
    moment = NOW + timedelta(minutes=1)
    line = cosign(text, "witness.example.com/w1", WITNESS, moment).line
    path = inclusion_proof(2, 5, nodes_of(leaves))
    assert ledger.first is not None
    return {
        "vkey": LOG_KEY.text,
        "genesis": ledger.first.body.decode(),
        "entries": [each.decode() for each in entries],
        "leaves": [each.hex() for each in leaves],
        "checkpoints": {str(size): each.body.decode() for size, each in ledger.heads.items()},
        "cosignature": line,
        "consistency": [each.hex() for each in consistency_proof(3, 5, nodes_of(leaves))],
        "proof": Proof(2, tuple(path), raw + line.encode(), entries[2]).encode().decode(),
        "tile": ledger.tiles["tile/0/000.p/5"].hex(),
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(make_vectors(), indent=1) + "\n")
