"""`glovebox plan` and `glovebox render`: exit codes, and what acts on no terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from glovebox.api import reasons
from glovebox.cli import experiments
from glovebox.cli.main import app
from glovebox.cli.planning import read_objects
from glovebox.controllers.experiment.preview import assumed_ready
from glovebox.errors import InvalidInput, Refused, Unavailable
from support.examples import FLIGHTS, REFUSALS, documents, flights

Json = dict[str, Any]


class Cluster:
    """A cluster that takes what it is not told to refuse, and holds what it is given."""

    def __init__(self) -> None:
        self.objects = assumed_ready(
            each for each in documents(FLIGHTS) if each["kind"] not in {"Experiment", "Namespace"}
        )
        self.refuses: dict[str, Exception] = {}
        self.hidden: set[str] = set()

    def dry_run(self, obj: Json) -> Json:
        error = self.refuses.get(obj["metadata"]["name"])
        if error is not None:
            raise error
        metadata = {"uid": "u", "generation": 1, "resourceVersion": "1", **obj["metadata"]}
        return {**obj, "metadata": metadata}

    def listed(self, kind: str, namespace: str = "") -> list[Json]:
        if kind in self.hidden:
            raise Unavailable(reasons.REJECTED, "403")
        return [
            each
            for each in self.objects
            if each["kind"] == kind and each["metadata"].get("namespace", "") == namespace
        ]

    def namespace(self, name: str) -> Json:
        return {"metadata": {"name": name, "labels": {}}}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster()
    monkeypatch.setattr(experiments, "KubeconfigCluster", lambda: found)
    return found


def ask(tmp_path: Path, *objects: Json, options: tuple[str, ...] = ()) -> Result:
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    return CliRunner().invoke(app, ["plan", "-f", str(file), *options])


@pytest.mark.usefixtures("cluster")
def test_the_example_is_accepted_and_its_objects_are_shown(tmp_path: Path) -> None:
    told = ask(tmp_path, flights("Experiment"))
    assert told.exit_code == 0, told.output
    assert "Experiment/team-flights/delay-baseline would be accepted" in told.stdout
    for shown in ("digest sha256:", "glovebox-default-deny", "ResourceQuota", "train", "Ready"):
        assert shown in told.stdout


@pytest.mark.usefixtures("cluster")
def test_of_several_stages_it_is_told_that_the_cluster_has_to_have_jobset(tmp_path: Path) -> None:
    experiment = flights("Experiment")
    remark = "whether the cluster has JobSet is looked up by the operator"
    assert remark not in ask(tmp_path, experiment).stdout
    experiment["spec"]["stages"][0]["workers"] = 2
    told = ask(tmp_path, experiment, options=("-o", "json"))
    assert told.exit_code == 0, told.output
    (answer,) = json.loads(told.stdout)
    assert remark in answer["remarks"]


def test_who_may_not_read_grants_is_not_told_that_something_is_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.hidden = {"IsolationProfile"}
    told = ask(tmp_path, flights("Experiment"))
    assert told.exit_code == 3, told.output
    assert "may not be read with your rights: IsolationProfiles" in told.stdout


@pytest.mark.parametrize("is_open", [False, True], ids=["at once", "as if its pin were Ready"])
def test_what_was_not_read_may_be_what_a_refusal_misses(
    cluster: Cluster, tmp_path: Path, *, is_open: bool
) -> None:
    cluster.hidden = {"AccessGrant"}
    experiment, (pin, _) = borrowing(quota="640")
    if is_open:
        experiment["spec"]["inputs"]["datasets"][0]["pinRef"] = {"name": "lent"}
        pin["metadata"]["namespace"] = experiment["metadata"]["namespace"]
    cluster.objects.append(pin if is_open else assumed_ready([pin])[0])
    told = ask(tmp_path, experiment)
    assert told.exit_code == 3, told.output
    assert "may not be read with your rights: AccessGrants" in told.stdout


def test_a_refusal_of_the_api_server_is_harmless_on_a_terminal(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.refuses = {"delay-baseline": Refused("Invalid", "no \x1b[31mred")}
    told = ask(tmp_path, flights("Experiment"), options=("--no-color",))
    assert told.exit_code == 1
    assert "\x1b" not in told.stdout
    assert "no \\x1b[31mred" in told.stdout


def test_a_refusal_counts_more_than_what_waits(cluster: Cluster, tmp_path: Path) -> None:
    cluster.objects = [each for each in cluster.objects if each["kind"] != "DatasetPin"]
    assert ask(tmp_path, flights("Experiment")).exit_code == 3
    over = next(each for each in documents(REFUSALS) if each["metadata"]["name"] == "over-quota")
    told = ask(tmp_path, flights("Experiment"), over, options=("-o", "json"))
    assert told.exit_code == 1
    assert [each["verdict"] for each in json.loads(told.stdout)] == ["Waits", "Refused"]
    assert told.stdout.isascii()


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no object"),
        ("a: [", "is not YAML"),
        ("- 1", "without `apiVersion`"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: [x]}}", "without `apiVersion`"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: x}}", "no object of glovebox.dev"),
    ],
)
def test_a_file_that_holds_nothing_of_ours_is_said_in_a_line(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text, encoding="utf-8")
    told = CliRunner().invoke(app, ["plan", "-f", str(file)])
    assert told.exit_code == 2
    assert said in told.output
    assert "Traceback" not in told.output


def test_a_cluster_that_does_not_answer_says_nothing_about_a_file(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.refuses = {"delay-baseline": Unavailable(reasons.API_UNAVAILABLE, "no answer")}
    told = ask(tmp_path, flights("Experiment"))
    assert (told.exit_code, told.output) == (2, "no answer\n")


def test_files_are_rendered_without_a_cluster() -> None:
    files = [str(path) for path in sorted(FLIGHTS.glob("*.yaml"))]
    told = CliRunner().invoke(app, ["render", *files])
    assert told.exit_code == 0, told.output
    kinds = [each["kind"] for each in yaml.safe_load_all(told.stdout)]
    assert kinds[0] == "Namespace"
    assert {"NetworkPolicy", "ResourceQuota", "ConfigMap", "RoleBinding", "Job"} <= set(kinds)
    assert CliRunner().invoke(app, ["render", *files]).stdout == told.stdout


def test_what_is_not_in_the_files_is_named() -> None:
    told = CliRunner().invoke(app, ["render", str(FLIGHTS / "experiment.yaml")])
    assert told.exit_code == 3
    assert "there is no IsolationProfile 'standard'" in told.output
    files = [str(path) for path in (*FLIGHTS.glob("*.yaml"), REFUSALS / "over-quota.yaml")]
    assert CliRunner().invoke(app, ["render", *files]).exit_code == 1


DROP: Any = object()


def test_a_folder_is_taken_as_kubectl_takes_it(cluster: Cluster, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["render", str(FLIGHTS)])
    assert told.exit_code == 0, told.output
    files = [str(path) for path in sorted(FLIGHTS.glob("*.yaml"))]
    assert told.stdout == CliRunner().invoke(app, ["render", *files]).stdout
    cluster.objects = []
    planned = CliRunner().invoke(app, ["plan", "-f", str(FLIGHTS)])
    assert "Experiment/team-flights/delay-baseline" in planned.stdout
    (tmp_path / "readme.txt").write_text("no object")
    for command in (["render"], ["plan", "-f"]):
        empty = CliRunner().invoke(app, [*command, str(tmp_path)])
        assert empty.exit_code == 2
        assert "is a folder without a file of YAML or JSON" in empty.output


@pytest.mark.usefixtures("cluster")
def test_bytes_are_shown_in_a_unit_and_told_to_programs_as_they_are(tmp_path: Path) -> None:
    lines = [line.split() for line in ask(tmp_path, flights("Experiment")).stdout.splitlines()]
    assert ["limits.memory", "8512Mi"] in lines
    assert ["requests.storage", "20Gi"] in lines
    assert ["count/pods", "115"] in lines
    told = ask(tmp_path, flights("Experiment"), options=("-o", "json"))
    objects = json.loads(told.stdout)[0]["objects"]
    (quota,) = (each for each in objects if each["kind"] == "ResourceQuota")
    assert quota["spec"]["hard"]["limits.memory"] == str(8512 * 1024**2)


def teammate(cpu: str, **status: Any) -> Json:
    """Return a bound Experiment of the same team."""
    found = flights("Experiment")
    found["metadata"] |= {"name": "sweep-1"}
    return found | {"status": {"digest": "d", "teamBudget": {"requests.cpu": cpu}, **status}}


@pytest.mark.parametrize(
    ("maximum", "others", "code", "reason"),
    [
        pytest.param("4", [], 0, "", id="alone"),
        pytest.param("4", [teammate("1")], 0, "", id="both fit"),
        pytest.param("4", [teammate("3")], 3, "TeamBudgetExceeded", id="it waits for another"),
        pytest.param("4", [teammate("3", state="Sealed")], 0, "", id="the other was sealed"),
        pytest.param("1", [teammate("3")], 1, "TeamBudgetExceeded", id="more than the whole"),
        pytest.param("", [teammate("3")], 0, "", id="no budget"),
    ],
)
def test_the_room_that_others_leave_is_looked_at(
    cluster: Cluster, tmp_path: Path, maximum: str, others: list[Json], code: int, reason: str
) -> None:
    budget = [{"resource": "requests.cpu", "maximum": maximum}] if maximum else []
    for each in cluster.objects:
        if each["kind"] == "IsolationProfile":
            each["spec"] = {**each["spec"], "teamBudget": budget}
    cluster.objects += others
    told = ask(tmp_path, flights("Experiment"), options=("-o", "json"))
    assert told.exit_code == code, told.output
    (answer,) = json.loads(told.stdout)
    assert answer["reason"] == reason
    if code == 3:
        assert "with the 3 of sweep-1" in answer["message"]
    # What it would get is known all the same: it waits for room and for nothing else.
    assert (bool(answer["digest"]), bool(answer["objects"])) == (code != 1, code != 1)
    assert any("`teamBudget`" in each for each in answer["remarks"]) == (
        bool(maximum) and code != 1
    )


def test_who_may_not_list_experiments_is_told_that_the_room_is_not_known(
    cluster: Cluster, tmp_path: Path
) -> None:
    for each in cluster.objects:
        if each["kind"] == "IsolationProfile":
            budget = [{"resource": "requests.cpu", "maximum": "4"}]
            each["spec"] = {**each["spec"], "teamBudget": budget}
    cluster.hidden = {"Experiment"}
    told = ask(tmp_path, flights("Experiment"))
    assert told.exit_code == 0, told.output
    assert "whether `teamBudget` has room" in told.stdout


@pytest.mark.usefixtures("cluster")
def test_that_a_cluster_may_not_deliver_is_said_where_a_run_has_inputs(tmp_path: Path) -> None:
    experiment, remark = flights("Experiment"), "InputsDelivered says it"
    assert remark in ask(tmp_path, experiment).stdout
    experiment["spec"]["inputs"] = {}
    assert remark not in ask(tmp_path, experiment).stdout


def borrowing(*, quota: str = "2") -> tuple[Json, list[Json]]:
    """Return an Experiment that borrows its training data, and what it borrows them by."""
    objects = documents(FLIGHTS)
    train = next(each for each in objects if each["metadata"]["name"] == "flights-2013-train")
    pin = {**train, "metadata": {"name": "lent", "namespace": "data"}}
    grant = next(each for each in objects if each["kind"] == "AccessGrant")
    spec = {**grant["spec"], "pinRef": {"name": "lent"}, "roles": ["train"]}
    grant = {**grant, "metadata": {"name": "for-flights", "namespace": "data"}, "spec": spec}
    experiment = flights("Experiment")
    datasets = [{"name": "train", "pinRef": {"name": "lent", "namespace": "data"}, "role": "train"}]
    experiment["spec"]["inputs"] = {"datasets": datasets}
    experiment["spec"]["resources"]["quota"]["requests.cpu"] = quota
    return experiment, [pin, grant]


REAL, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


@pytest.mark.parametrize(
    ("pin_digest", "granted", "quota", "code", "reason"),
    [
        pytest.param("", None, "2", 3, "NotGranted", id="nobody looked at either"),
        pytest.param("", REAL, "2", 3, "NotGranted", id="a grant for what the pin turns out to be"),
        pytest.param(REAL, None, "2", 3, "NotGranted", id="nobody looked at the grant"),
        pytest.param(REAL, OTHER, "2", 1, "NotGranted", id="granted is something else"),
        pytest.param(REAL, REAL, "2", 0, "", id="granted"),
        pytest.param("", None, "640", 1, "QuotaOutOfRange", id="refused whatever it holds"),
        pytest.param(REAL, None, "640", 1, "QuotaOutOfRange", id="refused with any grant"),
    ],
)
def test_content_that_nobody_saw_is_no_cause_of_a_refusal(
    cluster: Cluster,
    tmp_path: Path,
    pin_digest: str,
    granted: str | None,
    quota: str,
    code: int,
    reason: str,
) -> None:
    experiment, (pin, grant) = borrowing(quota=quota)
    if pin_digest:
        (pin,) = assumed_ready([pin])
        pin["status"]["digest"] = pin_digest
    if granted:
        ready = assumed_ready([flights("ObjectStore")])[0]["status"]
        grant["status"] = ready | {"contentRoot": granted, "digest": OTHER, "storeRef": "primary"}
    cluster.objects += [pin, grant]
    told = ask(tmp_path, experiment, options=("-o", "json"))
    assert told.exit_code == code, told.output
    (answer,) = json.loads(told.stdout)
    assert answer["reason"] == reason
    if code == 3:
        assert "until the operator has observed" in answer["remarks"][-1]


@pytest.mark.usefixtures("cluster")
def test_where_nothing_is_open_it_is_refused(tmp_path: Path) -> None:
    experiment, _ = borrowing()
    assert ask(tmp_path, experiment).exit_code == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "Experimnt"}, "`kind`: there is none of that name; write one of AccessGrant"),
        ({"apiVersion": "glovebox.dev/v9"}, "`apiVersion`: write glovebox.dev/v1alpha1, not"),
        ({"metadata": {"name": "x"}}, "Experiment 'x': `metadata.namespace`: name it"),
        (
            {"kind": "ObjectStore", "metadata": {"name": "x", "namespace": "a"}},
            "`metadata.namespace`: leave it out",
        ),
    ],
)
@pytest.mark.parametrize("command", ["plan", "render"])
@pytest.mark.usefixtures("cluster")
def test_what_is_nothing_of_ours_is_not_passed_over(
    tmp_path: Path, command: str, change: Json, said: str
) -> None:
    odd = {**flights("Experiment"), **change}
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump_all([flights("Experiment"), odd]), encoding="utf-8")
    told = CliRunner().invoke(app, [command, *(["-f"] if command == "plan" else []), str(file)])
    assert told.exit_code == 2, told.output
    assert said in told.stderr


@pytest.mark.parametrize(
    ("kind", "path", "value", "said"),
    [
        ("DatasetPin", ("spec", "owner"), 5, "spec.owner: "),
        ("DatasetPin", ("status",), {"conditions": 5}, "status.conditions: "),
        (
            "Experiment",
            ("spec", "inputs", "datasets", 0, "pinRef"),
            None,
            "spec.inputs.datasets[0]",
        ),
        ("Experiment", ("spec", "profil"), "x", 'unknown field "spec.profil"'),
        ("Experiment", ("spec", "profile"), DROP, "spec.profile: Required value"),
        (
            "Experiment",
            ("spec", "images", 0, "reference"),
            "registry.example/x:latest",
            "spec.images[0].reference: must be",
        ),
        ("IsolationProfile", ("spec",), None, "spec: "),
        ("AccessGrant", ("metadata", "namespace"), "", ""),
    ],
)
def test_what_is_not_as_the_schema_says_is_named_when_it_is_rendered(
    tmp_path: Path, kind: str, path: tuple[Any, ...], value: Any, said: str
) -> None:
    objects = documents(FLIGHTS)
    target: Any = next(each for each in objects if each["kind"] == kind)
    for part in path[:-1]:
        target = target[part]
    if value is DROP:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    told = CliRunner().invoke(app, ["render", str(file)])
    assert told.exit_code == (1 if said else 2), told.output
    assert isinstance(told.exception, SystemExit)
    assert said in told.stderr
    for words in ("Value error", "Extra inputs", "Field required"):
        assert words not in told.stderr


def test_what_a_server_gave_and_a_bad_image_are_no_stack_trace(tmp_path: Path) -> None:
    objects = documents(FLIGHTS)
    for each in objects:
        each["metadata"] |= {"resourceVersion": "odd", "generation": 7, "managedFields": []}
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    assert CliRunner().invoke(app, ["render", str(file)]).exit_code == 0
    told = CliRunner().invoke(app, ["render", "--image", "latest", str(file)])
    assert (told.exit_code, isinstance(told.exception, SystemExit)) == (2, True)


def test_a_pin_of_another_version_than_this_program_is_said_to_be_not_valid(
    cluster: Cluster, tmp_path: Path
) -> None:
    for each in cluster.objects:
        if each["kind"] == "DatasetPin":
            each["spec"] = {**each["spec"], "owner": 5}
    told = ask(tmp_path, flights("Experiment"), options=("-o", "json"))
    assert told.exit_code == 3, told.output
    assert json.loads(told.stdout)[0]["inputs"][0]["state"] == "not valid"


def test_dates_stay_the_texts_that_kubectl_takes_them_for() -> None:
    found = read_objects(
        Path("x"),
        "{apiVersion: v1, kind: A, metadata: {name: a}, day: 2026-01-02, number: 7, t: true}",
    )
    assert (found[0]["day"], found[0]["number"], found[0]["t"]) == ("2026-01-02", 7, True)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "\n".join(["a0: &a0 [x]"] + [f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]" for n in range(1, 9)]),
        "[" * 300 + "]" * 300,
        "\n".join(
            ["a0: &a0 {x: 1}"]
            + [f"a{n}: &a{n} {{<<: [{f'*a{n - 1},' * 9}]}}" for n in range(1, 12)]
        ),
        "\n".join(
            ["a0: &a0 {x: 1, y: 2}"]
            + [f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: 1}}" for n in range(1, 700)]
        ),
    ],
    ids=["of itself", "aliases", "deep", "merges", "merges in a row"],
)
def test_what_is_endless_ends(text: str) -> None:
    with pytest.raises(InvalidInput, match="has it aliases"):
        read_objects(Path("x"), text)


@pytest.mark.parametrize("offered", [True, False])
def test_where_stages_are_given_secrets_no_digest_is_told_that_is_another_one_later(
    cluster: Cluster, tmp_path: Path, *, offered: bool
) -> None:
    """It covers versions that the operator alone reads."""
    offer = {"name": "tracking", "namespace": "$(team)", "secretName": "mlflow"}
    for each in cluster.objects:
        if each["kind"] == "IsolationProfile" and offered:
            each["spec"] = {**each["spec"], "secrets": [offer]}
    experiment = flights("Experiment")
    experiment["spec"]["stages"][0]["secrets"] = [{"name": "tracking", "key": "token"}]
    told = ask(tmp_path, experiment, options=("-o", "json"))
    (answer,) = json.loads(told.stdout)
    assert (told.exit_code, answer["reason"]) == ((0, "") if offered else (1, "SecretNotOffered"))
    assert not answer["digest"]
    assert any("the digest covers their versions" in each for each in answer["remarks"]) is offered


def test_a_store_that_is_not_granted_refuses(cluster: Cluster, tmp_path: Path) -> None:
    for each in cluster.objects:
        if each["kind"] == "ObjectStore":
            each["spec"] = {**each["spec"], "access": []}
    told = ask(tmp_path, flights("Experiment"), options=("-o", "json"))
    assert told.exit_code == 1, told.output
    assert json.loads(told.stdout)[0]["reason"] == "StoreNotGranted"


SHARED = {"inputs": ["train", "test"], "of": ["Groups"], "reason": "the same planes fly all year"}


@pytest.mark.parametrize(
    ("leakage", "datasets", "allowed", "reason"),
    [
        pytest.param({"overlap": "Never"}, 2, [SHARED], "OverlapNotAllowed", id="no reason counts"),
        pytest.param({"overlap": "WithReason"}, 2, [SHARED], "", id="a reason counts"),
        pytest.param({"mustKnow": ["NoTestSet"]}, 1, [], "LeakageUnknown", id="no test set"),
        pytest.param({"mustKnow": ["NoTestSet"]}, 2, [], "", id="to be compared"),
        pytest.param({}, 1, [], "", id="nobody asks for one"),
    ],
)
def test_what_a_profile_refuses_of_leaks_is_refused_without_a_look_at_the_data(
    cluster: Cluster,
    tmp_path: Path,
    leakage: Json,
    datasets: int,
    allowed: list[Json],
    reason: str,
) -> None:
    for each in cluster.objects:
        if each["kind"] == "IsolationProfile":
            each["spec"] = {**each["spec"], "leakage": leakage}
    experiment = flights("Experiment")
    inputs = experiment["spec"]["inputs"]
    inputs["datasets"] = inputs["datasets"][:datasets]
    inputs["allowOverlap"] = allowed
    told = ask(tmp_path, experiment, options=("-o", "json"))
    assert told.exit_code == (1 if reason else 0), told.output
    assert json.loads(told.stdout)[0]["reason"] == reason
