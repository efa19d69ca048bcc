"""Learns from the flights of 2013 which will be over 15 minutes late, and tests it on later months.

Everything that it depends on comes from the experiment: data and feature definitions as read-only
files, parameters and seeds as environment variables. It writes `model.joblib` and `metrics.json` to
the artifacts of the experiment and nothing else; the same inputs, parameters, seeds and number of
threads give the same bytes of both.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import operator
import os
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import joblib
import numpy as np
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

TARGET = "is_late"
# A flight that was cancelled or diverted has none.
ARRIVAL_DELAY = "arr_delay"
OPERATORS: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
}


def main(environment: Mapping[str, str]) -> None:
    """Train, evaluate, write the artifacts."""
    random.seed(int(required(environment, "GLOVEBOX_SEED_PYTHON")))
    seed = int(required(environment, "GLOVEBOX_SEED_NUMPY"))
    destination = required(environment, "GLOVEBOX_ARTIFACTS_URI")
    inputs = Path(environment.get("GLOVEBOX_INPUTS", "/inputs"))
    features = read_features(inputs / "base" / "features.json")
    train, test = read_rows(inputs / "train", features), read_rows(inputs / "test", features)
    names = sorted(name for name in features if name != TARGET)
    categories = {name: np.unique(train[name]) for name in names if train[name].dtype.kind == "U"}
    rows = {"train": len(train[TARGET]), "test": len(test[TARGET])}
    tell("read", features=names, **rows)

    model = HistGradientBoostingClassifier(
        learning_rate=float(environment.get("GLOVEBOX_PARAM_LEARNING_RATE", "0.1")),
        max_depth=int(environment.get("GLOVEBOX_PARAM_MAX_DEPTH", "8")),
        max_iter=int(environment.get("GLOVEBOX_PARAM_MAX_ITERATIONS", "100")),
        categorical_features=[name in categories for name in names],
        random_state=seed,
    )
    model.fit(matrix(train, names, categories), train[TARGET])
    auc = float(
        roc_auc_score(test[TARGET], model.predict_proba(matrix(test, names, categories))[:, 1])
    )
    metrics = {"auc": auc, "iterations": int(model.n_iter_), "rows": rows}
    tell("trained", **metrics)

    packed = io.BytesIO()
    joblib.dump({"model": model, "features": names, "categories": categories}, packed)
    put(destination, "model.joblib", packed.getvalue())
    # Last: whoever finds the metrics finds the model that they are of.
    put(destination, "metrics.json", (json.dumps(metrics, sort_keys=True) + "\n").encode())


def required(environment: Mapping[str, str], name: str) -> str:
    """Return a variable that has no sensible default; end with a message where it is not set."""
    if not environment.get(name):
        sys.exit(f"{name} is not set: run this as an experiment's run, or set it by hand")
    return environment[name]


def read_features(path: Path) -> dict[str, tuple[ast.expr, str]]:
    """Return expression and type of each feature, by name, as they were pinned."""
    features = json.loads(path.read_text())["features"]
    return {
        item["name"]: (ast.parse(item["recipe"]["expression"], mode="eval").body, item["dtype"])
        for item in features
    }


def read_rows(folder: Path, features: Mapping[str, tuple[ast.expr, str]]) -> dict[str, np.ndarray]:
    """Return one array for each feature over all files; flights that never arrived left out."""
    # Sorted: the order of a folder is no property of the data, and the model depends on the order
    # of the rows.
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        sys.exit(f"{folder} holds no Parquet file: is the input there?")
    used = {
        node.id
        for expression, _ in features.values()
        for node in ast.walk(expression)
        if isinstance(node, ast.Name)
    }
    parts: dict[str, list[np.ndarray]] = {name: [] for name in features}
    for file in files:
        table = pq.read_table(file, columns=sorted(used | {ARRIVAL_DELAY}))
        table = table.filter(table[ARRIVAL_DELAY].is_valid())
        columns = {name: table[name].to_numpy() for name in used}
        for name, (expression, dtype) in features.items():
            parts[name].append(cast(evaluate(expression, columns), dtype))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def evaluate(expression: ast.expr, columns: Mapping[str, np.ndarray]) -> Any:
    """Compute an expression of columns, numbers, `+ - * /` and one comparison; no other recipe."""
    match expression:
        case ast.Name(id=name):
            return columns[name]
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](evaluate(left, columns), evaluate(right, columns))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            return OPERATORS[type(op)](evaluate(left, columns), evaluate(right, columns))
    return sys.exit(f"the recipe {ast.unparse(expression)!r} is more than this trainer can compute")


def cast(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return the values in the type that the feature was declared with."""
    return values.astype(np.str_ if dtype == "string" else dtype)


def matrix(
    rows: Mapping[str, np.ndarray], names: list[str], categories: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return the features as numbers, one column each."""
    return np.column_stack([encode(rows[name], categories.get(name)) for name in names])


def encode(column: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """Return a number as it is, and a category by its place among those trained on.

    An unknown category is missing.
    """
    if known is None:
        return column.astype(np.float32)
    places = np.searchsorted(known, column).clip(max=len(known) - 1)
    return np.where(known[places] == column, places, np.nan).astype(np.float32)


def put(destination: str, name: str, body: bytes) -> None:
    """Write one artifact; the store checks its SHA-256 on arrival.

    Keys and endpoint come from the files that AWS_* name.
    """
    bucket, _, prefix = destination.removeprefix("s3://").partition("/")
    key = f"{prefix.rstrip('/')}/{name}".lstrip("/")
    digest = hashlib.sha256(body).digest()
    boto3.client("s3").put_object(
        Bucket=bucket, Key=key, Body=body, ChecksumSHA256=base64.b64encode(digest).decode()
    )
    tell("written", key=key, bytes=len(body), sha256=digest.hex())


def tell(what: str, **fields: object) -> None:
    """Say one thing on standard output, as one line of JSON."""
    print(json.dumps({"event": what, **fields}), flush=True)


if __name__ == "__main__":
    main(os.environ)
