"""Learns with several workers which flights arrive late, and measures it on flights never seen.

Two programs of one run: `train` is started once for each worker, `evaluate` once, after it. All
that they depend on comes from the experiment. A run in which workers were killed ends with the same
bytes as one in which none was.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import learning
import numpy as np
from folders import Folder, folder_of
from group import Group, Left, joined, led

MODEL = "model.npy"
METRICS = "metrics.json"
_CHECKPOINT = "epoch-{:06}.npy"


def train(environment: Mapping[str, str]) -> None:
    """Take part in training as the worker that the environment says; the first one leads."""
    worker, workers = int(environment["GLOVEBOX_WORKER"]), int(environment["GLOVEBOX_WORKERS"])
    inputs, kept = Path(environment["GLOVEBOX_INPUTS"]), environment["GLOVEBOX_CHECKPOINTS_URI"]
    tell(
        "began",
        worker=worker,
        attempt=int(environment.get("GLOVEBOX_ATTEMPT") or 0),
        inputs=sorted(path.name for path in inputs.glob("[!.]*")),
    )
    share = learning.read(inputs / "train", worker, workers)
    epochs = int(environment.get("GLOVEBOX_PARAM_EPOCHS", "30"))
    start = learning.begin(int(environment["GLOVEBOX_SEED_NUMPY"]))
    port = int(environment.get("GLOVEBOX_PARAM_PORT", "29500"))
    checkpoints = folder_of(kept)
    # The leader is found also while all are at work: whoever comes then waits to be asked in.
    server = socket.create_server(("", port)) if worker == 0 else None
    while (kept_now := latest(checkpoints, start))[0] < epochs:
        group = (
            led(server, workers, *kept_now)
            if server
            else joined(environment["GLOVEBOX_LEADER"], port, worker, start.shape)
        )
        if group is None:
            # Nobody leads, be it not yet or not any more: the next look at the checkpoints tells.
            continue
        try:
            with group:
                learn(group, share, epochs, checkpoints)
        except Left as error:
            # Whoever is left goes back to the last checkpoint and meets the others again.
            tell("lost a worker", worker=worker, why=str(error))
    if worker == 0:
        write(folder_of(environment["GLOVEBOX_ARTIFACTS_URI"]), MODEL, packed(kept_now[1][0]))
    tell("ended", worker=worker, epochs=epochs)


def learn(group: Group, share: learning.Rows, epochs: int, checkpoints: Folder) -> None:
    """Go on from what the group agreed on to the last epoch.

    Raises:
        Left: A worker did not answer any more.
    """
    state = group.state
    tell("met", worker=group.worker, epoch=group.epoch)
    for epoch in range(group.epoch + 1, epochs + 1):
        for step in range(learning.STEPS):
            summed = group.all_reduce(learning.gradient(state[0], share, step))
            state = learning.update(state, summed)
        # Nobody tells of an epoch whose checkpoint is not in the store yet.
        if group.worker == 0:
            write(checkpoints, _CHECKPOINT.format(epoch), packed(state))
        group.barrier()
        tell("epoch", worker=group.worker, epoch=epoch)


def latest(checkpoints: Folder, start: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the last epoch that was kept and what was known then; 0 and the start before any."""
    names = checkpoints.names()
    if not names:
        return 0, start
    epoch = int(names[-1].removeprefix("epoch-").removesuffix(".npy"))
    return epoch, unpacked(checkpoints.get(names[-1]))


def evaluate(environment: Mapping[str, str]) -> None:
    """Measure the model of the stage `train` on the holdout."""
    inputs = Path(environment["GLOVEBOX_INPUTS"])
    tell("began", inputs=sorted(path.name for path in inputs.glob("[!.]*")))
    weights = unpacked(folder_of(environment["GLOVEBOX_STAGE_TRAIN_ARTIFACTS_URI"]).get(MODEL))
    measured = learning.measure(weights, learning.read(inputs / "holdout", 0, 1))
    tell("measured", **measured)
    body = (json.dumps(measured, sort_keys=True) + "\n").encode()
    write(folder_of(environment["GLOVEBOX_ARTIFACTS_URI"]), METRICS, body)


def write(folder: Folder, name: str, body: bytes) -> None:
    """Write an object and say so."""
    folder.put(name, body)
    tell("written", name=name, bytes=len(body))


def packed(array: np.ndarray) -> bytes:
    """Return an array as the bytes of a file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def unpacked(body: bytes) -> np.ndarray:
    """Return the array in the bytes of a file."""
    array: np.ndarray = np.load(io.BytesIO(body))
    return array


def tell(what: str, **fields: object) -> None:
    """Say one thing on standard output, as one line of JSON."""
    print(json.dumps({"event": what, **fields}), flush=True)


if __name__ == "__main__":
    {"train": train, "evaluate": evaluate}[sys.argv[1]](os.environ)
