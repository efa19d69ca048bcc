"""The window of time in which a pin may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.scalars import DeclaredTime
from glovebox.api.schema import rule, rules

if TYPE_CHECKING:
    from datetime import datetime


class Validity(Model):
    """When a pin may be used by new Experiments."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.notBeforeTime) || !has(self.notAfterTime) || self.notBeforeTime <"
                " self.notAfterTime",
                "`notAfterTime` must be later than `notBeforeTime`",
                field_path=".notAfterTime",
            )
        )
    )

    not_before_time: DeclaredTime | None = Field(
        default=None, description="From when on the pin may be used. When absent: immediately."
    )
    not_after_time: DeclaredTime | None = Field(
        default=None, description="Until when the pin may be used. When absent: without end."
    )

    def is_early(self, now: datetime) -> bool:
        """Whether the window has not begun at that time."""
        return self.not_before_time is not None and now < self.not_before_time

    def is_over(self, now: datetime) -> bool:
        """Whether the window has ended at that time."""
        return self.not_after_time is not None and now >= self.not_after_time
