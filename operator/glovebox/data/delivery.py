"""A run's inputs and their delivery: the fetcher's plan, and the record that it leaves.

The plan is pure data: the desired state renders it, the program inside the pod parses it, and both
use this page. It holds no secret and no time. Everything that it does not know is refused, so that
an old fetcher never delivers half of a newer plan.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from glovebox.api.scalars import DNS_LABEL, SHA256, URL
from glovebox.data.digest import MAX_INTEGER, canonical_json
from glovebox.errors import InvalidInput

FORMAT: Final = "glovebox.dev/inputs/v1"
PROOF_FORMAT: Final = "glovebox.dev/delivery/v1"
PLAN_INVALID: Final = "PlanInvalid"
# Of a file beside one with credentials: the authorities that are trusted for their store.
AUTHORITIES_SUFFIX: Final = ".pem"
CREDENTIALS_SUFFIX: Final = ".credentials"
# Exit codes of the fetcher that are final: something differs from what was pinned, and the plan or
# the settings cannot be read.
EXIT_DIFFERS: Final = 42
EXIT_INVALID: Final = 64
# Those after which another attempt may find what this one did not: the volume could not be written,
# and the store was away, or refused, for too long.
EXIT_VOLUME: Final = 74
EXIT_UNREACHABLE: Final = 75
FETCH_FINAL: Final = frozenset({EXIT_DIFFERS, EXIT_INVALID})
FETCH_AGAIN: Final = frozenset({EXIT_VOLUME, EXIT_UNREACHABLE})
# The kubelet keeps so many bytes of a container's termination message.
MAX_MESSAGE_BYTES: Final = 4096
_MAX_PLAN_BYTES: Final = 4 << 20

Name = Annotated[str, Field(max_length=63, pattern=DNS_LABEL)]
Sha256 = Annotated[str, Field(max_length=71, pattern=SHA256)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Text = Annotated[str, Field(min_length=1, max_length=1024)]


class _Strict(BaseModel):
    """Refuses unknown fields and foreign types; names are written as the API writes them.

    Values never change.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_by_name=True
    )


class _Named(_Strict):
    """What a plan lists by name."""

    name: Name


class ManifestObject(_Strict):
    """The one version of the manifest that lists a dataset's objects."""

    bucket: Text
    key: Text
    version_id: Text
    digest: Sha256


class DatasetDelivery(_Named):
    """A dataset that becomes the folder `<inputs>/<name>`.

    Attributes:
        name: The input's name in the Experiment.
        digest: Content root.
        pin_digest: Pin root: the content in exactly these object versions.
        objects: Number of files.
        bytes: Sum of their sizes.
        manifest: Lists them.
        store: The name of an entry of `stores`; data and manifest are both there.
    """

    digest: Sha256
    pin_digest: Sha256
    objects: Count
    bytes: Count
    manifest: ManifestObject
    store: Name


class MountedDataset(_Named):
    """A dataset that is there already: a volume, compared with the pin by the content root alone.

    The root covers every name, size and SHA-256 and no place, so that neither the manifest nor a
    store is needed.

    Attributes:
        name: The input's name in the Experiment.
        digest: Content root.
        objects: Number of files.
        bytes: Sum of their sizes.
    """

    digest: Sha256
    objects: Count
    bytes: Count


class FeatureDelivery(_Named):
    """Feature definitions that become `<inputs>/<name>/features.json`.

    Attributes:
        name: The input's name in the Experiment.
        digest: `status.digest` of the FeatureSetPin.
        document: As `features.feature_set_document` makes it; the digest can be computed from it.
    """

    digest: Sha256
    document: dict[str, Any]


class StoreAddress(_Named):
    """How to reach a store; its credentials lie beside the plan, in `<name>.credentials`.

    Where the store names its authorities they lie there too, in `<name>.pem`.
    """

    endpoint: Annotated[str, Field(max_length=512, pattern=URL)]
    region: Annotated[str, Field(min_length=1, max_length=63)] = "us-east-1"
    path_style: bool = True
    # URL of the proxy before it; empty reaches it directly, None is for what the environment says.
    proxy: Annotated[str, Field(max_length=512)] | None = None


class TaskStore(StoreAddress):
    """How a task reaches a store, which it knows from its request alone."""

    ca_bundle: Annotated[str, Field(max_length=65536)] = ""
    # None: nothing is asked for. Empty: keys of the store's own. Else the key of its KMS.
    encryption_key: Annotated[str, Field(max_length=256)] | None = None


