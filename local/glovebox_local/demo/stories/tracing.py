"""Whose bytes are these: the same content, whatever it is called and wherever it lies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from glovebox_local.demo.flights import LAST_TRAINING_MONTH
from glovebox_local.demo.refusing import quote
from glovebox_local.demo.stage import EXPERIMENT, TEAM, Stage
from glovebox_local.demo.stories.bucket import Bucket
from glovebox_local.demo.stories.telling import PINS, apply, expect, holds, refused
from glovebox_local.demo.tools import checked
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from glovebox_local.progress import Step

_MIRROR = "flights-mirror"
_PIN = "mirrored-months"
_ORIGINAL = "flights-2013-train"


def mirror(stage: Stage, step: Step) -> RenderableType:
    """Copy the months to train on into another bucket, and pin them there.

    Raises:
        LocalError: The content is not the same.
    """
    from rich.console import Group  # noqa: PLC0415 - `glovebox --help` must not pay for it

    bucket, copy = Bucket(stage), Bucket(stage, _MIRROR)
    copy.create()
    for month in range(1, LAST_TRAINING_MONTH + 1):
        file = f"flights-2013-{month:02}.parquet"
        copy.put(f"copied/{file}", bucket.get(f"2013/train/{file}"))
    entry = {"bucket": _MIRROR, "prefix": "copied/"}
    patch = json.dumps([{"op": "add", "path": "/spec/access/0/sources/-", "value": entry}])
    stage.tools.kubectl("patch", "objectstores.glovebox.dev", "primary", "--type=json", "-p", patch)
    shown = apply(stage, "mirror.yaml")
    digest = holds(stage, PINS, _PIN, "Ready")["status"]["digest"]
    original = stage.tools.get(PINS, _ORIGINAL, namespace=TEAM)["status"]["digest"]
    if digest != original:
        raise LocalError("Comparing the digests", f"{digest} where {original} belongs")
    step.say("the same content digest")
    return Group(
        quote(f"kubectl patch objectstore primary --type=json -p '{patch}'", ""), quote(shown, "")
    )


def ask(stage: Stage, step: Step) -> RenderableType:
    """Ask for the digest: both pins are found, and who used the bytes.

    Raises:
        LocalError: One of them is not.
    """
    digest = stage.tools.get(PINS, _PIN, namespace=TEAM)["status"]["digest"]
    answer = stage.glovebox("lineage", digest)
    said = checked(answer)
    expect(
        f"`{answer.command}`",
        said,
        [
            f"DatasetPin {TEAM}/{_ORIGINAL}, s3://flights/2013/train",
            f"DatasetPin {TEAM}/{_PIN}, s3://{_MIRROR}/copied",
            f"used as train by Experiment {TEAM}/{EXPERIMENT}",
        ],
    )
    step.say("both pins, and every Experiment that used the bytes")
    return quote(answer.command, said)


def refuse_unlicensed(stage: Stage, step: Step) -> RenderableType:
    """Show that a profile refuses data of which nobody said under which licence they are.

    Raises:
        LocalError: It did not.
    """
    said, shown = refused(stage, "regulated.yaml", "without-a-licence", "LicenseNotAllowed")
    expect("The licence", said, [f"DatasetPin '{_PIN}' does not say `spec.license`"])
    step.say("refused, nothing was created")
    return shown
