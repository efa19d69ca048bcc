"""A small network that says whether a flight arrives over 15 minutes late.

What it knows is one array: the weights, and the momentum of their updates. Nothing of it depends on
how the rows are shared but the order of sums, and that is fixed by the number of workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

# Updates in an epoch, each of another slice of the rows.
STEPS = 8
_LATE_MINUTES = 15
_RATE = 0.2
_MOMENTUM = 0.9
_HIDDEN = 64
_ORIGINS = ("EWR", "JFK", "LGA")
_CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX")
_COLUMNS = ("hour", "distance", "origin", "carrier", "arr_delay")
# Hour as a point on the clock, distance, and a column for each name; the last is always 1.
_FEATURES = 2 + 1 + len(_ORIGINS) + len(_CARRIERS) + 1
_FIRST = _FEATURES * _HIDDEN
_SIZE = _FIRST + _HIDDEN


@dataclass(frozen=True)
class Rows:
    """Flights: what is known before departure, and whether each was late (1.0) or not."""

    known: np.ndarray
    late: np.ndarray


def read(folder: Path, worker: int, workers: int) -> Rows:
    """Return a worker's share of the flights in a folder: every so many-th, over all files."""
    # Sorted: the order of a folder is no property of the data.
    tables = [
        pq.read_table(file, columns=list(_COLUMNS)) for file in sorted(folder.rglob("*.parquet"))
    ]
    arrived = [table.filter(table["arr_delay"].is_valid()) for table in tables]
    columns = {
        name: np.concatenate([table[name].to_numpy() for table in arrived])[worker::workers]
        for name in _COLUMNS
    }
    angle = columns["hour"] * (2 * np.pi / 24)
    known = [np.sin(angle), np.cos(angle), columns["distance"] / 1000]
    known += [columns["origin"] == name for name in _ORIGINS]
    known += [columns["carrier"] == name for name in _CARRIERS]
    known.append(np.ones_like(angle))
    late = (columns["arr_delay"] > _LATE_MINUTES).astype(np.float64)
    return Rows(np.column_stack(known).astype(np.float64), late)


def begin(seed: int) -> np.ndarray:
    """Return what is known before the first epoch: weights at random, and no momentum."""
    weights = np.random.default_rng(seed).normal(0, 1 / np.sqrt(_FEATURES), _SIZE)
    return np.stack([weights, np.zeros(_SIZE)])


def gradient(weights: np.ndarray, share: Rows, step: int) -> np.ndarray:
    """Return the gradient over this worker's rows of a step, as a sum, and their number last."""
    known, late = share.known[step::STEPS], share.late[step::STEPS]
    hidden, odds = _forward(weights, known)
    wrong = odds - late
    last = hidden.T @ wrong
    first = known.T @ (np.outer(wrong, weights[_FIRST:]) * (1 - hidden**2))
    return np.concatenate([first.ravel(), last, [len(late)]])


def update(state: np.ndarray, summed: np.ndarray) -> np.ndarray:
    """Return what is known after a step, from the sum of all workers' gradients."""
    momentum = _MOMENTUM * state[1] - _RATE * summed[:-1] / summed[-1]
    return np.stack([state[0] + momentum, momentum])


def measure(weights: np.ndarray, rows: Rows) -> dict[str, float | int]:
    """Return how well flights are told apart: the area under the ROC curve, and how many."""
    _, odds = _forward(weights, rows.known)
    _, place, times = np.unique(odds, return_inverse=True, return_counts=True)
    # Of flights with the same odds each has the mean of their ranks.
    ranks = (np.cumsum(times) - (times - 1) / 2)[place]
    late = int(rows.late.sum())
    on_time = len(rows.late) - late
    auc = (ranks[rows.late == 1].sum() - late * (late + 1) / 2) / (late * on_time)
    return {"auc": float(auc), "rows": len(rows.late)}


def _forward(weights: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hidden layer, and the odds that each flight is late, from 0 to 1."""
    hidden = np.tanh(known @ weights[:_FIRST].reshape(_FEATURES, _HIDDEN))
    return hidden, 1 / (1 + np.exp(-(hidden @ weights[_FIRST:])))
