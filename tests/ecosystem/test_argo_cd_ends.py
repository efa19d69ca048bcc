"""What Argo CD makes of ends: prune, replace, force, and the deletion of the Application."""

from __future__ import annotations

from typing import Any

import pytest

from support.argo_application import Application
from support.argo_controller import ArgoCd
from support.gitops import FIRST, expect_gone, experiment, pin
from support.operator_process import Team
from support.waiting import eventually

pytestmark = pytest.mark.timeout(600)
NAMES = (("DatasetPin", "train"), ("Experiment", "user"))
CONFIRMED = {"argocd.argoproj.io/sync-options": "Prune=confirm,Delete=confirm"}


@pytest.mark.parametrize("meta", [pytest.param(FIRST, id="waves"), pytest.param({}, id="no waves")])
def test_a_pin_in_use_that_left_git_goes_with_its_last_user_and_a_sync_in_waves_waits_for_it(
    team: Team, application: Application, bucket: str, meta: dict[str, Any]
) -> None:
    older, user = pin(team, "older", bucket, meta=meta), experiment(team, "user", "older")
    application.commit(older, user)
    application.expect("Healthy")
    more = {"prefix": {"bucket": bucket, "prefix": "more/"}}
    newer = pin(team, "newer", bucket, meta=meta, source=more, supersedes={"name": "older"})
    following = experiment(team, "next", "newer")
    application.commit(older, user, newer, following)
    application.expect("Healthy")

    application.commit(user, newer, following)
    held = team.expect("DatasetPin", "older", status="False", reason="InUse")
    assert held["metadata"]["deletionTimestamp"]
    assert "user" in team.condition("DatasetPin", "older", "Ready")["message"]
    team.expect("Experiment", "user")
    said = application.expect_healths(older="Progressing", user="Healthy")
    assert said["older"] == "Pending deletion"

    if meta:
        # The commit that takes the user out of Git waits behind that sync, until it is terminated.
        waiting = "waiting for deletion of glovebox.dev/DatasetPin/older"
        application.expect_operation("Running", waiting)
        application.commit(newer, following)
        assert "deletionTimestamp" not in team.expect("Experiment", "user")["metadata"]
        application.terminate()
    else:
        application.expect_operation("Succeeded")
        application.commit(newer, following)
    expect_gone(team, "Experiment", "user", timeout=60)
    expect_gone(team, "DatasetPin", "older", timeout=60)
    application.expect("Healthy")
    team.expect("Experiment", "next")

    # Both in one commit.
    application.commit()
    expect_gone(team, "Experiment", "next", timeout=60)
    expect_gone(team, "DatasetPin", "newer", timeout=60)
    application.expect("Healthy")


def test_prune_and_deletion_wait_for_whoever_confirms(
    team: Team, argo_cd: ArgoCd, application: Application, bucket: str
) -> None:
    user = experiment(team, "user", meta={"annotations": CONFIRMED})
    kept = pin(team, "train", bucket, meta={"annotations": CONFIRMED | FIRST["annotations"]})
    application.commit(kept, user)
    application.expect("Healthy")
    application.commit(kept)
    asked = "waiting for pruning confirmation of glovebox.dev/Experiment/user"
    application.expect_operation("Running", asked)
    assert "deletionTimestamp" not in team.expect("Experiment", "user")["metadata"]
    application.approve()
    expect_gone(team, "Experiment", "user")
    application.expect("Healthy")

    application.delete()
    eventually(
        lambda: "requires manual confirmation to delete" in argo_cd.log or None,
        what="Argo CD asks for a confirmation",
    )
    assert "deletionTimestamp" not in team.expect("DatasetPin", "train")["metadata"]
    application.approve()
    expect_gone(team, "DatasetPin", "train")
    application.expect_gone()


def test_replace_is_refused_and_force_deletes_and_leaves_the_rest_to_the_next_sync(
    team: Team, argo_cd: ArgoCd, bucket: str
) -> None:
    application = argo_cd.application(team.name, syncPolicy={"syncOptions": []})
    train = pin(team, "train", bucket)
    application.commit(train, experiment(team, "user", "train"))
    application.expect(sync="OutOfSync")
    application.sync()
    application.expect("Healthy")
    before = {name: team.read(kind, name) for kind, name in NAMES}
    application.sync("Replace=true")
    said = application.expect_operation("Failed", "or apply instead of replacing")
    assert "may take off the finalizer 'glovebox.dev/finalizer'" in said
    assert "may take off the finalizer 'glovebox.dev/in-use'" in said
    for kind, name in NAMES:
        after = team.expect(kind, name)["metadata"]
        assert after["uid"] == before[name]["metadata"]["uid"]
        assert after["finalizers"] == before[name]["metadata"]["finalizers"]

    application.commit(train, experiment(team, "user", "train", config={"seeds": {"python": 8}}))
    application.sync(force=True)
    application.expect_operation("Failed", "context deadline exceeded")
    expect_gone(team, "Experiment", "user", timeout=60)
    application.sync()
    application.expect("Healthy")
    again = team.expect("Experiment", "user")
    assert again["metadata"]["uid"] != before["user"]["metadata"]["uid"]
    assert again["status"]["digest"] != before["user"]["status"]["digest"]

    # A pin in use is condemned, and stays as it is for its user.
    other = pin(team, "train", bucket, owner="somebody else")
    application.commit(other, experiment(team, "user", "train", config={"seeds": {"python": 8}}))
    application.sync(force=True)
    application.expect_operation("Failed", "context deadline exceeded")
    held = team.expect("DatasetPin", "train", status="False", reason="InUse")
    assert held["metadata"]["uid"] == before["train"]["metadata"]["uid"]
    assert held["spec"] == before["train"]["spec"]
    assert team.expect("Experiment", "user")["status"]["inputs"] == again["status"]["inputs"]


def test_deleting_the_application_deletes_all_in_whatever_order(
    team: Team, application: Application, bucket: str
) -> None:
    user = experiment(team, "user", "train")
    application.commit(pin(team, "train", bucket, meta=FIRST), user)
    application.expect("Healthy")
    namespace = team.read("Experiment", "user")["status"]["namespace"]
    application.delete()
    expect_gone(team, "Experiment", "user", timeout=60)
    expect_gone(team, "DatasetPin", "train", timeout=60)
    application.expect_gone()
    assert team.api.find(f"/api/v1/namespaces/{namespace}") is None
