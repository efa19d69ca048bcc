"""The demonstration from top to bottom: read this first."""

from __future__ import annotations

from glovebox_local.demo import declaring, preparing, refusing, repairing, running, showing
from glovebox_local.demo.declaring import EXAMPLE
from glovebox_local.demo.stage import EXPERIMENT, EXPERIMENTS, Chapter, DemoStep
from glovebox_local.demo.stories import Story
from glovebox_local.demo.stories.script import STORIES


def _wait_title(resource: str, name: str, condition: str = "Ready") -> str:
    return f"kubectl wait --for=condition={condition} {resource.partition('.')[0]} {name}"


# From an empty cluster to an Experiment that is Ready; no node is needed.
PREPARATION = (
    Chapter(
        "The operator and the data",
        (
            DemoStep("helm upgrade --install glovebox", preparing.install_chart),
            DemoStep("Starting the operator", preparing.start_operator),
            DemoStep("Creating the store credentials Secret", preparing.hand_over_keys),
            DemoStep("Loading the flights of 2013", preparing.load_data),
            DemoStep("Waiting for the guards to act", preparing.wait_for_guards),
        ),
    ),
    Chapter(
        "The declaration",
        (
            DemoStep(f"kubectl apply -f {EXAMPLE}", declaring.apply_example),
            *(
                DemoStep(
                    _wait_title(resource, name),
                    declaring.wait_for(resource, name, namespace=namespace),
                )
                for resource, name, namespace in declaring.WAITS
            ),
        ),
    ),
)
_RUN = Chapter(
    "The run",
    (
        DemoStep(_wait_title(EXPERIMENTS, EXPERIMENT, "Isolated"), running.wait_for_proof),
        DemoStep(_wait_title(EXPERIMENTS, EXPERIMENT, "Succeeded"), running.wait_for_run),
        DemoStep("The log of the run", running.show_log),
        DemoStep(_wait_title(EXPERIMENTS, EXPERIMENT, "Sealed"), running.wait_for_seal),
        DemoStep("glovebox verify", running.verify),
    ),
)
_RESULTS = (
    Chapter(
        "Results",
        (
            DemoStep("Pins", showing.show_pins),
            DemoStep("Experiment", showing.show_experiment),
            DemoStep("Its namespace", showing.show_namespace),
            DemoStep("The operator's own figures", showing.show_metrics),
        ),
    ),
    Chapter(
        "What is refused, and how it reads",
        (
            DemoStep("Widening a pin", refusing.refused_by_the_api_server("mutable-pin.yaml")),
            DemoStep("An image by its tag", refusing.refused_by_the_api_server("tag-image.yaml")),
            DemoStep(
                "One pin to train and to test on",
                refusing.refused_by_the_api_server("one-pin-in-two-roles.yaml"),
            ),
            DemoStep("More CPUs than the profile offers", refusing.refused_by_the_operator),
        ),
    ),
    Chapter(
        "A network policy is deleted",
        (
            DemoStep("A cluster admin deletes a NetworkPolicy", repairing.refuse_deletion),
            DemoStep("The admin breaks the glass and deletes it", repairing.break_and_repair),
        ),
    ),
)


def chapters(*, run: bool, story: Story | None = None) -> tuple[Chapter, ...]:
    """Return what is played, in its order.

    Args:
        run: With the run, which needs a node.
        story: What is told instead, once an Experiment is Ready.
    """
    if story:
        return (*PREPARATION, *STORIES[story])
    return (*PREPARATION, *((_RUN,) if run else ()), *_RESULTS)
