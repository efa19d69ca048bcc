"""Every manifest of docs/examples that is ours is one that the operator reads."""

from __future__ import annotations

from typing import Any, Final

import pytest
import yaml

from glovebox.api.access_grant import AccessGrant
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.experiment import Experiment
from glovebox.api.feature_set_pin import FeatureSetPin
from glovebox.api.isolation_profile import IsolationProfile
from glovebox.api.object_store import ObjectStore
from glovebox.api.split_pin import SplitPin
from support.examples import REFUSALS, REPOSITORY

EXAMPLES: Final = REPOSITORY / "docs" / "examples"
MODELS: Final = {
    model.__name__: model
    for model in (
        AccessGrant,
        DatasetPin,
        Experiment,
        FeatureSetPin,
        IsolationProfile,
        ObjectStore,
        SplitPin,
    )
}
FILES: Final = sorted(
    str(path.relative_to(EXAMPLES))
    for path in EXAMPLES.rglob("*.yaml")
    if path.parent != REFUSALS and "apiVersion: glovebox.dev/" in path.read_text(encoding="utf-8")
)


def test_there_are_examples_of_every_recipe() -> None:
    recipes = {"feast", "mlflow", "package-mirror", "distributed", "flights"}
    assert recipes <= {name.partition("/")[0] for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_an_example_is_read_as_it_stands(name: str) -> None:
    documents = list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))
    for document in documents:
        if not str(document["apiVersion"]).startswith("glovebox.dev/"):
            continue
        metadata: dict[str, Any] = {"uid": "a uid", **document["metadata"]}
        MODELS[document["kind"]].model_validate({**document, "metadata": metadata})
