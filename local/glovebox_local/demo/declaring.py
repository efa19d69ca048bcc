"""Second chapter.

The example is applied as it stands in the repository, and kubectl waits until each kind is Ready.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from glovebox_local.demo.stage import EXPERIMENTS, TEAM, Stage
from glovebox_local.errors import LocalError
from glovebox_local.paths import write_private
from glovebox_local.seaweedfs_config import StoreAccess

if TYPE_CHECKING:
    from glovebox_local.progress import Step

EXAMPLE = Path("docs/examples/flights")
# The run of the example, with the comment above it.
_RUN = re.compile(r"^  # Started once.*\n(?:  # .*\n)*  stages:\n(?:    .*\n)+", re.MULTILINE)
_WAIT_SECONDS = 120


def apply_example(stage: Stage, step: Step) -> None:
    """Apply the example with the address of this store and the images of this machine filled in.

    Raises:
        LocalError: kubectl failed.
    """
    folder = write_example(
        stage.repository / EXAMPLE,
        stage.folder / "flights",
        stage.environment.access_for_pods,
        trainer=stage.trainer,
    )
    lines = stage.tools.kubectl("apply", f"--filename={folder}").splitlines()
    step.say(f"{len(lines)} objects")


def write_example(source: Path, target: Path, access: StoreAccess, *, trainer: str | None) -> Path:
    """Copy the example, with what depends on the store and on the nodes filled in.

    Return the copy's folder.

    Args:
        source: The example.
        target: The copy.
        access: The store.
        trainer: The trainer's image by digest; None where there is no node, and so no run.

    Raises:
        LocalError: The example has not the fields that are filled in.
    """
    address = urlsplit(access.endpoint)
    store = {
        "endpoint": access.endpoint,
        "region": access.region,
        "roleArn": access.role_arn,
        "port": str(address.port),
    }
    edits = {
        "objectstore.yaml": {**store, "cidrs": f"[{address.hostname}/32]"},
        "experiment.yaml": {"reference": trainer} if trainer else {},
    }
    for file in sorted(source.glob("*.yaml")):
        text = _filled(file.name, file.read_text(), edits.get(file.name, {}))
        write_private(
            target / file.name,
            text if trainer else _RUN.sub("", text),
        )
    return target


def _filled(name: str, text: str, values: Mapping[str, str]) -> str:
    # By line and not by parsing: the comments are part of the example.
    for field, value in values.items():
        text, count = re.subn(rf"^(\s+{field}:) \S+", rf"\g<1> {value}", text, flags=re.MULTILINE)
        if count != 1:
            raise LocalError(
                "Filling in the example", f"{name} has {count} lines for `{field}`, not 1"
            )
    return text


def wait_for(resource: str, name: str, *, namespace: str | None = None) -> Any:
    """Return a step that waits for an object with `kubectl wait`.

    On failure it tells the object's own conditions.

    Args:
        resource: Plural of the kind.
        name: The object, or `--all`.
        namespace: Where it is, unless it is cluster-scoped.
    """

    def act(stage: Stage, step: Step) -> None:
        items = waited_for(stage, resource, name, namespace=namespace)
        proven = [
            entry["type"]
            for item in items
            for entry in item["status"]["conditions"]
            if entry["type"].endswith("Proven")
        ]
        step.say(
            f"{len(proven)} proofs"
            if proven
            else ""
            if name != "--all"
            else ", ".join(item["metadata"]["name"] for item in items)
        )

    return act


def waited_for(
    stage: Stage,
    resource: str,
    name: str,
    *,
    namespace: str | None,
    kind: str = "Ready",
    seconds: int = _WAIT_SECONDS,
) -> list[dict[str, Any]]:
    """Return objects of which `kubectl wait` has seen that a condition holds.

    Args:
        stage: The demonstration.
        resource: Plural of the kind.
        name: The object, or `--all`.
        namespace: Where it is, unless it is cluster-scoped.
        kind: The condition.
        seconds: How long it may take.

    Raises:
        LocalError: It did not come to hold in time; with the objects' own conditions.
    """
    where = [f"--namespace={namespace}"] if namespace else []
    waiting = ("wait", f"--for=condition={kind}", f"--timeout={seconds}s", resource, name, *where)
    answer = stage.tools.try_kubectl(*waiting, timeout=seconds + 30)
    found = json.loads(
        stage.tools.kubectl(
            "get", resource, *([] if name == "--all" else [name]), "--output=json", *where
        )
    )
    items: list[dict[str, Any]] = found.get("items", [found])
    if answer.code != 0:
        reports = "\n".join(
            _report(item) for item in items if condition(item, kind).get("status") != "True"
        )
        raise LocalError(
            f"`{answer.command}`", f"it says: {answer.text}\n{reports}", stage.operator.log
        )
    return items


def condition(obj: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return one condition of an object, or an empty dictionary when it was never written."""
    entries = (obj.get("status") or {}).get("conditions") or ()
    return next((entry for entry in entries if entry["type"] == kind), {})


def _report(obj: Mapping[str, Any]) -> str:
    entries = (obj.get("status") or {}).get("conditions") or ()
    lines = [
        f"  {entry['type']}={entry['status']} {entry['reason']}: {entry.get('message', '')}"
        for entry in entries
    ]
    return "\n".join(
        [f"{obj['kind']} {obj['metadata']['name']}:", *(lines or ["  no condition yet"])]
    )


WAITS = (
    ("isolationprofiles.glovebox.dev", "standard", None),
    ("objectstores.glovebox.dev", "primary", None),
    ("datasetpins.glovebox.dev", "--all", TEAM),
    ("splitpins.glovebox.dev", "--all", TEAM),
    ("featuresetpins.glovebox.dev", "--all", TEAM),
    ("accessgrants.glovebox.dev", "--all", TEAM),
    (EXPERIMENTS, "--all", TEAM),
)
