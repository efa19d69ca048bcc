"""Delivers the pinned inputs of a run into its volume: `python -m glovebox.jobs.fetch`.

It is the init container of the run's pod.

Datasets that come as volumes of their own are not fetched but compared with their pins, byte by
byte, before anybody else sees them. The Job that fills a cache runs the same program.

It ends in one of these ways, with one line of JSON as its termination message:

    0   everything is in place, hashed, read-only, and recorded in `<inputs>/.glovebox/<name>.json`
    42  something differs from its pin; a retry cannot help, and no input counts as delivered
    64  the plan or a setting is not valid
    74  the volume cannot be written (full, read-only)
    75  the store was unreachable or refused for too long; a retry resumes where this ended
    143 it was asked to stop

It holds credentials that can only read, and shows none of them.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from glovebox.api.reasons import INTERNAL_ERROR
from glovebox.data.delivery import (
    EXIT_DIFFERS,
    EXIT_INVALID,
    EXIT_UNREACHABLE,
    EXIT_VOLUME,
    PLAN_INVALID,
    Delivered,
    DeliveryPlan,
    failure_message,
    parse_plan,
    success_message,
)
from glovebox.errors import InvalidInput, Unavailable
from glovebox.jobs.delivering import Delivery, DeliveryError, deliver
from glovebox.jobs.mounted import check_mounted
from glovebox.jobs.origin import Origin
from glovebox.jobs.patience import Patience
from glovebox.jobs.termination import write_termination_message
from glovebox.jobs.volume import Volume
from glovebox.store.connection import Pools, Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_DELIVERED: Final = 0
EXIT_TERMINATED: Final = 143
VOLUME_FAILED: Final = "VolumeFailed"


class FetchSettings(BaseModel):
    """What can be set from outside, by the environment variable that is the field's alias."""

    model_config = ConfigDict(frozen=True)

    plan: Path = Field(
        default=Path("/etc/glovebox/inputs/inputs.json"), alias="GLOVEBOX_INPUTS_PLAN"
    )
    credentials: Path = Field(
        default=Path("/var/run/glovebox/inputs"), alias="GLOVEBOX_INPUTS_CREDENTIALS"
    )
    inputs: Path = Field(default=Path("/inputs"), alias="GLOVEBOX_INPUTS")
    mounted: Path = Field(default=Path("/datasets"), alias="GLOVEBOX_MOUNTED")
    deadline_seconds: float = Field(
        default=300, gt=0, le=86400, alias="GLOVEBOX_FETCH_DEADLINE_SECONDS"
    )
    parallel: int = Field(default=8, ge=1, le=64, alias="GLOVEBOX_FETCH_PARALLEL")


def main() -> int:
    """Deliver, and say how it ended."""
    stop = Stop()

    def end(*_: object) -> NoReturn:
        # A container's first process gets no default action for SIGTERM.
        stop.set()
        raise SystemExit(EXIT_TERMINATED)

    signal.signal(signal.SIGTERM, end)
    try:
        code, message = fetch(os.environ, stop)
    except Exception as error:
        write_termination_message(
            failure_message(
                INTERNAL_ERROR, f"the fetcher failed ({type(error).__name__}); see its log"
            )
        )
        raise
    _say(message)
    write_termination_message(message)
    return code


def fetch(environment: Mapping[str, str], stop: Stop) -> tuple[int, bytes]:
    """Deliver what the environment names; return the exit code and the termination message."""
    try:
        settings, plan = _declared(environment)
    except InvalidInput as error:
        return EXIT_INVALID, failure_message(error.reason, error.message)
    try:
        return EXIT_DELIVERED, success_message(_deliver(plan, settings, stop))
    except DeliveryError as error:
        code = EXIT_UNREACHABLE if isinstance(error.cause, Unavailable) else EXIT_DIFFERS
        return code, failure_message(
            error.cause.reason, error.cause.message, name=error.name, path=error.path
        )
    except InvalidInput as error:
        return EXIT_DIFFERS, failure_message(error.reason, error.message)
    except OSError as error:
        said = (
            f"the volume of the inputs cannot be written: {error.strerror}; enlarge it, or let the"
            " fetcher own it"
        )
        return EXIT_VOLUME, failure_message(VOLUME_FAILED, said)


def _declared(environment: Mapping[str, str]) -> tuple[FetchSettings, DeliveryPlan]:
    """Return settings and plan.

    Raises:
        InvalidInput: `PlanInvalid`.
    """
    try:
        settings = FetchSettings.model_validate(
            {name: value for name, value in environment.items() if name.startswith("GLOVEBOX_")}
        )
        return settings, parse_plan(settings.plan.read_bytes())
    except ValidationError as error:
        wrong = ", ".join(str(each["loc"][0]) for each in error.errors(include_input=False))
        raise InvalidInput(PLAN_INVALID, f"the value of {wrong} is not allowed") from None
    except OSError as error:
        raise InvalidInput(
            PLAN_INVALID, f"the plan of the inputs cannot be read: {error}"
        ) from error


def _deliver(plan: DeliveryPlan, settings: FetchSettings, stop: Stop) -> tuple[Delivered, ...]:
    volume = Volume(settings.inputs)
    # A mounted dataset gets a folder as well: the place where the run's container mounts it.
    volume.prepare(each.name for each in (*plan.features, *plan.datasets, *plan.mounted))
    pools = Pools(control=1, jobs=1, reads=settings.parallel)
    try:
        origins = {
            each.name: Origin(each, settings.credentials / f"{each.name}.credentials", pools)
            for each in plan.stores
        }
        delivery = Delivery(
            origins, volume, Patience(settings.deadline_seconds, time.monotonic, stop), stop
        )
        done = []
        checked = (
            check_mounted(each, settings.mounted / each.name, settings.parallel, stop)
            for each in plan.mounted
        )
        for delivered in chain(checked, deliver(plan, delivery)):
            _say(_line(delivered))
            done.append(delivered)
    finally:
        stop.set()
        pools.close()
    volume.finish({each.name: each.proof() for each in done})
    return tuple(done)


def _line(delivered: Delivered) -> bytes:
    speed = round(delivered.bytes / delivered.seconds) if delivered.seconds else 0
    return orjson.dumps(
        {"event": "delivered", "bytesPerSecond": speed, **delivered.model_dump(by_alias=True)}
    )


def _say(line: bytes) -> None:
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
