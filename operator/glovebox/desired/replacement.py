"""The body that repairs a drifted object: the intent, and what is tolerated of the live object.

Replacing takes away all that is not declared, also fields that another manager's forced apply took
over. What `difference` tolerates would be taken away as well, although nothing was wrong with it;
so it is carried over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glovebox.desired.difference import is_foreign_annotation
from glovebox.desired.metadata import KubernetesObject


def replacement(intent: Mapping[str, Any], live: Mapping[str, Any]) -> KubernetesObject:
    """Return the body of a PUT.

    It fails with a conflict when the object is another, or newer, than the one that was read.
    """
    old = live["metadata"]
    metadata = {**intent["metadata"], "uid": old["uid"], "resourceVersion": old["resourceVersion"]}
    foreign = {
        key: value
        for key, value in (old.get("annotations") or {}).items()
        if is_foreign_annotation(key)
    }
    if foreign:
        metadata["annotations"] = foreign | intent["metadata"].get("annotations", {})
    if not old.get("namespace") and old.get("finalizers"):
        metadata["finalizers"] = old["finalizers"]
    return {**intent, "metadata": metadata}
