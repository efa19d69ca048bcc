"""The table of kinds: how each is called, where it lives, and which model reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from glovebox import names
from glovebox.api.access_grant import AccessGrant
from glovebox.api.base import Resource
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment import Experiment
from glovebox.api.feature_set_pin import FeatureSetPin
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.api.split_pin import SplitPin

Scope = Literal["Namespaced", "Cluster"]


@dataclass(frozen=True)
class Kind:
    """One kind of custom resource."""

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    scope: Scope
    model: type[Resource[Any, Any]]

    @property
    def namespaced(self) -> bool:
        """Whether objects of this kind live in a namespace."""
        return self.scope == "Namespaced"

    @property
    def crd_name(self) -> str:
        """Name of the CustomResourceDefinition."""
        return f"{self.plural}.{names.GROUP}"


EXPERIMENT: Final = Kind(
    "Experiment", "experiments", "experiment", ("gexp",), "Namespaced", Experiment
)
DATASET_PIN: Final = Kind(
    "DatasetPin", "datasetpins", "datasetpin", ("gdpin",), "Namespaced", DatasetPin
)
FEATURE_SET_PIN: Final = Kind(
    "FeatureSetPin", "featuresetpins", "featuresetpin", ("gfpin",), "Namespaced", FeatureSetPin
)
SPLIT_PIN: Final = Kind("SplitPin", "splitpins", "splitpin", ("gspin",), "Namespaced", SplitPin)
ISOLATION_PROFILE: Final = Kind(
    "IsolationProfile",
    "isolationprofiles",
    "isolationprofile",
    ("gprofile",),
    "Cluster",
    IsolationProfile,
)
OBJECT_STORE: Final = Kind(
    "ObjectStore", "objectstores", "objectstore", ("gstore",), "Cluster", ObjectStore
)

ACCESS_GRANT: Final = Kind(
    "AccessGrant", "accessgrants", "accessgrant", ("ggrant",), "Namespaced", AccessGrant
)

KINDS: Final = (
    EXPERIMENT,
    DATASET_PIN,
    SPLIT_PIN,
    FEATURE_SET_PIN,
    ACCESS_GRANT,
    ISOLATION_PROFILE,
    OBJECT_STORE,
)
BY_NAME: Final = {kind.kind: kind for kind in KINDS}
