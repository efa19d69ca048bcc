"""Reads the figures of a run from its sealed results: a file of JSON among the artifacts.

It is believed for the seal alone: a trusted key signed the list of artifacts, and the bytes have
the digest that the list gives to the file. What has come below the prefix since is not looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from glovebox.api import reasons
from glovebox.data.printable import printable
from glovebox.errors import InvalidInput
from glovebox.evidence.verification import signed_prefix
from glovebox.jobs.verifying import Demand, read_seal
from glovebox.store.manifests import object_chunks

if TYPE_CHECKING:
    from glovebox.evidence.artifacts import Artifact
    from glovebox.evidence.verification import Report
    from glovebox.store.connection import Stop, Store

# A document of figures; what is longer is data.
MOST_BYTES: Final = 1 << 20


def read_figures(
    store: Store, bucket: str, folder: str, demand: Demand, name: str, stop: Stop
) -> Mapping[str, Any]:
    """Return the document that a sealed file holds. Blocks.

    Args:
        store: Of the bucket.
        bucket: Of the evidence and the artifacts.
        folder: Of the evidence.
        demand: Whose seal it has to be, and the keys that may have signed it.
        name: Of the file, below the prefix of the artifacts.
        stop: Looked at between requests.

    Raises:
        InvalidInput: The seal does not hold, or has no such file; the file is not what was sealed,
            or holds no object of JSON.
        GloveboxError: The store does not answer, or denies it.
    """
    whose = demand.expected.experiment
    _, report, _ = read_seal(store, bucket, folder, replace(demand, locks=False), stop)
    if report.findings:
        first = report.findings[0]
        raise _refused(f"the seal of {whose} does not hold: {first.what}: {first.message}")
    sealed = _sealed(report, name, whose)
    if sealed.size > MOST_BYTES:
        raise _refused(
            f"`{printable(name)}` of {whose} has {sealed.size:,} bytes, and figures have"
            f" {MOST_BYTES:,} at most"
        )
    body = b"".join(object_chunks(store, bucket, sealed.key, sealed.version_id, stop))
    if hashlib.sha256(body).hexdigest() != sealed.sha256:
        raise _refused(f"`{printable(name)}` of {whose} is not what was sealed")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _refused(f"`{printable(name)}` of {whose} holds no object of JSON")
    return document


def _sealed(report: Report, name: str, whose: str) -> Artifact:
    """Return the version that a read without a version got when it was sealed."""
    key = signed_prefix(report) + name
    for each in report.artifacts:
        if each.key == key and each.is_latest and not each.delete_marker:
            if each.is_unreadable:
                raise _refused(f"the seal of {whose} does not say what is in `{printable(name)}`")
            return each
    raise _refused(
        f"the seal of {whose} has no `{printable(name)}`: which file of its artifacts has figures?"
    )


def _refused(message: str) -> InvalidInput:
    return InvalidInput(reasons.MANIFEST_INVALID, message)
