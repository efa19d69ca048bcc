"""The driver `kind` and its store: which commands they give.

No engine is needed: programs of these names note them.

They answer as `docker` and `kind` do, by what was created before.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from glovebox_local.environment import bring_up
from glovebox_local.errors import LocalError
from glovebox_local.image_build import TRAINER
from glovebox_local.images import write_image
from glovebox_local.kind import Kind
from glovebox_local.paths import StateDir
from glovebox_local.ports import choose_ports
from glovebox_local.progress import Silent
from glovebox_local.seaweedfs_config import PORTS, Configuration
from glovebox_local.store_container import StoreContainer

KIND = """#!/bin/sh
echo "kind $*" >> "$NOTED"
case "$1 $2" in
  "get clusters") cat "$HELD/clusters" ;;
  "create cluster") echo "$4" >> "$HELD/clusters"; : > "$8" ;;
  "export kubeconfig") : > "$6" ;;
  "delete cluster") echo "no engine" >&2; exit 1 ;;
esac
"""
DOCKER = """#!/bin/sh
echo "docker $*" >> "$NOTED"
case "$1" in
  ps) case "$*" in *label=*) echo glovebox-mine-control-plane ;; *) cat "$HELD/state" ;; esac ;;
  create) echo created > "$HELD/state" ;;
  start) echo running > "$HELD/state" ;;
  rm) : > "$HELD/state" ;;
  cp) if [ -f "$HELD/full" ]; then echo "no space" >&2; exit 1; fi; cat > "$HELD/files.tar" ;;
  save) cp "$HELD/image.tar" "${2#--output=}" ;;
  inspect) echo 172.18.0.7 ;;
  logs) echo "its last words" ;;
  exec) case "$*" in
    *" list") echo "REF TYPE DIGEST SIZE PLATFORMS LABELS"; cat "$HELD/images" ;;
    *" import "*) cat > /dev/null; \
echo "$IMPORTED any.type $DIGEST 1 KiB any -" >> "$HELD/images" ;;
    *" tag "*) echo "$8 any.type $DIGEST 1 KiB any -" >> "$HELD/images" ;; esac ;;
