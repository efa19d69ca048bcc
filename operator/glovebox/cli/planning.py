"""What `glovebox plan` and `glovebox render` find out of files, and the words for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from glovebox import names
from glovebox.api import reasons
from glovebox.api.invalid import what_is_wrong
from glovebox.api.kinds import BY_NAME
from glovebox.cli.manifests import read_documents
from glovebox.controllers.experiment.preview import (
    SOME_IMAGE,
    Preview,
    assumed_ready,
    preview,
    unsettled,
)
from glovebox.errors import GloveboxError, InvalidInput, NotReady, Refused
from glovebox.kube.kinds import JOB_SET
from glovebox.kube.resources import Key

if TYPE_CHECKING:
    from glovebox.desired.metadata import KubernetesObject

# Refusals that content decides: whose grant covers it.
_BY_CONTENT: Final = frozenset(
    {
        reasons.NOT_GRANTED,
        reasons.GRANT_EXPIRED,
        reasons.GRANT_REVOKED,
        reasons.GRANT_USED_UP,
    }
)
# Refusals that specs alone decide, of whatever content their pins turn out to be.
_BY_SPEC: Final = frozenset(
    {
        reasons.CLASSIFICATION_NOT_ALLOWED,
        reasons.DELIVERY_UNAVAILABLE,
        reasons.ENVIRONMENT_NOT_ALLOWED,
        reasons.EXPIRED,
        reasons.HOLD_REQUIRED,
        reasons.IMAGE_APPROVAL_EXPIRED,
        reasons.IMAGE_NOT_APPROVED,
        reasons.IMAGE_NOT_PINNED,
        reasons.INVALID_SPEC,
        reasons.LICENSE_NOT_ALLOWED,
        reasons.NOT_PSEUDONYMISED,
        reasons.ORIGIN_NOT_ALLOWED,
        reasons.OVERLAP_NOT_ALLOWED,
        reasons.QUOTA_OUT_OF_RANGE,
        reasons.REGION_NOT_ALLOWED,
        reasons.RETENTION_ENDED,
        reasons.RETENTION_OUT_OF_RANGE,
        reasons.RETENTION_UNKNOWN,
        reasons.ROLE_NOT_ALLOWED,
        reasons.ROUTE_NOT_ALLOWED,
        reasons.RUN_OUT_OF_RANGE,
        reasons.STORE_NOT_GRANTED,
        reasons.STORE_NOT_LENDING,
        reasons.STS_NOT_CONFIGURED,
        reasons.TEAM_BUDGET_EXCEEDED,
    }
)
# Said where a run has inputs.
_DELIVERY: Final = (
    "whether inputs can be delivered in this cluster (the operator's image, nodes, drivers) is"
    " known by the operator alone: InputsDelivered says it"
)
_SECRETS: Final = (
    "whether the Secrets of its stages are there is looked up by the operator; the digest covers"
    " their versions, and is known then"
)
# What kubectl reads of a folder.
_SUFFIXES: Final = frozenset({".json", ".yaml", ".yml"})
# Stands where only the API server gives one.
_NO_UID: Final = "00000000-0000-0000-0000-000000000000"
# What an API server gives to an object, and rendering needs nothing of.
_SERVERS: Final = frozenset({"generation", "managedFields", "resourceVersion"})


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

    Of a folder those of all such files right in it, by name, as kubectl takes it.

    Raises:
        InvalidInput: It is neither, or something in it is no object of Kubernetes.
    """
    if text is None and path.is_dir():
        files = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
        if not files:
            raise InvalidInput(
                reasons.INVALID_SPEC, f"{path} is a folder without a file of YAML or JSON in it"
            )
        return [obj for each in files for obj in read_objects(each)]
    shown = text if text is not None else path.read_text(encoding="utf-8")
    found: list[dict[str, Any]] = []
    for each in read_documents(path, shown):
        if each is None:
            continue
        items = each.get("items") if isinstance(each, dict) and "items" in each else [each]
        found += [_object(path, item) for item in (items if isinstance(items, list) else [items])]
    if not found:
        raise InvalidInput(reasons.INVALID_SPEC, f"{path} holds no object")
    return found


