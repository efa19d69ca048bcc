"""What Argo CD makes of our objects, and our operator of Argo CD: all for real."""

from __future__ import annotations

from typing import Any

import pytest

from support.argo_application import Application
from support.argo_controller import ArgoCd
from support.cluster import Cluster
from support.gitops import FIRST, RUN, expect_gone, expect_untracked, experiment, pin, versions
from support.kubelet import end_pod, run_pod
from support.operator_process import GLOVEBOX, IMAGE, Operator, Team, profile_spec, quiet

pytestmark = pytest.mark.timeout(600)


def test_pins_and_experiments_are_synced_in_waves_until_healthy_and_then_nothing_is_written(
    operator: Operator, team: Team, application: Application, bucket: str
) -> None:
    application.commit(pin(team, "train", bucket, meta=FIRST), experiment(team, "user", "train"))
    application.expect("Healthy")
    application.expect_operation("Succeeded")
    bound = team.expect("Experiment", "user")
    assert [each["name"] for each in bound["status"]["inputs"]] == ["train"]

    quiet(operator)
    before = versions(team)
    for _ in range(3):
        application.refresh()
        application.expect("Healthy")
    quiet(operator)
    assert versions(team) == before


def test_children_carry_nothing_by_which_argo_cd_tracks(
    cluster: Cluster, team: Team, application: Application
) -> None:
    application.commit(experiment(team, "tracked", run=RUN))
    application.expect("Healthy")
    made = team.read("Experiment", "tracked")
    tracked = f"{team.name}:glovebox.dev/Experiment:{team.name}/tracked"
    assert made["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] == tracked
    run_pod(team.api, made["status"]["namespace"])
    expect_untracked(cluster, made["status"]["namespace"])


def test_the_health_of_each_state_until_git_puts_it_right(
    team: Team, application: Application, bucket: str
) -> None:
    stranger = [{"name": "trainer", "reference": IMAGE.replace("trainer@", "stranger@")}]
    plain = experiment(team, "plain", run=RUN), experiment(team, "unlucky", run=RUN)
    application.commit(
        *plain,
        experiment(team, "waits", "train"),
        experiment(team, "refused", images=stranger),
        experiment(team, "later", suspend=True),
        experiment(team, "iced", lifecycle={"desired": "Frozen"}),
    )
    healths = {
        "plain": "Healthy",
        "unlucky": "Healthy",
        "waits": "Progressing",
        "refused": "Degraded",
        "later": "Suspended",
        "iced": "Suspended",
    }
    application.expect_healths(**healths)
    team.expect("Experiment", "waits", status="False", reason="PinNotFound")
    # A message that changes while the health stays is not looked at by itself.
    application.refresh()
    said = application.expect_healths(**healths)
    for name, message in said.items():
        assert message == team.condition("Experiment", name, "Ready")["message"], name
    application.expect("Degraded")

    ended = {"plain": 0, "unlucky": 1}
    for name, code in ended.items():
        namespace = team.read("Experiment", name)["status"]["namespace"]
        end_pod(team.api, run_pod(team.api, namespace), code)
    team.expect("Experiment", "plain", "Sealed", timeout=60)
    team.expect("Experiment", "unlucky", "Stalled", timeout=60)
    said = application.expect_healths(plain="Healthy", unlucky="Degraded")
    assert said["unlucky"] == team.condition("Experiment", "unlucky", "Stalled")["message"]

    application.commit(
        plain[0],
        pin(team, "train", bucket),
        experiment(team, "waits", "train"),
        experiment(team, "refused"),
        experiment(team, "later", suspend=False),
        experiment(team, "iced", lifecycle={"desired": "Active"}),
    )
    application.expect("Healthy")
    expect_gone(team, "Experiment", "unlucky")


def test_what_the_operator_did_not_see_is_progressing(
    operator: Operator, team: Team, application: Application
) -> None:
    operator.stop()
    try:
        application.commit(experiment(team, "unseen"))
        said = application.expect_healths(unseen="Progressing")
        assert said["unseen"] == "the operator has not seen this generation yet"
    finally:
        operator.start()
    application.expect("Healthy")


def test_a_wave_waits_for_its_pins_and_is_tried_again_after_one_was_refused(
    team: Team, application: Application
) -> None:
    bucket = team.bucket({"train/01.parquet": b"month 1"}, store="")
    user = experiment(team, "user", "train")
    application.commit(pin(team, "train", bucket, meta=FIRST), user)
    waiting = "waiting for healthy state of glovebox.dev/DatasetPin/train"
    application.expect_operation("Running", waiting)
    refused = "one or more synchronization tasks completed unsuccessfully"
    said = application.expect_operation("Running", refused, "Retrying attempt")
    stalled = team.condition("DatasetPin", "train", "Stalled")
    assert stalled["reason"] == "NotGranted"
    assert stalled["message"] in said
    assert team.api.find(team.path("Experiment", "user")) is None
    team.grant(bucket)
    application.expect("Healthy")
    team.expect("Experiment", "user")


def test_a_teams_repository_may_not_declare_profiles(
    cluster: Cluster, team: Team, application: Application
) -> None:
    metadata = {"name": team.name}
    profile = {"apiVersion": GLOVEBOX, "kind": "IsolationProfile", "metadata": metadata}
    application.commit({**profile, "spec": profile_spec()})
    refused = "resource glovebox.dev:IsolationProfile is not permitted in project"
    application.expect_operation("Running", "Retrying attempt", refused)
    assert cluster.api.find(team.path("IsolationProfile", team.name)) is None


def test_what_may_change_is_changed_and_what_may_not_is_refused_in_the_api_servers_words(
    team: Team, application: Application, bucket: str
) -> None:
    declared = pin(team, "train", bucket), experiment(team, "fixed", "train")
    application.commit(*declared)
    application.expect("Healthy")
    digest = team.read("Experiment", "fixed")["status"]["digest"]

    purpose = {"description": "seen once more", "owner": "tests"}
    renamed = declared[0], experiment(team, "fixed", "train", purpose=purpose)
    application.commit(*renamed)
    application.expect("Healthy")
    after = team.expect("Experiment", "fixed")
    assert after["spec"]["purpose"] == purpose
    assert after["status"]["digest"] == digest
    before = versions(team)

    frozen = experiment(team, "fixed", "train", purpose=purpose, config={"seeds": {"a": 8}})
    application.commit(declared[0], frozen)
    said = application.expect_operation("Running", "Retrying attempt", "the snapshot is taken")
    assert "Create a new Experiment with the changed value" in said
    application.expect("Healthy", "OutOfSync")

    application.commit(pin(team, "train", bucket, owner="somebody else"), renamed[1])
    application.expect_operation("Running", "Retrying attempt", "`spec.supersedes`")

    application.commit(*renamed)
    application.expect("Healthy")
    assert versions(team) == before


def test_server_side_diff_tells_a_refusal_before_the_sync(
    team: Team, argo_cd: ArgoCd, bucket: str
) -> None:
    # Not by itself: what is told must not come from a sync.
    application = argo_cd.application(team.name, syncPolicy={"syncOptions": []})
    declared = pin(team, "train", bucket)
    application.commit(declared)
    application.expect(sync="OutOfSync")
    application.sync("ServerSideApply=true")
    application.expect("Healthy")
    application.annotate(compare_options="ServerSideDiff=true")
    application.refresh()
    application.expect("Healthy")

    application.commit(pin(team, "train", bucket, owner="somebody else"))
    application.expect_condition("ComparisonError", "`spec.supersedes`")
    assert "owner" not in team.read("DatasetPin", "train")["spec"]


def test_an_edited_spec_is_put_right(team: Team, application: Application) -> None:
    application.commit(experiment(team, "edited"))
    application.expect("Healthy")
    before = team.read("Experiment", "edited")["spec"]
    team.api.patch(team.path("Experiment", "edited"), {"spec": {"purpose": {"owner": "mallory"}}})
    application.expect_healed(lambda: team.read("Experiment", "edited")["spec"] == before)
    application.expect("Healthy")


def test_actions_are_offered_and_run_and_stay_where_git_leaves_them_to_people(
    team: Team, argo_cd: ArgoCd
) -> None:
    pointers = ["/spec/suspend", "/spec/lifecycle/desired"]
    application = argo_cd.application(
        team.name,
        ignoreDifferences=[
            {"group": "glovebox.dev", "kind": "Experiment", "jsonPointers": pointers}
        ],
        syncPolicy={
            "automated": {"prune": True, "selfHeal": True},
            "syncOptions": ["RespectIgnoreDifferences=true"],
        },
    )
    declared: dict[str, Any] = {
        "suspend": False,
        "lifecycle": {"desired": "Active", "deletionPolicy": "Delete"},
    }
    application.commit(experiment(team, "acted", **declared))
    application.expect("Healthy")
    made = team.read("Experiment", "acted")
    assert argo_cd.actions(made) == {"suspend", "freeze"}

    sent = argo_cd.act("freeze", made)
    assert sent == {"spec": {"lifecycle": {"desired": "Frozen"}}}
    team.expect("Experiment", "acted", status="False", reason="Frozen")
    application.expect_healths(acted="Suspended")
    # A sync that has something to do leaves it as it is.
    purpose = {"description": "seen once more", "owner": "tests"}
    application.commit(experiment(team, "acted", purpose=purpose, **declared))
    application.expect("Suspended")
    frozen = team.expect("Experiment", "acted", status="False", reason="Frozen")
    assert frozen["spec"]["purpose"] == purpose
    assert argo_cd.actions(frozen) == {"suspend", "unfreeze"}

    argo_cd.act("unfreeze", frozen)
    application.expect("Healthy")
    assert argo_cd.act("suspend", team.read("Experiment", "acted")) == {"spec": {"suspend": True}}
    assert "resume" in argo_cd.actions(team.read("Experiment", "acted"))
    argo_cd.act("resume", team.read("Experiment", "acted"))
    application.expect("Healthy")


def test_an_action_is_undone_where_git_says_otherwise_and_stays_where_it_says_nothing(
    team: Team, argo_cd: ArgoCd, application: Application
) -> None:
    application.commit(experiment(team, "acted", suspend=False))
    application.expect("Healthy")
    argo_cd.act("freeze", team.read("Experiment", "acted"))
    application.expect("Suspended")
    argo_cd.act("suspend", team.read("Experiment", "acted"))
    application.expect_healed(lambda: team.read("Experiment", "acted")["spec"]["suspend"] is False)
    application.expect("Suspended")
    assert team.read("Experiment", "acted")["spec"]["lifecycle"]["desired"] == "Frozen"
