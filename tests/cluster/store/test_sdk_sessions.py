"""SDKs that nobody told of sessions write on when theirs ends: boto3, pyarrow and s3fs, unchanged.

Each makes one client and keeps it. The first session ends under them; the operator's next one is
there in time, as a kubelet puts it there.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from glovebox.desired.run_environment import store_variables
from glovebox.desired.session_files import SESSION_FOLDER, session_files
from glovebox.jobs.session_endpoint import SessionServer
from glovebox.store.credentials import assume_for_prefix
from support.own_store import ROLE
from support.sdks import NAMES, Writer, sdk_python, writing
from support.short_sessions import shortened
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox.store.connection import Store
    from glovebox.store.credentials import SessionCredentials
    from support.own_store import RunningStore

__all__ = ["sdk_python"]

PREFIX = "team-a/run7/uid-1/"
# The first session is told to end a minute before it does; all programs have begun by then.
FIRST_SECONDS = 130
AFTERWARDS = 15


class Mount:
    """A Secret's volume as a kubelet keeps it: files are links, and all change at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def write(self, files: Mapping[str, str]) -> None:
        self._count += 1
        data = self.folder / f"..{self._count}"
        data.mkdir(parents=True)
        for name, text in files.items():
            # Only the path of the mount is another one.
            (data / name).write_text(text.replace(SESSION_FOLDER, str(self.folder)))
            if self._count == 1:
                (self.folder / name).symlink_to(f"..data/{name}")
        (self.folder / "..next").symlink_to(data.name)
        (self.folder / "..next").rename(self.folder / "..data")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_sdk_writes_on_over_the_end_of_its_session(
    store: Store, seaweed: RunningStore, locked_bucket: str, sdk_python: Path, tmp_path: Path
) -> None:
    def session(seconds: int) -> SessionCredentials:
        issued = assume_for_prefix(store, ROLE, locked_bucket, PREFIX, "run7", 900)
        return shortened(issued, seaweed.configuration, seconds)

    spec: Any = SimpleNamespace(
        endpoint=seaweed.endpoint, region="us-east-1", path_style=True, proxy=None
    )
    mount = Mount(tmp_path / "session")
    first = session(FIRST_SECONDS)
    end = first.expire_time.timestamp()
    started: list[Writer] = []
    mount.write(session_files(spec, first))
    with SessionServer(mount.folder / "session.json", port=0) as server, ExitStack() as programs:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        programs.callback(server.shutdown)

        def variables(image: str) -> dict[str, str]:
            inputs: Any = SimpleNamespace(store=SimpleNamespace(spec=spec), platform_image=image)
            found = store_variables(inputs) | {
                "GLOVEBOX_ARTIFACTS_URI": f"s3://{locked_bucket}/{PREFIX}"
            }
            return {
                name: value.replace(SESSION_FOLDER, str(mount.folder)).replace(
                    "127.0.0.1:9749", f"127.0.0.1:{server.server_port}"
                )
                for name, value in found.items()
            }

        run, by_hand = variables("glovebox"), variables("")
        in_file = by_hand | {
            "AWS_CONFIG_FILE": run["AWS_CONFIG_FILE"],
            "AWS_SHARED_CREDENTIALS_FILE": str(mount.folder / "credentials"),
        }

        def start(sdk: str, environment: Mapping[str, str], *, with_shell: bool) -> Writer:
            output = tmp_path / f"{len(started)}-{sdk}"
            writer = programs.enter_context(
                writing(
                    sdk_python, sdk, end + AFTERWARDS, environment, output, with_shell=with_shell
                )
            )
            started.append(writer)
            return writer

        endpoint = {sdk: start(sdk, run, with_shell=False) for sdk in NAMES}
        process = {sdk: start(sdk, by_hand, with_shell=True) for sdk in NAMES}
        # Why it is done as it is.
        keys_in_a_file = start("boto3", in_file, with_shell=True)
        program_without_a_shell = start("pyarrow", by_hand, with_shell=False)

        eventually(
            lambda: all(writer.written().lines for writer in started),
            what="every program has used the first session",
            timeout=FIRST_SECONDS - 60,
        )
        mount.write(session_files(spec, session(900)))
        ended = {f"endpoint: {sdk}": endpoint[sdk].ended(400) for sdk in NAMES}
        ended |= {f"process: {sdk}": process[sdk].ended(400) for sdk in NAMES}
        file, shellless = keys_in_a_file.ended(400), program_without_a_shell.ended(400)

    for name, written in ended.items():
        assert not written.errors(), f"{name}: {written.errors()[0]}"
        assert written.objects(until=end) > 0, f"{name} did not write before: {written.said}"
        assert written.objects(since=end + 1) > 0, f"{name} did not write after: {written.said}"
    assert_is_over(store, locked_bucket, first)
    assert file.objects(until=end) > 0, file.said
    assert file.objects(since=end + 1) == 0, "keys out of a file outlived their session"
    assert file.errors(since=end + 1)
    assert not shellless.objects(), "a program was run without a shell: the endpoint is not needed"


def assert_is_over(store: Store, bucket: str, session: SessionCredentials) -> None:
    """The session that the SDKs began with is refused by the store."""
    assert datetime.now(UTC) > session.expire_time
    with pytest.raises(ClientError) as refused:
        store.with_credentials(session.as_credentials()).s3.put_object(
            Bucket=bucket, Key=f"{PREFIX}late", Body=b"late"
        )
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_session_that_has_not_ended_is_taken_and_one_that_has_is_refused(
    store: Store, seaweed: RunningStore, locked_bucket: str
) -> None:
    issued = assume_for_prefix(store, ROLE, locked_bucket, PREFIX, "run7", 900)
    alive = shortened(issued, seaweed.configuration, 60)
    store.with_credentials(alive.as_credentials()).s3.put_object(
        Bucket=locked_bucket, Key=f"{PREFIX}in-time", Body=b"in time"
    )
    assert_is_over(store, locked_bucket, shortened(issued, seaweed.configuration, -5))
