"""A use of a grant is taken of a grant that is in force at that moment."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from glovebox.api.input_status import MAX_GRANTS, InputGrant, InputStatus
from glovebox.controllers.experiment import uses
from glovebox.controllers.experiment.resolve import Resolved
from glovebox.controllers.experiment.scope import Outcomes
from glovebox.errors import Refused
from glovebox.status.outcome import done

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_no_use_is_taken_of_a_grant_that_was_withdrawn_a_moment_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Uses are never given back, and the watch may not have told of it yet."""
    asked: list[str] = []

    async def require_live(_: Any, grant: InputGrant, now: datetime) -> None:
        assert now == NOW
        asked.append(grant.grant_ref)
        raise Refused("GrantRevoked", "withdrawn")

    async def open_records(*_: Any) -> Any:
        asked.append("the store")

    monkeypatch.setattr(uses, "require_live", require_live)
    monkeypatch.setattr(uses, "open_records", open_records)
    grant = InputGrant(
        grant_ref="lender/g",
        uid="u",
        digest="sha256:1",
        content_root="sha256:2",
        store_ref="primary",
        uses=1,
        expire_time=NOW,
    )
    entry = InputStatus(name="train", kind="DatasetPin", pin_ref="p", uid="u", digest="sha256:2")
    experiment = SimpleNamespace(namespace="team", name="exp", uid="u")
    scope: Any = SimpleNamespace(ports=SimpleNamespace(now=lambda: NOW), experiment=experiment)
    with pytest.raises(Refused, match="withdrawn"):
        await uses._take(scope, entry, grant, "sha256:3")
    assert asked == ["lender/g"]


async def test_no_use_is_taken_where_more_are_needed_than_are_counted_for_one_experiment() -> None:
    """Uses are never given back: not one is taken of what is refused in the end."""
    grants = tuple(
        InputGrant(
            grant_ref=f"lender/g{number}",
            uid="u",
            digest="sha256:1",
            content_root="sha256:2",
            store_ref="primary",
            uses=1,
            expire_time=NOW,
        )
        for number in range(MAX_GRANTS + 1)
    )
    entries = tuple(
        InputStatus(name=name, kind="DatasetPin", pin_ref="p", uid="u", digest="d", grants=some)
        for name, some in (("train", grants[:MAX_GRANTS]), ("test", grants[MAX_GRANTS:]))
    )
    resolved = object.__new__(Resolved)
    object.__setattr__(resolved, "bound", entries)
    scope: Any = SimpleNamespace(is_bound=False)
    outcomes = Outcomes(resolve=done(resolved))
    with pytest.raises(Refused, match=f"take {MAX_GRANTS + 1} uses .* at most {MAX_GRANTS}"):
        await uses.take_uses(scope, outcomes)
