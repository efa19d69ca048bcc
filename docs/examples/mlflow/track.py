"""Reports a run to MLflow: its identity as tags, its parameters, figures, and where its model is.

Nothing but MLflow's client is needed. The model itself is written to the experiment's own prefix,
as ever, and no artifact is given to the tracking server.
"""

import os
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

PREFIX = "GLOVEBOX_PARAM_"
MODEL = "flight-delay"


def main() -> None:
    """Train in no time, and report it."""
    experiment = os.environ["GLOVEBOX_EXPERIMENT"]
    results = os.environ["GLOVEBOX_ARTIFACTS_URI"]
    # Beside the snapshot: what `status.digest` of the Experiment says.
    digest = Path(os.environ["GLOVEBOX_SNAPSHOT"]).with_name("digest").read_text().strip()
    mlflow.set_experiment(experiment.partition("/")[0])
    tags = {
        "glovebox.dev/experiment": experiment,
        "glovebox.dev/digest": digest,
        "glovebox.dev/artifacts": results,
    }
    with mlflow.start_run(run_name=experiment, tags=tags) as run:
        mlflow.log_params(
            {
                name.removeprefix(PREFIX).lower(): value
                for name, value in os.environ.items()
                if name.startswith(PREFIX)
            }
        )
        for step in range(3):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
    client = mlflow.MlflowClient()
    try:
        client.create_registered_model(MODEL)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        MODEL, source=f"{results}model", run_id=run.info.run_id, tags=tags
    )
    print(f"{MODEL} version {version.version}")


if __name__ == "__main__":
    main()
