"""What `glovebox plan` and `glovebox render` find out of files, and the words for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from glovebox import names
from glovebox.api.kinds import BY_NAME
from glovebox.controllers.experiment.preview import SOME_IMAGE, Preview, assumed_ready, preview
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Refused, Unavailable
from glovebox.kube.resources import Key

if TYPE_CHECKING:
    from glovebox.desired.metadata import KubernetesObject

# Stands where only the API server gives one.
_NO_UID: Final = "00000000-0000-0000-0000-000000000000"


class Verdict(IntEnum):
    """What would become of something; the number is the exit code."""

    ACCEPTED = 0
    REFUSED = 1
    WAITS = 3


@dataclass(frozen=True, slots=True)
class Planned:
    """What would become of one object of a file.

    Attributes:
        key: Which one.
        verdict: What would become of it.
        by: Who says so: `API server` or `operator`.
        reason: One word.
        message: Why, with the cure.
        digest: The identity that an Experiment would have; empty where it is not known.
        objects: What an Experiment would get.
        inputs: Its inputs: name, pin, and whether that is Ready.
        remarks: What is decided later, or could not be read.
    """

    key: Key
    verdict: Verdict
    by: str = ""
    reason: str = ""
    message: str = ""
    digest: str = ""
    objects: tuple[KubernetesObject, ...] = ()
    inputs: tuple[Mapping[str, str], ...] = ()
    remarks: tuple[str, ...] = field(default=())


def read_objects(path: Path, text: str | None = None) -> list[dict[str, Any]]:
    """Return the objects of a file of YAML or JSON, lists taken apart.

    Raises:
        InvalidInput: It is neither, or something in it is no object of Kubernetes.
    """
    shown = text if text is not None else path.read_text(encoding="utf-8")
    try:
        documents = list(yaml.safe_load_all(shown))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput("NotYaml", f"{path} is no YAML: {error}") from None
    found: list[dict[str, Any]] = []
    for each in documents:
        if each is None:
            continue
        items = each.get("items") if isinstance(each, dict) and "items" in each else [each]
        found += [_object(path, item) for item in (items if isinstance(items, list) else [items])]
    if not found:
        raise InvalidInput("NotYaml", f"{path} holds no object")
    return found


def _object(path: Path, item: Any) -> dict[str, Any]:
    if isinstance(item, dict) and isinstance(item.get("metadata"), dict):
        name, namespace = item["metadata"].get("name"), item["metadata"].get("namespace", "")
        texts = (item.get("kind"), item.get("apiVersion"), name)
        if all(isinstance(each, str) and each for each in texts) and isinstance(namespace, str):
            return item
    raise InvalidInput(
        "NotYaml",
        f"{path} holds something without `apiVersion`, `kind` or `metadata.name`: each is a text",
    )


def is_ours(obj: Mapping[str, Any]) -> bool:
    """Whether an object is of one of our kinds."""
    return obj["apiVersion"].partition("/")[0] == names.GROUP and obj["kind"] in BY_NAME


def judged(
    obj: Mapping[str, Any],
    known: Sequence[Mapping[str, Any]],
    namespaces: Mapping[str, Mapping[str, Any]],
    hidden: Iterable[str] = (),
    image: str = SOME_IMAGE,
) -> Planned:
    """Return what the operator would make of an Experiment that the API server takes.

    Args:
        obj: The Experiment, as the API server would store it.
        known: What it may depend on.
        namespaces: The namespaces that could be read.
        hidden: What could not be read with the caller's rights, in words.
        image: The operator's image.
    """
    key, unread = Key.of(obj), tuple(f"may not be read with your rights: {one}" for one in hidden)
    bound = (obj.get("status") or {}).get("digest", "")
    if bound:
        remark = "it is bound already, and nothing new would be made"
        return Planned(key, Verdict.ACCEPTED, digest=bound, remarks=(remark, *unread))
    listed = _inputs(obj, known)

    def look(objects: Iterable[Mapping[str, Any]]) -> Preview:
        now = datetime.now(UTC)
        return asyncio.run(preview(obj, objects, now, namespaces=namespaces, image=image))

    try:
        found = look(known)
    except InvalidInput as error:
        if unread:
            # What was not read may be what is missed: a grant, a pin.
            return _waits(key, error, listed, (*unread, "so this may not be refused"))
        return _refused(key, error, listed)
    except Unavailable as error:
        return _waits(key, error, listed, unread)
    except NotReady as error:
        return _behind(key, error, listed, unread, lambda: look(assumed_ready(known)))
    later = (
        *(["inputs of different roles are compared by the operator"] if found.is_compared else []),
        *(
            ["whether its run was started before is looked up in the store"]
            if found.plan.run
            else []
        ),
        *unread,
    )
    return Planned(
        key,
        Verdict.ACCEPTED,
        digest=found.plan.digest,
        objects=objects_of(found),
        inputs=listed,
        remarks=later,
    )


def objects_of(found: Preview) -> tuple[KubernetesObject, ...]:
    """Return what would be made in the namespace, in the order of making."""
    plan = found.plan
    volumes = tuple(obj for each in plan.input_volumes for obj in (each.volume, each.claim))
    jobs = (plan.probe.job() if plan.probe is not None else None, plan.run)
    return (*plan.objects(), *volumes, *(job for job in jobs if job is not None))


def _behind(
    key: Key,
    error: NotReady,
    listed: tuple[Mapping[str, str], ...],
    unread: tuple[str, ...],
    look: Any,
) -> Planned:
    """Return what waits; or what is refused as soon as it no longer waits."""
    try:
        found = look()
    except Refused as later:
        if not unread:
            return _refused(key, later, listed, (f"first it would wait: {error.message}",))
        return _waits(key, error, listed, unread)
    except GloveboxError:
        return _waits(key, error, listed, unread)
    remark = "the digest is known when all pins are Ready"
    return Planned(
        key,
        Verdict.WAITS,
        "operator",
        error.reason,
        error.message,
        objects=objects_of(found),
        inputs=listed,
        remarks=(remark, *unread),
    )


def _refused(
    key: Key,
    error: GloveboxError,
    listed: tuple[Mapping[str, str], ...],
    remarks: tuple[str, ...] = (),
) -> Planned:
    said = (error.reason, error.message)
    return Planned(key, Verdict.REFUSED, "operator", *said, inputs=listed, remarks=remarks)


def _waits(
    key: Key,
    error: GloveboxError,
    listed: tuple[Mapping[str, str], ...],
    remarks: tuple[str, ...],
) -> Planned:
    said = (error.reason, error.message)
    return Planned(key, Verdict.WAITS, "operator", *said, inputs=listed, remarks=remarks)


def _inputs(
    obj: Mapping[str, Any], known: Iterable[Mapping[str, Any]]
) -> tuple[Mapping[str, str], ...]:
    inputs = (obj.get("spec") or {}).get("inputs") or {}
    pins = {Key.of(each): each for each in known}
    rows = []
    for field_name, kind in (("datasets", "DatasetPin"), ("features", "FeatureSetPin")):
        for entry in inputs.get(field_name) or ():
            reference = entry["pinRef"]
            namespace = reference.get("namespace") or obj["metadata"].get("namespace", "")
            pin = pins.get(Key(kind, namespace, reference["name"]))
            state = "not there" if pin is None else _state(pin)
            rows.append(
                {
                    "name": entry["name"],
                    "role": entry.get("role", ""),
                    "pin": f"{kind} {namespace}/{reference['name']}",
                    "state": state,
                }
            )
    return tuple(rows)


def _state(pin: Mapping[str, Any]) -> str:
    why = BY_NAME[pin["kind"]].model.model_validate(pin).why_not_ready
    return "Ready" if why is None else "not Ready"


def rendered(objects: Sequence[Mapping[str, Any]], image: str) -> list[Planned]:
    """Return what Experiments of files would get, by these files alone.

    Pins, stores and profiles count as Ready, and each pin without a status gets a made-up digest.
    """
    ours = [each for each in objects if is_ours(each)]
    known = assumed_ready(each for each in ours if each["kind"] != "Experiment")
    listed: dict[str, Mapping[str, Any]] = {
        each["metadata"]["name"]: each for each in objects if each["kind"] == "Namespace"
    }
    found = []
    for each in ours:
        if each["kind"] != "Experiment":
            continue
        # Of what became of it nothing counts: it is rendered as if it were declared now.
        metadata = {"uid": _NO_UID, "generation": 1, **each["metadata"]}
        bare = {"apiVersion": each["apiVersion"], "kind": each["kind"], "spec": each.get("spec")}
        found.append(judged({**bare, "metadata": metadata}, known, listed, image=image))
    return found
