"""The stories from top to bottom: read this first."""

from __future__ import annotations

from glovebox_local.demo.stage import Chapter, DemoStep
from glovebox_local.demo.stories import (
    Story,
    cataloguing,
    checking,
    damaging,
    distributed,
    leaking,
    lending,
    moving,
    rotting,
    tracing,
    watching,
)

STORIES = {
    Story.DATA: (
        Chapter(
            "The leaked row",
            (
                DemoStep("Somebody copies a flight of October", leaking.leak),
                DemoStep("The Experiment that would train on it", leaking.refuse_row),
                DemoStep("All of October under another name", leaking.refuse_file),
                DemoStep("The same with a reason, sealed", leaking.seal_reason),
            ),
        ),
        Chapter(
            "The sealed holdout",
            (
                DemoStep("The Experiment that may look at it", lending.take_use),
                DemoStep("The next one", lending.refuse_second),
                DemoStep("glovebox access-review", lending.review),
            ),
        ),
        Chapter(
            "Bytes that will not stay",
            (
                DemoStep("Pinning four files", damaging.pin_files),
                DemoStep("Somebody meddles with them", damaging.meddle),
                DemoStep("Within a minute the pin says what happened", damaging.find),
                DemoStep("Deleting a pin that is in use", damaging.delete_in_use),
            ),
        ),
        Chapter(
            "The contract",
            (
                DemoStep("Three months are changed", checking.change),
                DemoStep("The pin that has a contract", checking.find),
                DemoStep("The Experiment that would train on it", checking.refuse),
            ),
        ),
        Chapter(
            "Bytes that nobody reads",
            (
                DemoStep("Pinning four files more", rotting.pin_files),
                DemoStep("A bit changes below the store", rotting.rot_one),
                DemoStep("The next sample finds it", rotting.find),
            ),
        ),
        Chapter(
            "The distribution",
            (
                DemoStep("August comes in kilometres", moving.change),
                DemoStep("The pin that is compared with the months before", moving.find),
                DemoStep("The Experiment that would train on it", moving.refuse),
                DemoStep("Features of a season that is over", moving.refuse_expired),
            ),
        ),
        Chapter(
            "Whose bytes are these?",
            (
                DemoStep("The months to train on, in another bucket", tracing.mirror),
                DemoStep("glovebox lineage", tracing.ask),
                DemoStep("A profile that demands a licence", tracing.refuse_unlicensed),
            ),
        ),
        Chapter(
            "The catalogue that was away",
            (
                DemoStep("Three Experiments end meanwhile", cataloguing.go_away),
                DemoStep("The catalogue is back", cataloguing.come_back),
            ),
        ),
    ),
    Story.RUNS: (
        Chapter(
            "JobSet",
            (DemoStep("Starting JobSet's controller", distributed.start_jobset),),
        ),
        Chapter(
            "Two workers, and data for the last stage alone",
            (
                DemoStep(f"kubectl apply -f {distributed.FOLDER}", distributed.declare),
                DemoStep("Asking the store for the holdout", distributed.ask_for_holdout),
                DemoStep("The workers meet", distributed.meet),
            ),
        ),
        Chapter(
            "One of them is killed",
            (
                DemoStep("The node kills its program", distributed.kill),
                DemoStep("It goes on from the last checkpoint", distributed.go_on),
            ),
        ),
        Chapter(
            "The holdout, and the seal",
            (
                DemoStep("The log of the stage evaluate", distributed.measure),
                DemoStep("glovebox verify", distributed.seal),
                DemoStep("What is known of test data in training", distributed.show_leakage),
            ),
        ),
    ),
    Story.SIGHT: (
        Chapter(
            "A Prometheus",
            (DemoStep("Starting Prometheus with the chart's rules", watching.start),),
        ),
        Chapter(
            "A store that is not there",
            (
                DemoStep(
                    "An ObjectStore at an address of nobody",
                    watching.fires(watching.STORE, "store.yaml"),
                ),
                DemoStep("It is deleted", watching.resolves(watching.STORE, "store.yaml")),
            ),
        ),
        Chapter(
            "Features from nowhere",
            (
                DemoStep(
                    "A FeatureSetPin of a pin that nobody declared",
                    watching.fires(watching.LINK, "features.yaml"),
                ),
                DemoStep("It is deleted", watching.resolves(watching.LINK, "features.yaml")),
            ),
        ),
        Chapter(
            "Isolation that cannot be repaired",
            (
                DemoStep(
                    "A policy of the platform, and a deletion under break-glass", watching.opens
                ),
                DemoStep(
                    "The policy is deleted", watching.resolves(watching.ISOLATION, "policy.yaml")
                ),
            ),
        ),
        Chapter(
            "The dashboards",
            (DemoStep("Asking what each panel asks", watching.show_dashboards),),
        ),
    ),
}
