"""The data of the demonstration."""

from __future__ import annotations

import hashlib
import io

import pytest

from glovebox_local.demo import flights
from glovebox_local.demo.flights import FLIGHTS, DataFile, read_files
from glovebox_local.errors import LocalError


@pytest.fixture(scope="module")
def files() -> list[DataFile]:
    return list(read_files())


def test_the_same_packages_give_the_same_bytes(files: list[DataFile]) -> None:
    def digest(some: list[DataFile]) -> str:
        return hashlib.sha256(b"".join(file.key.encode() + file.body for file in some)).hexdigest()

    assert digest(list(read_files())) == digest(files)


def test_every_flight_is_in_exactly_one_month(files: list[DataFile]) -> None:
    months = [file for file in files if "/flights-" in file.key]
    assert len({file.key for file in months}) == len(months) == 12
    assert sum(file.rows for file in months) == FLIGHTS


def test_training_data_end_before_test_data_begin(files: list[DataFile]) -> None:
    parts = [[file.key for file in files if f"/{part}/" in file.key] for part in ("train", "test")]
    assert [len(part) for part in parts] == [9, 3]
    assert max(key[-10:] for key in parts[0]) < min(key[-10:] for key in parts[1])


def test_missing_values_are_missing_and_not_words(files: list[DataFile]) -> None:
    from pyarrow import parquet  # noqa: PLC0415 - heavy

    january = next(file for file in files if file.key.endswith("flights-2013-01.parquet"))
    table = parquet.read_table(io.BytesIO(january.body))
    assert table.num_rows == january.rows
    assert str(table.schema.field("dep_delay").type) == "float"
    assert table["dep_time"].null_count == 521  # cancelled in January
    assert "NA" not in table["tailnum"].to_pylist()


def test_without_the_package_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "PACKAGE", "no-such-package-of-flights")
    with pytest.raises(LocalError, match="is not installed: `uv sync`"):
        next(read_files())
