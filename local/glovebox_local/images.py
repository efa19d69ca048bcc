"""Container images without a registry and without a container engine.

One layer of static programs, as an OCI archive.

The same files give the same bytes and so the same digest: what a pod names is what is on the node.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# What images of ours are named by, on nodes that no registry serves.
REGISTRY = "glovebox.local"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Image:
    """An image in an archive.

    Args:
        archive: The file.
        reference: `name@sha256:...`, by which pods name it.
    """

    archive: Path
    reference: str


def write_image(
    archive: Path,
    name: str,
    files: Mapping[str, Path],
    *,
    entrypoint: Sequence[str],
    links: Mapping[str, str] | None = None,
    user: str = "0:0",
    scratch: bool = True,
) -> Image:
    """Write the archive of an image.

    Args:
        archive: Where to.
        name: Registry and repository, without a tag.
        files: Static programs by their path in the image (without the leading slash).
        entrypoint: What it runs.
        links: Symbolic links in the image, by their path, to a target.
        user: Who runs it.
        scratch: With an empty folder `tmp` that everybody may write; an image of data has none.
    """
    layer = _layer(files, links or {}, ("tmp",) if scratch else ())
    config = _json(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint), "User": user, "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer)],
        }
    )
    index = _json({"schemaVersion": 2, "manifests": [_descriptor(_MANIFEST, manifest)]})
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", index)
        for blob in (config, manifest, layer):
            _add(tar, f"blobs/sha256/{digest_of(blob).partition(':')[2]}", blob)
    return Image(archive, f"{name}@{digest_of(manifest)}")


def read_digests(archive: Path) -> list[str]:
    """Return the digests of the images in an OCI archive.

    Raises:
        LocalError: It is no OCI archive.
    """
    try:
        with tarfile.open(archive) as tar:
            member = next(entry for entry in tar if entry.name.removeprefix("./") == "index.json")
            content = tar.extractfile(member)
            index: dict[str, Any] = json.loads(content.read() if content else b"")
        return [entry["digest"] for entry in index["manifests"]]
    except (OSError, tarfile.TarError, StopIteration, ValueError, KeyError) as error:
        raise LocalError(
            f"Reading the image {archive}", f"it is not an OCI archive ({error!r})"
        ) from error


def digest_of(blob: bytes) -> str:
    """Return the digest of a blob, as OCI writes it."""
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _layer(files: Mapping[str, Path], links: Mapping[str, str], scratch: Sequence[str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        folders = {
            parent.as_posix() for path in (*files, *links) for parent in PurePosixPath(path).parents
        } - {"."}
        for folder in sorted(folders.union(scratch)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for path, source in sorted(files.items()):
            _add(tar, path, source.read_bytes(), mode=0o755)
        for path, target in sorted(links.items()):
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return raw.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(blob), "size": len(blob)}


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
