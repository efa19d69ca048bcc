"""What a pin asks of those who use its content, in its own namespace and wherever it is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from glovebox.api.base import Model
from glovebox.api.experiment_inputs import Role
from glovebox.api.scalars import DeclaredTime
from glovebox.api.schema import list_set

if TYPE_CHECKING:
    from datetime import datetime


class PinUse(Model):
    """When a use of the content takes an AccessGrant of the pin's namespace, at home as well."""

    grant_for: tuple[Role, ...] = Field(
        default=(),
        max_length=5,
        json_schema_extra=list_set(),
        description=(
            "Roles in which each use takes a grant: `[holdout]`, or all of them for a historical"
            " slice that is not to be used twice. When empty: none."
        ),
    )
    embargo_until_time: DeclaredTime | None = Field(
        default=None,
        description="Until when a use takes a grant in every role. When absent: no embargo.",
    )

    def demands_grant(self, role: str, now: datetime) -> bool:
        """Whether a use in this role takes a grant at that time."""
        embargo = self.embargo_until_time
        return role in self.grant_for or (embargo is not None and now < embargo)
