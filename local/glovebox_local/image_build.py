"""Images from Dockerfiles, without a registry and without a container engine.

Built by buildah, kept by their content.

What a Dockerfile starts from is made here too, of Debian's own packages and of the uv of this
machine. Every time of day is kept out: the same files on the same base give the same digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from glovebox_local.errors import LocalError
from glovebox_local.images import REGISTRY, Image, read_digests
from glovebox_local.locking import exclusive
from glovebox_local.packages import demand_node
from glovebox_local.paths import cache_dir
from glovebox_local.progress import Silent
from glovebox_local.sealed import run_sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from glovebox_local.progress import Progress

_BASES = Path(__file__).with_name("bases")
_SUITE = "bookworm"
_BASE_PACKAGES = (
    "base-files",
    "ca-certificates",
    "dash",
    "libpython3.11-stdlib",
    "libstdc++6",
    "media-types",
    "netbase",
    "python3.11-minimal",
)
_PYTHON = "localhost/glovebox-base-python"
_UV = "localhost/glovebox-base-uv"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_TIMEOUT = 1800
# Older ones are built again when somebody goes back to them.
_KEPT = 3


@dataclass(frozen=True)
class ImageSource:
    """What an image is built from.

    Args:
        name: Its repository, after the registry.
        context: The folder that the Dockerfile lies in, below the repository's.
        files: What of the context the Dockerfile copies.
        size: What it is, for people.
    """

    name: str
    context: str
    files: tuple[str, ...]
    size: str


GLOVEBOX = ImageSource(
    "glovebox",
    ".",
    ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "operator"),
    "the image of Glovebox, the first time one to four minutes",
)
TRAINER = ImageSource(
    "flights/trainer",
    "docs/examples/flights/trainer",
    ("requirements.txt", "train.py", "workers"),
    "the trainer's image, the first time one to four minutes",
)


def image_key(source: ImageSource, repository: Path) -> str:
    """Return the SHA-256 (hex) that names a built image.

    Over its Dockerfile, the files that it copies, and its bases.
    """
    folder = repository / source.context
    digest = hashlib.sha256(f"{platform.machine()} {_SUITE} {' '.join(_BASE_PACKAGES)}".encode())
    for root, names in ((folder, ("Dockerfile", *source.files)), (_BASES, ("python", "uv"))):
        for file in sorted(file for name in names for file in _files(root / name)):
            for part in (file.relative_to(root).as_posix().encode(), file.read_bytes()):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)
    return digest.hexdigest()


def ensure_image(source: ImageSource, repository: Path, progress: Progress | None = None) -> Image:
    """Return an image by its digest; build it where the cache does not have it.

    Args:
        source: Which.
        repository: The folder of the checkout.
        progress: Shown what is built.

    Raises:
        LocalError: This machine lacks what it takes, or the build failed; with the log.
    """
    folder = cache_dir() / "images"
    archive = folder / source.name / f"{image_key(source, repository)[:16]}.tar"
    if not archive.exists():
        demand_node()
        lock, waiting = folder / ".lock", "another program is building images: waiting"
        with (
            (progress or Silent()).step(f"Building {source.size}") as step,
            exclusive(lock, step.say, waiting),
        ):
            # Whoever held the lock before us may have built it.
            if not archive.exists():
                _Builder(folder, step.say).build(source, repository / source.context, archive)
    os.utime(archive)
    (digest,) = read_digests(archive)
    return Image(archive, f"{REGISTRY}/{source.name}@{digest}")


class _Builder:
    """buildah with a storage of its own in the cache, so that layers are kept between builds."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._storage = folder / "storage"
        self._policy = folder / "policy.json"
        self._say = say
        # Nothing is ever pulled: there is nobody whose signature could be asked for.
        folder.mkdir(parents=True, exist_ok=True)
        self._policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))

    def build(self, source: ImageSource, context: Path, archive: Path) -> None:
        """Build an image and put it into an archive, whole or not at all."""
        log = cache_dir() / "logs" / f"image-{source.name.replace('/', '-')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        self._build_bases(log)
        tag = f"localhost/{source.name}"
        arguments = [
            f"--build-arg=PYTHON_IMAGE={_PYTHON}",
            f"--build-arg=UV_IMAGE={_UV}",
            "--pull-never",
        ]
        if _AUTHORITIES.exists():
            arguments += [
                f"--volume={_AUTHORITIES}:{_AUTHORITIES}:ro",
                f"--build-arg=SSL_CERT_FILE={_AUTHORITIES}",
            ]
        self._bud(context, tag, arguments, log)
        incoming = archive.with_name(f".{archive.name}.{os.getpid()}")
        archive.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._say("writing the archive")
            self._buildah(
                [
                    "push",
                    "--quiet",
                    f"--signature-policy={self._policy}",
                    tag,
                    f"oci-archive:{incoming}",
                ],
                log,
                quiet=True,
            )
            incoming.rename(archive)
        finally:
            incoming.unlink(missing_ok=True)
        for old in sorted(archive.parent.glob("*.tar"), key=lambda file: file.stat().st_mtime)[
            :-_KEPT
        ]:
            old.unlink()
        self._say("removing layers that nothing uses any more")
        self._buildah(["rmi", "--prune", "--force"], log, quiet=True)
        self._say("")

    def _build_bases(self, log: Path) -> None:
        work = self._folder / "bases"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(_BASES, work)
        try:
            packages = self._folder / f"packages-{_SUITE}-{_packages_key()}.tar"
            if not packages.exists():
                self._say("fetching Debian's packages")
                incoming = packages.with_name(f".{packages.name}")
                command = [
                    "mmdebstrap",
                    "--variant=extract",
                    f"--include={','.join(_BASE_PACKAGES)}",
                    _SUITE,
                    str(incoming),
                ]
                run_sealed(
                    command,
                    log=log,
                    timeout=_TIMEOUT,
                    environment={"SOURCE_DATE_EPOCH": "0"},
                    say=self._say,
                )
                incoming.rename(packages)
            os.link(packages, work / "python" / "packages.tar")
            shutil.copyfile(find_uv(), work / "uv" / "uv")
            (work / "uv" / "uv").chmod(0o755)
            for name, tag in (("uv", _UV), ("python", _PYTHON)):
                self._bud(work / name, tag, (), log)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _bud(self, context: Path, tag: str, arguments: Sequence[str], log: Path) -> None:
        fixed = [
            "--isolation=chroot",
            "--layers",
            "--timestamp=0",
            "--format=oci",
            "--identity-label=false",
        ]
        self._buildah(
            [
                "build",
                *fixed,
                f"--signature-policy={self._policy}",
                *arguments,
                f"--tag={tag}",
                str(context),
            ],
            log,
        )

    def _buildah(self, arguments: Sequence[str], log: Path, *, quiet: bool = False) -> None:
        """Run buildah; show its lines as they come, unless they are identifiers alone."""
        places = [
            f"--root={self._storage / 'root'}",
            f"--runroot={self._storage / 'run'}",
            "--storage-driver=overlay",
        ]
        run_sealed(
            ["buildah", *places, *arguments],
            log=log,
            timeout=_TIMEOUT,
            say=_unsaid if quiet else self._say,
        )


def _unsaid(_: str) -> None:
    """Say nothing."""


def find_uv() -> Path:
    """Return the uv of this machine.

    Raises:
        LocalError: There is none.
    """
    # `make` brings one into the cache on a machine without; `uv run` tells its children where it
    # is.
    brought = cache_dir() / "uv" / "bin" / "uv"
    found = (
        os.environ.get("UV") or shutil.which("uv") or (str(brought) if brought.exists() else None)
    )
    if found is None:
        raise LocalError(
            "Building an image",
            "there is no uv on PATH: install it, or start from `make`, which brings one",
        )
    return Path(found).resolve()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    if not found:
        raise LocalError(
            "Building an image",
            f"{path} is not there: images are built from a checkout of the repository",
        )
    return found


def _packages_key() -> str:
    return hashlib.sha256(" ".join(_BASE_PACKAGES).encode()).hexdigest()[:16]