def _object(path: Path, item: Any) -> dict[str, Any]:
    if isinstance(item, dict) and isinstance(item.get("metadata"), dict):
        name, namespace = item["metadata"].get("name"), item["metadata"].get("namespace", "")
        texts = (item.get("kind"), item.get("apiVersion"), name)
        if all(isinstance(each, str) and each for each in texts) and isinstance(namespace, str):
            return item
    raise InvalidInput(
        reasons.INVALID_SPEC,
        f"{path} holds something without `apiVersion`, `kind` or `metadata.name`: each is a text",
    )


def of_ours(objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the objects of our group.

    Raises:
        InvalidInput: One is of no kind that there is, or names no namespace, or one too many:
            passed over, it would count as one that is well.
    """
    found = [each for each in objects if each["apiVersion"].partition("/")[0] == names.GROUP]
    for each in found:
        what = f"{each['kind']} '{each['metadata']['name']}'"
        if each["apiVersion"] != names.API_VERSION:
            said = f"`apiVersion`: write {names.API_VERSION}, not {each['apiVersion']}"
            raise InvalidInput(reasons.INVALID_SPEC, f"{what}: {said}")
        kind = BY_NAME.get(each["kind"])
        if kind is None:
            said = f"`kind`: there is none of that name; write one of {', '.join(sorted(BY_NAME))}"
            raise InvalidInput(reasons.INVALID_SPEC, f"{what}: {said}")
        if kind.namespaced != bool(each["metadata"].get("namespace")):
            said = "name it" if kind.namespaced else f"leave it out: a {kind.kind} is in none"
            raise InvalidInput(reasons.INVALID_SPEC, f"{what}: `metadata.namespace`: {said}")
    return found


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
    except GloveboxError as error:
        return _held_up(
            key,
            error,
            listed,
            unread,
            # And as if the others of the team were gone: what then is too much stays too much.
            lambda: look(assumed_ready(each for each in known if each["kind"] != "Experiment")),
            unsettled(obj, known),
        )
    decided_later = (
        *(["inputs of different roles are compared by the operator"] if found.is_compared else []),
        *(
            ["whether its run was started before is looked up in the store"]
            if found.plan.run
            else []
        ),
        *([_DELIVERY] if found.plan.run and found.inputs else []),
        *(
            ["whether the cluster has JobSet is looked up by the operator"]
            if found.plan.run and found.plan.run["kind"] == JOB_SET.kind
            else []
        ),
        *([_SECRETS] if _gives_secrets(found) else []),
        *unread,
    )
    return Planned(
        key,
        Verdict.ACCEPTED,
        digest=_digest_of(found),
        objects=objects_of(found),
        inputs=listed,
        remarks=decided_later,
    )


def _held_up(
    key: Key,
    error: GloveboxError,
    listed: tuple[Mapping[str, str], ...],
    unread: tuple[str, ...],
    as_if: Callable[[], Preview],
    open_: Sequence[str],
) -> Planned:
    """Return what is refused or waits, by what the operator would say just now."""
    if isinstance(error, NotReady):
        return _behind(key, error, listed, unread, as_if, open_)
    if isinstance(error, Refused) and error.reason in _BY_CONTENT and open_:
        # A grant that nobody looked at covers nothing yet, and of a pin of another namespace
        # nothing is told before it is Ready.
        found = _behind(key, error, listed, unread, as_if, open_)
        until = f"this may hold only until the operator has observed {', '.join(open_)}"
        is_open = found.verdict is Verdict.WAITS
        return replace(found, remarks=(*found.remarks, until)) if is_open else found
    if isinstance(error, InvalidInput) and not unread:
        return _told(Verdict.REFUSED, key, error, listed)
    if isinstance(error, InvalidInput):
        # What was not read may be what is missed: a grant, a pin.
        return _told(Verdict.WAITS, key, error, listed, (*unread, "so this may not be refused"))
    return _told(Verdict.WAITS, key, error, listed, unread)


def _gives_secrets(found: Preview) -> bool:
    return any(stage.secrets for stage, _ in found.plan.stages)


def _digest_of(found: Preview) -> str:
    """Return the digest; an empty text where it covers what only the operator reads."""
    return "" if _gives_secrets(found) else found.plan.digest


def objects_of(found: Preview) -> tuple[KubernetesObject, ...]:
    """Return what would be made in the namespace, in the order of making."""
    plan = found.plan
    volumes = tuple(obj for each in plan.input_volumes for obj in (each.volume, each.claim))
    jobs = (plan.probe.job() if plan.probe is not None else None, plan.run)
    return (*plan.objects(), *volumes, *(job for job in jobs if job is not None))


def _behind(
    key: Key,
    error: GloveboxError,
    listed: tuple[Mapping[str, str], ...],
    unread: tuple[str, ...],
    look: Callable[[], Preview],
    open_: Sequence[str],
) -> Planned:
    """Return what waits; or what is refused as soon as it no longer waits.

    `open_` is what has no content yet: with one that is made up nothing is said about content.
    """
    try:
        found = look()
    except Refused as later:
        is_sure = not open_ or later.reason in _BY_SPEC
        if is_sure and not unread:
            return _told(
                Verdict.REFUSED, key, later, listed, (f"first it would wait: {error.message}",)
            )
        return _told(Verdict.WAITS, key, error, listed, unread)
    except GloveboxError:
        return _told(Verdict.WAITS, key, error, listed, unread)
    if error.reason == reasons.TEAM_BUDGET_EXCEEDED:
        # That is looked at last: all that makes the digest is known.
        waits = _told(Verdict.WAITS, key, error, listed, unread)
        return replace(waits, digest=_digest_of(found), objects=objects_of(found))
    remark = "the digest is known when all pins are Ready"
    waits = _told(Verdict.WAITS, key, error, listed, (remark, *unread))
    return replace(waits, objects=objects_of(found))


def _told(
    verdict: Verdict,
    key: Key,
    error: GloveboxError,
    listed: tuple[Mapping[str, str], ...],
    remarks: tuple[str, ...] = (),
) -> Planned:
    said = (error.reason, error.message)
    return Planned(key, verdict, "operator", *said, inputs=listed, remarks=remarks)


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
    try:
        why = BY_NAME[pin["kind"]].model.model_validate(pin).why_not_ready
    except ValidationError:
        return "not valid"
    return "Ready" if why is None else "not Ready"


def rendered(objects: Sequence[dict[str, Any]], image: str) -> list[Planned]:
    """Return what Experiments of files would get, by these files alone.

    Pins, stores and profiles count as Ready, and each pin without a status gets a made-up digest.
    What is not as the schema says is refused as such.

    Raises:
        InvalidInput: As `of_ours`.
    """
    found: list[Planned] = []
    valid: list[dict[str, Any]] = []
    for each in of_ours(objects):
        # Of a version in some cluster nothing depends.
        metadata = {name: one for name, one in each["metadata"].items() if name not in _SERVERS}
        one = {**each, "metadata": metadata}
        if each["kind"] == "Experiment":
            # Of what became of it nothing counts: it is rendered as if it were declared now.
            one.pop("status", None)
            metadata |= {"uid": _NO_UID, "generation": 1}
        why = _why_invalid(one)
        if why:
            found.append(Planned(Key.of(one), Verdict.REFUSED, "schema", reasons.INVALID_SPEC, why))
        else:
            valid.append(one)
    known = assumed_ready(each for each in valid if each["kind"] != "Experiment")
    listed: dict[str, Mapping[str, Any]] = {
        each["metadata"]["name"]: each for each in objects if each["kind"] == "Namespace"
    }
    found += (
        judged(each, known, listed, image=image) for each in valid if each["kind"] == "Experiment"
    )
    return found


def _why_invalid(obj: Mapping[str, Any]) -> str:
    """Return what of an object is not as the schema says; empty where it is."""
    try:
        BY_NAME[obj["kind"]].model.model_validate(obj)
    except ValidationError as error:
        return what_is_wrong(error)
    return ""
