"""CredentialsFresh of an Experiment: its session, and what is copied for its pods."""

from __future__ import annotations

from datetime import datetime

from glovebox import names
from glovebox.api import conditions as types
from glovebox.api import reasons
from glovebox.api.conditions import Answer
from glovebox.status.broken_inputs import broken_of
from glovebox.status.builder import StatusBuilder
from glovebox.status.experiment_facts import (
    CredentialsFacts,
    Finding,
    PullSecretFacts,
)
from glovebox.status.experiment_seen import (
    Seen,
    is_held_back,
    is_unanswered,
    state_of,
)
from glovebox.status.outcome import Verdict
from glovebox.status.text import format_end, format_time


def mark_credentials(builder: StatusBuilder, seen: Seen) -> None:
    """Say whether the session is fresh, and record until when it and those before it are valid."""
    outcome, facts = seen.outcome("credentials"), seen.facts("credentials", CredentialsFacts)
    if outcome.is_done and facts is not None:
        artifacts = {"uri": facts.uri, "storeRef": facts.store}
        if facts.expire_time is not None:
            artifacts["credentialsExpireTime"] = format_time(facts.expire_time)
        # A session that was issued is valid until its end, whatever became of its Secret.
        ends = (seen.previous.get("artifacts") or {}).get("sessionsEndTime", "")
        if facts.expire_time is not None:
            ends = max(ends, format_end(facts.expire_time))
        if ends:
            artifacts["sessionsEndTime"] = ends
        builder.set(artifacts=artifacts)
        found = _credentials(facts, seen)
        builder.mark(types.CREDENTIALS_FRESH, found.answer, found.reason, found.message)
        return
    recorded = (seen.previous.get("artifacts") or {}).get("credentialsExpireTime")
    if recorded and datetime.fromisoformat(recorded) <= seen.now:
        # That they are over is a fact, whatever keeps them from being renewed.
        message = f"they expired at {recorded}: {outcome.message}"
        builder.mark_false(types.CREDENTIALS_FRESH, outcome.reason, message)
        return
    if outcome.verdict is Verdict.SKIPPED or is_held_back(seen, outcome):
        return
    answer: Answer = types.UNKNOWN if is_unanswered(seen, outcome) else types.FALSE
    builder.mark(types.CREDENTIALS_FRESH, answer, outcome.reason, outcome.message)


def _credentials(facts: CredentialsFacts, seen: Seen) -> Finding:
    if facts.problem:
        return Finding(types.TRUE, reasons.CREDENTIALS_ISSUED, facts.problem)
    if facts.expire_time is not None:
        message = f"for `{facts.uri}` alone, renewed before they expire"
        return Finding(types.TRUE, reasons.CREDENTIALS_ISSUED, message)
    if state_of(seen) == names.STATE_SEALED:
        # What is closed for good needs none: that is as it should be.
        message = "the experiment is closed: its credentials were taken away"
        return Finding(types.TRUE, reasons.SEALED, message)
    why = "an input is broken" if broken_of(seen.previous) else "`spec.lifecycle.desired` is Frozen"
    message = f"{why}: no credentials are issued"
    return Finding(types.FALSE, reasons.FROZEN, message)


def mark_copies(builder: StatusBuilder, seen: Seen) -> None:
    """Say of CredentialsFresh what of the copied Secrets is lacking, or may be so one day.

    They are what images are pulled with, and what stages are given.
    """
    for phase in ("pull_secret", "stage_secrets"):
        _mark_copy(builder, seen, phase)


def _mark_copy(builder: StatusBuilder, seen: Seen, phase: str) -> None:
    outcome, facts = seen.outcome(phase), seen.facts(phase, PullSecretFacts)
    answer, reason, message = builder.current(types.CREDENTIALS_FRESH)
    if outcome.is_done:
        if facts is not None and answer == types.TRUE:
            builder.mark_true(types.CREDENTIALS_FRESH, reason, f"{message}; {facts.problem}")
        return
    if outcome.verdict is Verdict.SKIPPED or is_held_back(seen, outcome):
        return
    lacking: Answer = types.UNKNOWN if is_unanswered(seen, outcome) else types.FALSE
    builder.mark(types.CREDENTIALS_FRESH, lacking, outcome.reason, outcome.message)
