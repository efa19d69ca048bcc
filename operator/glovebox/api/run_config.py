"""What a run is told: parameters, seeds, environment variables, and what keeps it the same."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field

from glovebox.api.base import Model
from glovebox.api.parameters import NO_SECRET_NAMES, NO_SECRET_VALUES, SHORT_NAMES
from glovebox.api.scalars import Text, Word
from glovebox.api.schema import Checked


class Determinism(Model):
    """What is fixed, or said, so that a second run gives the same result."""

    threads: Annotated[int, Field(ge=1, le=1024, json_schema_extra={"format": "int32"})] | None = (
        Field(default=None, description="Threads of numerical libraries. When absent: not fixed.")
    )
    libraries: Literal["Deterministic"] | None = Field(
        default=None,
        description=(
            "`Deterministic`: the run's environment asks common numerical libraries (cuBLAS, cuDNN,"
            " TensorFlow, MKL, Python's hashes) for the same result each time, where they have"
            " a variable for that, and fixes time zone and locale. Variables of a stage's `env` go"
            " before these. When absent: as the libraries do by themselves."
        ),
    )
    loader_workers: (
        Annotated[int, Field(ge=0, le=1024, json_schema_extra={"format": "int32"})] | None
    ) = Field(
        default=None,
        description=(
            "Processes that load data, of which the order of samples may depend: the run reads it"
            " as `GLOVEBOX_LOADER_WORKERS`. When absent: not said."
        ),
    )
    generators: Annotated[dict[str, Word], Field(max_length=32), SHORT_NAMES] | None = Field(
        default=None,
        description=(
            "Algorithms of random generators by name (`numpy: PCG64`); at most 32. Recorded, not"
            " set. When absent: not said."
        ),
    )
    sharding: Text | None = Field(
        default=None,
        description=(
            "How data is divided between workers, in words. Recorded, not set. When absent: not"
            " said."
        ),
    )


ParameterValue = Annotated[str, Field(max_length=1024)]
Seed = Annotated[int, Field(ge=0, le=9007199254740991, json_schema_extra={"format": "int64"})]


# The schema bounds how many keys a map has, and what they hold, but not how long they are.
class Config(Model):
    """Settings of the run. Everybody who may read the experiment reads them: no secrets here."""

    parameters: Annotated[
        dict[str, ParameterValue], SHORT_NAMES, NO_SECRET_NAMES, NO_SECRET_VALUES
    ] = Field(
        default={},
        max_length=128,
        description=(
            'Parameters of the run by name, as text (`learningRate: "0.05"`); at most 128. They are'
            " recorded and shown, so secrets are refused."
        ),
    )
    seeds: Annotated[dict[str, Seed], SHORT_NAMES] = Field(
        default={},
        max_length=32,
        description="Seeds of random generators by name, 0 to 2^53-1; at most 32.",
    )
    determinism: Determinism | None = Field(
        default=None,
        description=(
            "What is fixed so that a second run gives the same result. When absent: nothing."
        ),
    )


RESERVED_VARIABLE: Final = r"^(GLOVEBOX_.*|AWS_.*|(?i:https?|all|no)_(?i:proxy))$"
VARIABLE: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE_NAMES = Checked[dict[str, str]](
    lambda variables: all(re.fullmatch(VARIABLE, name) for name in variables),
    f"self.all(name, name.matches(r'^{VARIABLE}$'))",
    "must have names of environment variables as keys: letters, digits and `_`, not beginning with"
    " a digit",
)
_NO_RESERVED_VARIABLE = Checked[dict[str, str]](
    lambda variables: not any(re.search(RESERVED_VARIABLE, name) for name in variables),
    f"self.all(name, !name.matches(r'{RESERVED_VARIABLE}'))",
    "must not set what Glovebox sets itself: names that begin with `GLOVEBOX_` or `AWS_`, and the"
    " variables of proxies. Choose another name; the store and the session come by themselves",
)
Environment = Annotated[
    dict[str, ParameterValue],
    SHORT_NAMES,
    _VARIABLE_NAMES,
    _NO_RESERVED_VARIABLE,
    NO_SECRET_NAMES,
    NO_SECRET_VALUES,
]
