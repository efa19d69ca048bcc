"""Bringing an image into the containerd of a node: pods then start it without a registry."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Protocol

from glovebox_local.errors import LocalError
from glovebox_local.images import read_digests

if TYPE_CHECKING:
    from pathlib import Path


class Ctr(Protocol):
    """Runs containerd's `ctr` where the node is, and returns what it said."""

    def __call__(self, *arguments: str, stdin: IO[bytes] | None = None) -> str:
        """Run it.

        Raises:
            LocalError: It failed.
        """


def load_image(node: str, ctr: Ctr, archive: Path, reference: str) -> None:
    """Bring an image to a node, unless it is there.

    Args:
        node: Its name, for people.
        ctr: Its `ctr`.
        archive: An OCI archive.
        reference: `registry/name@sha256:...` with the digest of the manifest in the archive.

    Raises:
        LocalError: The archive holds another image, or could not be read.
    """
    name, _, digest = reference.partition("@")
    step = f"Loading the image {name} on node {node}"
    held = read_digests(archive)
    if digest not in held:
        raise LocalError(
            step,
            f"{archive} holds {', '.join(held) or 'nothing'}, and not"
            f" {digest or 'what has no digest'}",
        )
    before = _digests(ctr)
    if reference in before:
        return
    # Standard input: the archive may lie where the node has mounts of its own.
    with archive.open("rb") as source:
        ctr("images", "import", "--digests", f"--base-name={name}", "-", stdin=source)
    there = _digests(ctr)
    # The list of the archive becomes an image as well. Kubelets then call what runs by either
    # digest, and by another one than the pod names.
    lists = [
        other
        for other, found in there.items()
        if other.startswith(f"{name}@") and other not in before and found not in held
    ]
    if lists:
        ctr("images", "rm", *lists)
    if reference in there:
        return
    # An image that the archive itself names gets no name by its digest from containerd 2.
    named = next((other for other, found in there.items() if found == digest), None)
    if named is None:
        raise LocalError(step, f"containerd took {archive} and has no image {digest} now")
    ctr("images", "tag", named, reference)


def _digests(ctr: Ctr) -> dict[str, str]:
    """Return the digest of every image that containerd has, by each of its names."""
    rows = [line.split(maxsplit=3) for line in ctr("images", "list").splitlines()[1:]]
    return {name: digest for name, _, digest, _ in rows}
