"""Which differences of a status are of words alone."""

from __future__ import annotations

from typing import Any

import pytest

from glovebox.status.words import differ_in_words_alone

SHOWN: dict[str, Any] = {
    "observedGeneration": 1,
    "conditions": [
        {
            "type": "Succeeded",
            "status": "Unknown",
            "reason": "RunPending",
            "message": "the Job has no pod yet",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
    "run": {"jobUid": "u"},
}
POD = {"name": "p", "uid": "p1", "phase": "Running", "containers": [{"name": "run"}]}
LOGGED = {"name": "run", "log": {"problem": "its node is gone"}}
ENDED = {"jobUid": "u", "completionTime": "2026-01-01T00:00:00Z", "attempts": 1}


def with_condition(**changes: Any) -> dict[str, Any]:
    return {**SHOWN, "conditions": [{**SHOWN["conditions"][0], **changes}]}


@pytest.mark.parametrize(
    ("after", "words_alone"),
    [
        pytest.param(SHOWN, False, id="nothing differs: nothing is to be written at all"),
        pytest.param(with_condition(message="no node takes the pod"), True, id="a message"),
        pytest.param(
            with_condition(reason="Unschedulable", message="no node takes the pod"),
            True,
            id="another reason why the run waits",
        ),
        pytest.param(
            {**with_condition(message="x"), "run": {"jobUid": "u", "attempts": 1}},
            True,
            id="the run's pod was counted",
        ),
        pytest.param(
            {**SHOWN, "run": {"jobUid": "u", "pods": [POD], "nodes": [{"name": "n"}]}},
            True,
            id="a pod got further",
        ),
        pytest.param(
            {**SHOWN, "run": {"jobUid": "u", "pods": [POD | {"containers": [LOGGED]}]}},
            False,
            id="a log was kept: its pod may go now",
        ),
        pytest.param(with_condition(status="True"), False, id="an answer"),
        pytest.param(with_condition(reason="Running", message="x"), False, id="a reason"),
        pytest.param(
            with_condition(observedGeneration=2, message="x"),
            False,
            id="the answer is for a newer spec: whoever changed it waits for it",
        ),
        pytest.param(
            {**SHOWN, "run": {"jobUid": "u", "stages": [{"name": "fit", "phase": "Running"}]}},
            False,
            id="a stage began",
        ),
        pytest.param({**SHOWN, "run": {"jobUid": "v"}}, False, id="another Job"),
        pytest.param({**SHOWN, "run": ENDED}, False, id="the run ended"),
        pytest.param({**SHOWN, "conditions": []}, False, id="a condition went"),
        pytest.param({**SHOWN, "digest": "sha256:0"}, False, id="a new field"),
    ],
)
def test_what_may_wait(after: dict[str, Any], *, words_alone: bool) -> None:
    assert differ_in_words_alone(SHOWN, after) is words_alone


def test_the_attempts_of_a_run_that_ended_are_part_of_how_it_ended() -> None:
    before = {**SHOWN, "run": ENDED}
    assert not differ_in_words_alone(before, {**before, "run": {**ENDED, "attempts": 2}})


def test_how_many_pods_a_stage_has_waits_as_the_run_s_pods_do() -> None:
    def staged(attempts: int) -> dict[str, object]:
        stage = {"name": "fit", "phase": "Running", "attempts": attempts}
        return {**SHOWN, "run": {"jobUid": "u", "stages": [stage]}}

    assert differ_in_words_alone(staged(1), staged(2))
