"""How fast Experiments become Ready, at what cost, and how fast drift is repaired.

Measured on a cluster of its own.

    python bench/provision.py [--sizes 1,200,1000] [--store both|real|instant] [--out FILE]

Every rate stands beside the raw ceiling of the same minutes: the same objects, created by a bare
client with no operator. It prints what it measured and never fails because of a figure.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Read the arguments, measure, print the table."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    # Importable only now.
    from bench.provisioning.report import markdown  # noqa: PLC0415 - as said above
    from bench.provisioning.run import measure  # noqa: PLC0415 - as said above

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes",
        default="1,200,1000",
        help="how many Experiments at once, comma separated (default: %(default)s)",
    )
    parser.add_argument(
        "--store",
        choices=("both", "real", "instant"),
        default="both",
        help="with the store's STS, with one that answers at once",
    )
    parser.add_argument(
        "--idle",
        type=float,
        default=60.0,
        help="seconds over which an idle operator is watched (default: %(default)s)",
    )
    parser.add_argument(
        "--repairs",
        type=int,
        default=100,
        help="how many objects are damaged to see them repaired (default: %(default)s)",
    )
    parser.add_argument(
        "--no-steady",
        action="store_true",
        help="leave out memory, idle CPU, drift and restart at the largest size",
    )
    parser.add_argument(
        "--folder", type=Path, help="keep logs and data here (default: a temporary folder)"
    )
    parser.add_argument("--out", type=Path, help="write the table to this file too")
    chosen = parser.parse_args()
    # In the image all modules are compiled; here they would be at each start of an operator.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sizes = sorted({int(size) for size in chosen.sizes.split(",")})
    stores = ("real", "instant") if chosen.store == "both" else (chosen.store,)
    with tempfile.TemporaryDirectory(
        prefix="glovebox-bench-", ignore_cleanup_errors=True
    ) as temporary:
        findings = measure(
            sizes,
            stores,
            chosen.folder or Path(temporary),
            idle_seconds=chosen.idle,
            repairs=chosen.repairs,
            steady=not chosen.no_steady,
        )
    table = markdown(findings)
    print(table)
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(table)


if __name__ == "__main__":
    main()
