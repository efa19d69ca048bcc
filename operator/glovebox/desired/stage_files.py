"""What the stages of a run have in one object, each under keys of its own, and see of it.

The plans of inputs lie in one ConfigMap and the sessions in one Secret each, whose names the guards
know. A pod of a stage mounts the keys of that stage alone, under the names that its programs look
for; it has no token for the API server, so what is not mounted it cannot have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from glovebox.api.stages import Stage
from glovebox.data.delivery import AUTHORITIES_SUFFIX


def key_of(stages: Sequence[Stage], stage: Stage, file: str) -> str:
    """Return the key of a stage's file: the name of the file, where the stage is the only one.

    So it is of authorities, which are the same for all, and long: an object holds 1 MiB.

    Args:
        stages: All stages of the run.
        stage: One of them.
        file: The name of the file in a pod.
    """
    is_everybodys = len(stages) == 1 or file.endswith(AUTHORITIES_SUFFIX)
    return file if is_everybodys else f"{stage.name}.{file}"


def own_files(
    stages: Sequence[Stage], stage: Stage, files: Iterable[str], *, optional: bool = False
) -> dict[str, Any]:
    """Return the fields of a volume that shows a stage its own files; none where it sees all.

    Args:
        stages: All stages of the run.
        stage: The one whose pod it is.
        files: The names of the files in the pod.
        optional: Whether one of them may be absent.
    """
    if len(stages) == 1:
        return {}
    items = [{"key": key_of(stages, stage, file), "path": file} for file in files]
    return {"items": items} | ({"optional": True} if optional else {})
