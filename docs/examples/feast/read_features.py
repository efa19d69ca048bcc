"""Joins pinned values of features to examples, as they were known then, by Feast's offline store.

The registry and the online store are files below /tmp that nobody else reads: what the features are
is in the pin, and this run needs no service.
"""

import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float32


def joined() -> pd.DataFrame:
    """Return the examples with the values that were known at the time of each."""
    inputs = Path(os.environ["GLOVEBOX_INPUTS"])
    folder = Path(tempfile.mkdtemp())
    store = FeatureStore(
        config=RepoConfig(
            project="glovebox",
            provider="local",
            registry=str(folder / "registry.db"),
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            offline_store={"type": "file"},
            entity_key_serialization_version=3,
        )
    )
    airport = Entity(name="origin", join_keys=["origin"], value_type=ValueType.STRING)
    values = FileSource(
        name="values",
        path=str(next((inputs / "values").rglob("*.parquet"))),
        timestamp_field="time_hour",
        created_timestamp_column="loaded_at",
    )
    view = FeatureView(
        name="airports",
        entities=[airport],
        ttl=timedelta(days=1),
        schema=[Field(name="mean_delay", dtype=Float32)],
        source=values,
        online=False,
    )
    store.apply([airport, view])
    examples = pd.concat(
        pd.read_parquet(path, columns=["origin", "flight", "event_timestamp"])
        for path in sorted((inputs / "examples").rglob("*.parquet"))
    )
    found = store.get_historical_features(examples, ["airports:mean_delay"]).to_df()
    # Examples that have values, but none that counts, are left out there.
    return examples.merge(found, how="left", on=list(examples.columns))


if __name__ == "__main__":
    print(joined().sort_values("flight").to_json(orient="records", date_format="iso"))
