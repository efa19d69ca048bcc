"""Everything that the desired state of an experiment is computed from, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from glovebox import names
from glovebox.api.delivery_mode import DeliveryMode
from glovebox.api.experiment import Experiment
from glovebox.api.input_status import InputManifest, InputStatus
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.api.stages import Stage
from glovebox.api.stated_data import StatedData
from glovebox.desired.never_reachable import Network

PinKind = Literal["DatasetPin", "FeatureSetPin"]

# Of ext4 and xfs as they are made by default.
BLOCK_BYTES: Final = 4096
# What the volume needs beside the pinned bytes: proofs, features, and partial files of a file
# system with large blocks.
_INPUTS_SLACK_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class ResolvedInput:
    """An input of an Experiment with the pin that was found for it.

    Attributes:
        name: The name of the input in the Experiment.
        kind: The kind of the pin.
        pin_name: The name of the pin; `namespace/name` when it is in another namespace.
        uid: The UID of the pin, so that a pin that was replaced is noticed.
        digest: Identity of the content alone: the content root of a DatasetPin, the digest of a
            FeatureSetPin.
        pin_digest: Identity of the content and of where it lies (versions, keys).
        objects: Number of objects; 0 for features.
        bytes: Sum of their sizes; 0 for features.
        role: What a dataset is for (train, test, ...); None for features.
        store: Name of the ObjectStore that holds a dataset.
        manifest: Where the list of a dataset's exact versions lies.
        bucket: Where a dataset lies that is a whole prefix; empty for others, and when the pin is
            gone.
        prefix: That prefix.
        image: The OCI image that holds the dataset, where it is delivered by image.
        stated: What the pin of a dataset said of its data.
        document: What the definitions of a feature set are, as the fetcher delivers them; None when
            the pin is gone, or the grant by which it was used is over.
    """

    name: str
    kind: PinKind
    pin_name: str
    uid: str
    digest: str
    pin_digest: str
    objects: int = 0
    bytes: int = 0
    role: str | None = None
    store: str = ""
    manifest: InputManifest | None = None
    bucket: str = ""
    prefix: str = ""
    image: str = ""
    stated: StatedData | None = None
    document: Mapping[str, Any] | None = field(default=None, hash=False)

    def place(self, team: str) -> tuple[str, str]:
        """Return namespace and name of the pin, for an Experiment of that namespace."""
        return pin_place(self.pin_name, team)


def bytes_on_disk(item: ResolvedInput) -> int:
    """Return what the files of a dataset take of a disk (bytes), which is measured as `du` does.

    A file takes whole blocks, and each may lie in a folder of its own, which takes one as well.
    """
    return item.bytes + item.objects * 2 * BLOCK_BYTES


def pin_place(reference: str, team: str) -> tuple[str, str]:
    """Return namespace and name of a pin as it is recorded: alone, or `namespace/name`."""
    namespace, _, name = reference.rpartition("/")
    return namespace or team, name


@dataclass(frozen=True, slots=True)
class PodRoute:
    """Pods that are chosen by the name of their namespace and by their labels, both."""

    namespace: str
    labels: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class StoreRoute:
    """What a NetworkPolicy must open towards the object store.

    It is one TCP port on networks, on pods, or on both.
    """

    port: int
    cidrs: tuple[str, ...] = ()
    pods: PodRoute | None = None


@dataclass(frozen=True, slots=True)
class ExperimentInputs:
    """The whole input of `plan.desired_objects`.

    Attributes:
        experiment: The Experiment, with its metadata.
        profile: The IsolationProfile that it names.
        store: The ObjectStore that takes its artifacts.
        inputs: Its inputs with their pins, in any order.
        namespace: The name of its namespace: `names.experiment_namespace`, or `status.namespace`
            once that is set.
        state: The value of the namespace's state label.
        platform_image: The Glovebox image that delivers the inputs; empty where none is configured.
        input_stores: The ObjectStores that hold its datasets.
        delivery_mode: How datasets come into the run.
        operator_namespace: Where caches are claimed.
        platform_text: The platform's settings as they are recorded.
        bound: The inputs as they are recorded.
        purpose_text: The purpose as it is recorded.
        leakage_text: The leakage sheet as it is recorded.
        never_reachable: What no route reaches, beside the metadata services that are known.
        secrets: The secrets that stages are given, each with its version.
    """

    experiment: Experiment
    profile: IsolationProfile
    store: ObjectStore
    inputs: tuple[ResolvedInput, ...]
    namespace: str
    state: str = names.STATE_OPEN
    platform_image: str = ""
    input_stores: tuple[ObjectStore, ...] = ()
    delivery_mode: DeliveryMode = "Fetch"
    operator_namespace: str = names.OPERATOR_NAMESPACE
    platform_text: str = ""
    bound: tuple[InputStatus, ...] = ()
    purpose_text: str = ""
    leakage_text: str = ""
    never_reachable: tuple[Network, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, hash=False)

    def given_to(self, stage: Stage) -> ExperimentInputs:
        """Return the same with the inputs of one stage alone."""
        given = tuple(item for item in self.inputs if stage.reads(item.name, item.role))
        return replace(self, inputs=given)

    @property
    def mounted(self) -> tuple[ResolvedInput, ...]:
        """The datasets that come as volumes of their own, by name."""
        if self.delivery_mode == "Fetch":
            return ()
        return tuple(
            sorted(
                (item for item in self.inputs if item.kind == "DatasetPin"),
                key=lambda item: item.name,
            )
        )

    @property
    def delivered_bytes(self) -> int:
        """What the run's own volume of inputs may hold (bytes), which counts as its local disk."""
        if not self.inputs:
            return 0
        return sum(bytes_on_disk(item) for item in self.fetched) + _INPUTS_SLACK_BYTES

    @property
    def fetched(self) -> tuple[ResolvedInput, ...]:
        """What is written into the run's own volume, by name.

        Features, and datasets unless they are mounted.
        """
        return tuple(
            sorted(
                (item for item in self.inputs if item not in self.mounted),
                key=lambda item: item.name,
            )
        )
