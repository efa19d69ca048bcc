"""Temporary files have no names: a process that is killed leaves nothing on the disk."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import glovebox

# Seals until the list of artifacts is on the disk, which it is sooner than it would be; then says
# so, and waits to be killed.
PROGRAM: Final = """
import asyncio, sys, time
from pathlib import Path
from glovebox.store import artifact_lists
from glovebox.tasks.context import TaskContext
from glovebox.tasks.seal import seal_experiment
from support.seal_inputs import seal_request
from support.synthetic_store import SyntheticStore

def stay(*_):
    print("spooled", flush=True)
    time.sleep(600)

artifact_lists.summary_of = stay
artifact_lists.SPOOL_BYTES = 4_096

async def main():
    store = SyntheticStore("artifacts", "team/exp/uid/", 500, Path(sys.argv[1]))
    await seal_experiment(TaskContext(), seal_request(store, "artifacts", "team/exp/uid/"))

asyncio.run(main())
"""
_FILES: Final = re.compile(r"NamedTemporaryFile|mkstemp|mkdtemp|TemporaryDirectory")


def test_a_process_that_is_killed_in_a_seal_leaves_nothing(tmp_path: Path) -> None:
    spool, written = tmp_path / "spool", tmp_path / "written"
    spool.mkdir()
    written.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(written)],
        env={**os.environ, "TMPDIR": str(spool), "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "spooled\n"
        links = [str(each.readlink()) for each in Path(f"/proc/{process.pid}/fd").iterdir()]
        unnamed = [link for link in links if link.startswith(str(spool))]
        assert unnamed, "the list is on the disk"
        assert all(link.endswith("(deleted)") for link in unnamed), unnamed
        assert list(spool.iterdir()) == []
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert list(spool.iterdir()) == []


def test_no_temporary_file_has_a_name() -> None:
    """But where the kernel has no files of memory, and in the isolation check, which mounts."""
    root = Path(glovebox.__file__).parent
    named = {
        str(path.relative_to(root)): len(_FILES.findall(path.read_text()))
        for path in root.rglob("*.py")
        if _FILES.search(path.read_text())
    }
    assert named == {"kube/login.py": 1, "jobs/probe_files.py": 1}