esac
"""


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the engine and kind hold; what they were told is in its file `noted`."""
    for name, script in (("kind", KIND), ("docker", DOCKER)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    for name in ("clusters", "state", "images", "noted"):
        (tmp_path / name).touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("NOTED", str(tmp_path / "noted"))
    monkeypatch.setenv("HELD", str(tmp_path))
    return tmp_path


def noted(held: Path) -> list[str]:
    return (held / "noted").read_text().splitlines()


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    state = StateDir(tmp_path / "mine")
    state.create()
    return state


@pytest.fixture
def store(state: StateDir) -> StoreContainer:
    store = StoreContainer(state, choose_ports(PORTS), network="kind")
    store.prepare()
    return store


def test_a_cluster_is_created_once_and_its_kubeconfig_is_the_environments(
    held: Path, state: StateDir
) -> None:
    for _ in range(2):
        Kind(state).up(Silent())
    assert noted(held) == [
        "kind get clusters",
        f"kind create cluster --name glovebox-mine --wait 180s --kubeconfig {state.kubeconfig}",
        "kind get clusters",
        "docker ps --all --filter=label=io.x-k8s.kind.cluster=glovebox-mine --format={{.Names}}",
        "docker start glovebox-mine-control-plane",
        f"kind export kubeconfig --name glovebox-mine --kubeconfig {state.kubeconfig}",
    ]
    assert state.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_what_kind_says_of_its_failure_is_passed_on(held: Path, state: StateDir) -> None:
    with pytest.raises(LocalError, match=r"(?s)`kind delete cluster .*no engine"):
        Kind(state).down()
    assert noted(held) == ["kind delete cluster --name glovebox-mine"]


@pytest.mark.parametrize("program", ["kind", "docker"])
def test_without_its_programs_the_cure_is_told_and_nothing_is_kept(
    held: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (held / program).unlink()
    monkeypatch.setenv("PATH", str(held))
    monkeypatch.setenv("XDG_STATE_HOME", str(held / "states"))
    with pytest.raises(LocalError, match=rf"no program `{program}` on PATH.*use --driver embedded"):
        bring_up("mine", "kind", Silent())
    assert not StateDir.named("mine").root.exists()


CTR = "docker exec --interactive glovebox-mine-control-plane ctr --namespace=k8s.io"


@pytest.mark.parametrize(
    "named",
    ["registry.example/trainer@{}", "glovebox.local/flights/trainer:local"],
    ids=["containerd 1", "containerd 2"],
)
def test_an_image_is_built_by_the_engine_and_brought_to_each_node_once(
    held: Path, state: StateDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    image = write_image(held / "image.tar", "any", {}, entrypoint=["/x"])
    digest = image.reference.partition("@")[2]
    wanted = f"registry.example/trainer@{digest}"
    monkeypatch.setenv("DIGEST", digest)
    monkeypatch.setenv("IMPORTED", named.format(digest))
    driver = Kind(state)
    built = driver.build_image(TRAINER, tmp_path, Silent())
    assert built.reference == f"glovebox.local/flights/trainer@{digest}"
    for _ in range(2):
        driver.load_image(built.archive, wanted)
    told = noted(held)
    assert (
        told[0]
        == f"docker build --tag=glovebox.local/flights/trainer:local {tmp_path / TRAINER.context}"
    )
    assert [line for line in told if " import " in line] == [
        f"{CTR} images import --digests --base-name=registry.example/trainer -"
    ]
    assert any(line.startswith(f"{wanted} ") for line in (held / "images").read_text().splitlines())


def test_an_image_that_did_not_arrive_is_told(
    held: Path, state: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = write_image(held / "image.tar", "registry.example/trainer", {}, entrypoint=["/x"])
    monkeypatch.setenv("DIGEST", "sha256:other")
    monkeypatch.setenv("IMPORTED", "something")
    with pytest.raises(LocalError, match="has no image sha256:"):
        Kind(state).load_image(image.archive, image.reference)


def test_the_store_is_made_once_with_its_files_and_only_s3_is_published(
    held: Path, state: StateDir, store: StoreContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens on its port here.
    monkeypatch.setattr(Configuration, "unanswered", lambda _: None)
    for _ in range(2):
        store.wait_ready(lambda _: None)
    told = noted(held)
    (created,) = [line for line in told if line.startswith("docker create")]
    port = store.endpoint.rpartition(":")[2]
    assert f"--network=kind --publish=127.0.0.1:{port}:{port} " in created
    assert created.count("--publish") == 1
    assert " -s3.ip.bind=0.0.0.0 " in created
    assert " -ip.bind=127.0.0.1 " in created
    assert str(state.root) not in created
    assert len([line for line in told if line == "docker start glovebox-mine-store"]) == 2
    assert store.endpoint_for_pods == f"http://172.18.0.7:{port}"
    with tarfile.open(fileobj=io.BytesIO((held / "files.tar").read_bytes())) as tar:
        files = {entry.name: entry for entry in tar}
        security = tar.extractfile("store/config/seaweedfs/security.toml")
        text = security.read().decode() if security else ""
    assert {"store/config/seaweedfs/s3.json", "store/config/seaweedfs/pki/ca.crt"} <= files.keys()
    assert {entry.uid for entry in files.values()} == {65532}
    assert "/store/config/seaweedfs/pki/ca.crt" in text
    assert str(state.root) not in text


def test_a_store_without_its_files_does_not_stay(held: Path, store: StoreContainer) -> None:
    (held / "full").touch()
    with pytest.raises(LocalError, match="no space"):
        store.wait_ready(lambda _: None)
    assert noted(held)[-1] == "docker rm --force --volumes glovebox-mine-store"
    assert not store.container.exists


def test_a_store_that_ends_by_itself_is_told_with_its_last_words(
    held: Path, store: StoreContainer
) -> None:
    def ends(_: str) -> None:
        (held / "state").write_text("exited")

    with pytest.raises(LocalError, match=r"(?s)it exited; .*its last words"):
        store.wait_ready(ends)
