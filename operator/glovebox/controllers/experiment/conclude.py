"""Phase `conclude`: what a person concludes from sealed results is signed, once.

Who says so was compared with who wrote it by the API server. The statement is about the seal by its
digest, and nothing of the seal changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from glovebox.api import reasons
from glovebox.api.experiment import Conclusion
from glovebox.controllers.experiment.overdue import CONCLUSION, clear_late, note_late
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.last_listings import SealedExperiment, seal_place
from glovebox.desired.writers import writer_of
from glovebox.errors import Conflict, GloveboxError, Refused
from glovebox.status.experiment_facts import ConclusionFacts
from glovebox.status.outcome import Outcome, done, waiting
from glovebox.tasks.after_seal import ConclusionResult, sign_conclusion


async def ensure_conclusion(scope: Scope, outcomes: Outcomes) -> Outcome:
    """Sign what `spec.conclusion` says, unless it is signed.

    Raises:
        Refused: `ConclusionDiffers`: beside the seal that was taken over lies another one.
        GloveboxError: The store or the signing key failed; the next look tries again.
    """
    del outcomes
    experiment, status = scope.experiment, scope.experiment.status
    said = experiment.spec.conclusion
    if said is None or status.conclusion is not None:
        clear_late(scope.ports, scope.key, CONCLUSION)
        return done()
    if status.seal is None:
        return waiting(reasons.NOT_SEALED, "a conclusion is signed when the results are sealed")
    try:
        made = await _signed(scope, said)
    except Conflict:
        raise
    except GloveboxError as error:
        note_late(scope.ports, scope.key, CONCLUSION, error, since=written_time(scope.obj))
        raise
    clear_late(scope.ports, scope.key, CONCLUSION)
    if (made.verdict, made.text) != (said.verdict, said.text):
        raise Refused(
            reasons.CONCLUSION_DIFFERS,
            f"beside the seal is a conclusion that was signed at {made.signed} with the verdict"
            f" {made.verdict}, and `spec.conclusion` says another one: what was signed counts",
        )
    return done(
        ConclusionFacts(
            {
                "attestationVersion": made.attestation_version,
                "keyId": made.key_id,
                "signedTime": made.signed,
            }
        )
    )


def written_time(obj: Mapping[str, Any]) -> datetime | None:
    """Return when somebody wrote the conclusion of an Experiment, as the API server recorded it."""
    writer = writer_of(obj, "spec.conclusion")
    if writer is None or writer.time is None:
        return None
    return datetime.fromisoformat(writer.time)


async def _signed(scope: Scope, said: Conclusion) -> ConclusionResult:
    place = await seal_place(scope.ports, SealedExperiment.of(scope.experiment))
    async with scope.ports.metrics.on_store("conclusion"):
        return await sign_conclusion(place, said.verdict, said.text, said.by, now=scope.ports.now)
