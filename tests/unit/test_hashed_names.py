"""A hash of a name without a salt is the name, for whoever can guess: none is in what goes out."""

from __future__ import annotations

import re
from pathlib import Path

import glovebox

ROOT = Path(glovebox.__file__).parent
# What is written for readers outside of the namespace.
OUTWARD = ("evidence", "ledger", "lineage", "metrics")
_HASHED = re.compile(r"\b(hashed_names?|short_hash)\(")
# With a key, which nobody can try names without.
_KEYED = re.compile(r"\bkeyed_names?\(")


def users() -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if _HASHED.search(path.read_text())
    }


def test_nothing_that_goes_out_holds_a_hashed_name() -> None:
    assert {user for user in users() if user.split("/")[0] in OUTWARD} == set()


def test_nothing_that_goes_out_holds_a_name_of_a_feature() -> None:
    """They are in the status of their pin alone, beside the name."""
    keyed = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if _KEYED.search(path.read_text())
    }
    assert keyed == {"controllers/feature_set_pin.py", "data/features.py"}


def test_whoever_hashes_a_name_is_known() -> None:
    """Each is a row of docs/explanation/threat-model.md, "Names that are hashed"."""
    assert users() == {
        "apply/events.py",
        "controllers/experiment/caches.py",
        "controllers/experiment/input_credentials.py",
        "names.py",
    }
