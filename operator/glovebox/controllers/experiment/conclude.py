"""Phase `conclude`: what a person concludes from sealed results is signed, once.

Who says so was compared with who wrote it by the API server. The statement is about the seal by its
digest, and nothing of the seal changes.
"""

from __future__ import annotations

from glovebox.api import reasons
from glovebox.controllers.experiment.scope import Outcomes, Scope
from glovebox.controllers.last_listings import SealedExperiment, seal_place
from glovebox.errors import Refused
from glovebox.status.experiment_facts import ConclusionFacts
from glovebox.status.outcome import Outcome, done, waiting
from glovebox.tasks.after_seal import sign_conclusion


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
        return done()
    if status.seal is None:
        return waiting(reasons.NOT_SEALED, "a conclusion is signed when the results are sealed")
    sealed = SealedExperiment.of(experiment)
    place = await seal_place(scope.ports, sealed)
    async with scope.ports.metrics.on_store("conclusion"):
        made = await sign_conclusion(place, said.verdict, said.text, said.by, now=scope.ports.now)
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