class DeliveryPlan(_Strict):
    """Everything that one run shall find under its inputs."""

    format: Literal["glovebox.dev/inputs/v1"] = "glovebox.dev/inputs/v1"
    datasets: tuple[DatasetDelivery, ...] = Field(default=(), max_length=64)
    features: tuple[FeatureDelivery, ...] = Field(default=(), max_length=64)
    stores: tuple[StoreAddress, ...] = Field(default=(), max_length=64)
    mounted: tuple[MountedDataset, ...] = Field(default=(), max_length=64)

    @model_validator(mode="after")
    def _check(self) -> Self:
        inputs: tuple[_Named, ...] = (*self.datasets, *self.features, *self.mounted)
        names = [each.name for each in inputs]
        if len(set(names)) != len(names):
            raise ValueError("two inputs have one name")
        stores = [each.name for each in self.stores]
        if len(set(stores)) != len(stores):
            raise ValueError("two stores have one name")
        missing = sorted({each.store for each in self.datasets} - set(stores))
        if missing:
            raise ValueError(f"store {missing[0]!r} is used but not described")
        return self


def parse_plan(text: bytes) -> DeliveryPlan:
    """Return the plan of a file.

    Raises:
        InvalidInput: `PlanInvalid`, naming the field.
    """
    if len(text) > _MAX_PLAN_BYTES:
        raise InvalidInput(
            PLAN_INVALID,
            f"the plan of the inputs has {len(text)} bytes, more than {_MAX_PLAN_BYTES}",
        )
    try:
        plan = DeliveryPlan.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise InvalidInput(
            PLAN_INVALID, f"the plan of the inputs is not valid at {where}: {first['msg']}"
        ) from None
    if "format" not in plan.model_fields_set:
        raise InvalidInput(
            PLAN_INVALID, f"the plan of the inputs does not say that it is one of {FORMAT}"
        )
    return plan


def render_plan(plan: DeliveryPlan) -> bytes:
    """Return the one spelling of a plan: equal plans make equal objects.

    It is canonical JSON, with everything ordered by name.
    """
    document = plan.model_dump(by_alias=True, mode="json")
    for part in ("datasets", "features", "stores", "mounted"):
        document[part] = sorted(document[part], key=lambda each: str(each["name"]))
    for store in document["stores"]:
        if not store["proxy"]:
            # As below.
            del store["proxy"]
    if not document["mounted"]:
        # Plans from before there were such volumes stay what they are, to the byte.
        del document["mounted"]
    return canonical_json(document)


class Delivered(BaseModel):
    """What was done for one input, as its proof says.

    Attributes:
        name: The input's name.
        digest: Checked over every byte that lies there now.
        pin_digest: Checked over the manifest; empty for features.
        objects: Number of files.
        bytes: Sum of their sizes.
        seconds: How long it took, in this attempt.
        fetched: Files whose bytes were (partly) transferred in this attempt.
        kept: Files that an earlier attempt left, hashed again.
        transferred: Bytes that came from the store in this attempt.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)

    name: str
    digest: str
    pin_digest: str = ""
    objects: int
    bytes: int
    seconds: float
    fetched: int
    kept: int
    transferred: int

    def proof(self) -> builtins.bytes:
        """Return the content of the file that says that this input is complete."""
        return (
            orjson.dumps({"format": PROOF_FORMAT, **self._document()}, option=orjson.OPT_SORT_KEYS)
            + b"\n"
        )

    def _document(self) -> dict[str, Any]:
        return {**self.model_dump(by_alias=True), "seconds": round(self.seconds, 3)}


def success_message(delivered: tuple[Delivered, ...]) -> bytes:
    """Return the termination message of a complete delivery.

    What does not fit in 4,096 bytes is counted, not listed.
    """
    said = (
        f"{len(delivered)} inputs, {sum(each.objects for each in delivered)} files,"
        f" {sum(each.bytes for each in delivered)} bytes"
    )
    shown = [each._document() for each in delivered]  # noqa: SLF001 - one page
    while True:
        document: dict[str, Any] = {"reason": "Delivered", "message": said, "inputs": shown}
        if len(shown) < len(delivered):
            document["omitted"] = len(delivered) - len(shown)
        message = orjson.dumps(document)
        if len(message) <= MAX_MESSAGE_BYTES or not shown:
            return message
        shown = shown[:-1]


def failure_message(
    reason: str, message: str, *, name: str | None = None, path: str | None = None
) -> bytes:
    """Return the termination message of a failure: one line of JSON, at most 4,096 bytes.

    Long texts are cut in the middle.
    """
    fields: Mapping[str, str | None] = {
        "reason": reason,
        "message": message,
        "input": name,
        "path": path,
    }
    for limit in (2048, 512, 128, 32):
        document = {
            key: _shortened(value, limit) for key, value in fields.items() if value is not None
        }
        line = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "replace"
        )
        if len(line) <= MAX_MESSAGE_BYTES:
            return line
    raise AssertionError


def _shortened(text: str, limit: int) -> str:
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]} ... {text[-half:]}"
