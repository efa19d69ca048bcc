"""Pins and verifies a prefix in a process of its own; prints `{"objects", "grown"}` (MiB of peak).

python pin_and_verify.py '{"endpoint", "keys", "data", "artifacts"}'
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from glovebox.data.compare import Findings
from glovebox.store.connection import Credentials, Stores, StoreSettings
from glovebox.store.manifests import ManifestLock
from glovebox.store.pins import build_pin, verify_pin
from glovebox.store.sources import PrefixSource


def peak_mebibytes() -> float:
    """Return the most memory that this program ever held.

    What `getrusage` says includes the process that started it, as it was before the exec.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


async def main(order: dict[str, Any]) -> None:
    """Do it."""
    stores = Stores(threads=16)
    settings = StoreSettings(endpoint=order["endpoint"], credentials=Credentials(*order["keys"]))
    store = stores.open(settings)
    store.s3.list_buckets()
    before = peak_mebibytes()
    source = PrefixSource(order["data"], "set/")
    built = await build_pin(store, source, artifacts_bucket=order["artifacts"], lock=ManifestLock())
    assert await verify_pin(store, source, built.manifest, full=True) == Findings()
    grown = peak_mebibytes() - before
    await stores.close()
    print(json.dumps({"objects": built.roots.objects, "grown": grown}))  # noqa: T201 - its answer


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
