"""No session is in what is kept of a run, however it got there: the edge cases of a log."""

from __future__ import annotations

from typing import Any

from glovebox.controllers.experiment.attempts import LOG_BYTES
from glovebox.kube.kinds import POD
from simulation.stage import Stage, play
from simulation.test_ends import MINUTE, ends_after, running, statements
from simulation.test_evidence import logs_of, secret_key
from simulation.test_seal_order import wants

Json = dict[str, Any]


async def stopped(stage: Stage) -> bytes:
    """Have the run stopped and sealed, and return the log that was kept of it."""
    wants(stage, "Sealed")
    await stage.until("it is sealed", lambda: stage.status().get("seal"), 10 * MINUTE)
    ((_, body),) = logs_of(stage, *statements(stage))
    return body


def prints(stage: Stage, text: str) -> None:
    stage.world.server.log = lambda asked: text  # type: ignore[method-assign]  # noqa: ARG005


def test_a_secret_whose_name_is_in_front_of_what_is_kept_of_a_log_is_found() -> None:
    async def scene(stage: Stage) -> None:
        await running(stage)
        # The last bytes, of which alone something is kept, begin in the midst of the name.
        rest = LOG_BYTES - len("word=correct-horse\n")
        prints(
            stage, "password=correct-horse\n" + ("." * 63 + "\n") * (rest // 64) + "." * (rest % 64)
        )
        body = await stopped(stage)
        assert len(body) > LOG_BYTES // 2
        assert b"correct-horse" not in body

    play(scene)


def test_a_session_that_goes_with_the_closing_is_known_to_a_log_that_is_read_after_it() -> None:
    """Also to a process that has just begun, and has seen no session yet."""

    async def scene(stage: Stage) -> None:
        key = secret_key(stage, await running(stage))
        await stage.process.kill()
        prints(stage, f"begins\nsigned with {key}\n")
        stage.process.start()
        body = await stopped(stage)
        assert body == b"begins\nsigned with [redacted]\n"

    play(scene)


def test_the_last_words_of_a_run_show_no_session() -> None:
    async def scene(stage: Stage) -> None:
        ends_after(stage, MINUTE, succeeds=False)
        stage.declare()
        namespace = await stage.provisioned()
        key = secret_key(stage, namespace)

        def see(change: Any) -> None:
            status = (change.new or {}).get("status") or {}
            for entry in status.get("containerStatuses") or ():
                ended = (entry.get("state") or {}).get("terminated")
                if change.served.kind == POD and ended and entry["name"] == "run":
                    ended["message"] = f"denied to {key}"

        stage.world.server.on_change.append(see)
        await stage.until(
            "it ended", lambda: (stage.status().get("run") or {}).get("outcome"), 10 * MINUTE
        )
        message = stage.status()["run"]["message"]
        assert "denied to [redacted]" in message
        assert "secret of" not in message, "which no shape tells"

    play(scene)
