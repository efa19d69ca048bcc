"""Which experiments used these bytes, and what a result is made of: by content, not by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from glovebox.api.provenance import Provenance
from glovebox.lineage.events import events_of
from glovebox.lineage.graph import Graph, graph_of
from glovebox.lineage.tree import Node, answer, document, dot, lines

Json = dict[str, Any]
BYTES, OTHER, FEATURES, TABLE = (f"sha256:{letter * 64}" for letter in "abcd")
LIST = "sha256:" + "e" * 64


def pin(name: str, content: str, prefix: str = "", **spec: Any) -> Json:
    namespace, _, short = name.partition("/")
    bucket, _, folder = prefix.partition("/")
    source = {"prefix": {"bucket": bucket, "prefix": folder}} if prefix else {}
    return {
        "kind": "DatasetPin",
        "metadata": {"namespace": namespace, "name": short, "uid": f"uid-{short}"},
        "spec": {"source": source, **spec},
        "status": {"digest": content, "pinDigest": content.replace("sha256:", "sha256:9")[:71]},
    }


def experiment(name: str, *, sealed: bool = True, **inputs: tuple[str, str]) -> Json:
    """Return an Experiment; of each input the pin and the content."""
    namespace, _, short = name.partition("/")
    uid = f"uid-{short}"
    status: Json = {
        "digest": "sha256:" + "1" * 64,
        "inputs": [
            {"name": role, "kind": "DatasetPin", "pinRef": of, "digest": content}
            for role, (of, content) in inputs.items()
        ],
        "artifacts": {"uri": f"s3://results/{namespace}/{short}/{uid}/"},
        "run": {
            "startTime": "2026-11-25T11:00:00Z",
            "completionTime": "2026-11-25T11:30:00Z",
            "outcome": "Succeeded",
        },
    }
    if sealed:
        status["seal"] = {
            "manifestDigest": LIST,
            "uri": f"s3://results/.glovebox/seals/{uid}/",
            "attestationVersion": "v1",
            "sealedTime": "2026-11-25T11:31:00Z",
        }
    metadata = {"namespace": namespace, "name": short, "uid": uid}
    return {"kind": "Experiment", "metadata": metadata, "spec": {}, "status": status}


EXPERIMENTS = [
    experiment("a/one", train=("flights", BYTES), test=("late", OTHER)),
    experiment("b/two", data=("mirror", BYTES)),
    experiment("b/next", table=("scores", TABLE)),
    experiment("c/apart", sealed=False, data=("late", OTHER)),
]
PINS = [
    pin("a/flights", BYTES, "data/flights", license="CC0-1.0"),
    pin("b/mirror", BYTES, "other-bucket/renamed"),
    pin("a/late", OTHER, "data/late"),
    pin("b/scores", TABLE, "results/b/two/uid-two/scores"),
]


def derived(*sources: tuple[str, str], code: Json | None = None) -> Json:
    """Return `spec.provenance` of a pin that was made from others, each with its expected root."""
    said = Provenance.model_validate(
        {
            "sources": [
                {"pinRef": {"name": name}, **({"digest": digest} if digest else {})}
                for name, digest in sources
            ],
            **({"transformation": {"code": code}} if code else {}),
        }
    )
    return said.model_dump(by_alias=True, mode="json", exclude_defaults=True)


def known() -> Graph:
    return graph_of(EXPERIMENTS, PINS)


def everything(node: Node) -> list[Node]:
    return [node, *(each for child in node.children for each in everything(child))]


def named(nodes: list[Node], kind: str) -> set[str]:
    found = {each.label for node in nodes for each in everything(node) if each.kind == kind}
    return {label.split()[1].rstrip(",") for label in found}


@pytest.mark.parametrize(
    "what", [BYTES, "a" * 64, "a" * 12, "a/flights", "flights", "b/mirror", "mirror"]
)
def test_the_same_bytes_are_found_under_whatever_name(what: str) -> None:
    found = answer(known(), what)
    assert named(found, "experiment") == {"a/one", "b/two", "b/next"}
    assert named(found, "pin") == {"a/flights", "b/mirror", "b/scores"}


def test_what_came_of_them_is_followed_through_results_that_were_pinned() -> None:
    (root,) = answer(known(), BYTES)
    (two,) = (child for child in root.children if child.about.get("experiment") == "b/two")
    (results,) = two.children
    (table,) = results.children
    assert (table.relation, table.about["digest"]) == ("pinned as b/scores:", TABLE)
    users = [child for child in table.children if child.kind == "experiment"]
    assert [child.about["experiment"] for child in users] == ["b/next"]


def test_a_result_is_made_of_its_inputs_and_of_what_made_these() -> None:
    (root,) = answer(known(), "b/next")
    (table, _) = root.children
    assert table.relation == "table:"
    assert named([table], "experiment") == {"b/two"}
    assert BYTES in {each.id for each in everything(table)}


def test_what_used_something_else_is_not_there() -> None:
    assert "c/apart" not in named(answer(known(), BYTES), "experiment")
    assert named(answer(known(), OTHER), "experiment") == {"a/one", "c/apart"}


def test_sealed_results_and_identities_are_found_by_digest() -> None:
    assert named(answer(known(), LIST), "experiment") >= {"a/one", "b/two"}
    assert named(answer(known(), "uid-one"), "experiment") == {"a/one"}


@pytest.mark.parametrize(
    "what", ["sha256:" + "7" * 64, "nobody", "a/nobody", "aaaa", "", "sha256:"]
)
def test_what_nobody_knows_has_no_answer(what: str) -> None:
    found = answer(known(), what)
    assert found == [] or what == "sha256:"


def test_locked_events_alone_say_the_same_of_what_the_cluster_has_lost() -> None:
    events = [event.body for obj in EXPERIMENTS for event in events_of(obj, "glovebox")]
    from_store = graph_of(events=events)
    from_cluster = graph_of(EXPERIMENTS)
    for what in (BYTES, OTHER, "a/one", LIST):
        assert named(answer(from_store, what), "experiment") == named(
            answer(from_cluster, what), "experiment"
        )


def test_what_is_no_event_is_left_out() -> None:
    assert graph_of(events=[b"", b"{", b"[]", b'{"run":{}}', b"null"]).runs == {}


def test_a_cycle_ends() -> None:
    loop = [
        pin("a/x", BYTES, "data/x", provenance=derived(("y", ""))),
        pin("a/y", OTHER, "data/y", provenance=derived(("x", ""))),
    ]
    (root,) = answer(graph_of([], loop), BYTES)
    assert len(everything(root)) < 12
    assert any(each.is_known for each in everything(root))


def test_where_a_pin_says_it_came_from_is_followed_both_ways() -> None:
    pins = [
        pin("a/raw", BYTES, "data/raw"),
        pin(
            "a/clean",
            OTHER,
            "data/clean",
            provenance=derived(
                ("raw", ""), code={"repository": "https://git.example/r", "commit": "c" * 40}
            ),
        ),
    ]
    graph = graph_of([experiment("a/one", train=("clean", OTHER))], pins)
    (made_of,) = answer(graph, "a/one")
    assert BYTES in {each.id for each in everything(made_of)}
    assert "https://git.example/r@" + "c" * 40 in "\n".join(lines(made_of))
    (came_of,) = answer(graph, "raw")
    assert named([came_of], "experiment") == {"a/one"}


@pytest.mark.parametrize("said_by", ["spec", "status"])
def test_another_pin_under_the_name_of_a_source_is_no_source(said_by: str) -> None:
    clean = pin("a/clean", TABLE, "data/clean", provenance=derived(("raw", "")))
    if said_by == "spec":
        clean["spec"]["provenance"] = derived(("raw", BYTES))
    else:
        clean["status"]["provenance"] = {"sources": [{"name": "raw", "digest": BYTES}]}
    graph = graph_of([], [pin("a/raw", OTHER, "data/raw"), clean])  # deleted, and created again
    (made_of,) = answer(graph, "clean")
    assert {each.id for each in everything(made_of) if each.kind == "bytes"} == {TABLE, BYTES}
    (came_of,) = answer(graph, "raw")
    assert {each.id for each in everything(came_of) if each.kind == "bytes"} == {OTHER}


def test_a_long_chain_is_cut_and_says_so() -> None:
    """A model that is trained on its own results every day has a chain as long as its history."""
    runs = [
        experiment(f"a/day{day}", table=(f"pin{day}", f"sha256:{day:064x}")) for day in range(400)
    ]
    pins = [
        pin(f"a/pin{day}", f"sha256:{day:064x}", f"results/a/day{day - 1}/uid-day{day - 1}")
        for day in range(1, 401)
    ]
    graph = graph_of(runs, pins)
    for what in (f"sha256:{1:064x}", "a/day399"):
        (root,) = answer(graph, what)
        drawn = list(lines(root))
        assert 32 < len(drawn) < 400
        assert sum(line.endswith("(ask for it to see more)") for line in drawn) == 1
        assert '"more": true' in json.dumps(document(root))
        assert dot([root])


def test_a_tree_is_drawn_and_a_thing_is_followed_once() -> None:
    drawn = "\n".join(line for node in answer(known(), BYTES) for line in lines(node))
    assert drawn.startswith(BYTES)
    assert "├── DatasetPin a/flights, s3://data/flights, licence CC0-1.0" in drawn
    assert "used as train by Experiment a/one, Succeeded, sealed (UID uid-one)" in drawn


def test_arrows_go_where_bytes_go() -> None:
    drawn = dot(answer(known(), "b/next"))
    assert f'"{TABLE}" -> "uid-next";' in drawn
    assert f'"uid-two" -> "DatasetPin b/scores {TABLE}";' in drawn
    assert drawn.startswith("digraph lineage {")


def test_no_name_gets_out_of_its_quotes() -> None:
    evil = experiment('a/"];evil[\x1b', train=("x", BYTES))
    drawn = dot(answer(graph_of([evil]), BYTES))
    assert '\\"];evil[\\\\x1b' in drawn
    assert "\x1b" not in drawn


def test_programs_get_digests_and_relations() -> None:
    (root,) = answer(known(), "b/two")
    said = document(root)
    assert (said["kind"], said["experiment"], said["id"]) == ("experiment", "b/two", "uid-two")
    assert said["children"][0]["digest"] == BYTES
    assert said["children"][0]["relation"] == "data:"


def test_a_large_graph_is_answered_soon() -> None:
    many = [experiment(f"t/e{number}", train=("p", BYTES)) for number in range(2_000)]
    (root,) = answer(graph_of(many), BYTES)
    assert len([child for child in root.children if child.kind == "experiment"]) == 2_000


def test_the_seal_that_a_pin_is_of_is_followed_when_its_experiment_is_gone() -> None:
    values = pin("team/values", TABLE)
    values["spec"]["source"] = {"experimentRef": {"name": "build"}}
    values["status"]["derived"] = {
        "experiment": "team/build",
        "uid": "uid-build",
        "seal": LIST,
        "manifestDigest": LIST,
        "artifacts": "s3://results/team/build/uid-build/",
        "inputs": [
            {"name": "raw", "kind": "DatasetPin", "digest": BYTES, "readBy": "team/build"},
            {
                "name": "older",
                "kind": "DatasetPin",
                "digest": OTHER,
                # Of the same name, and another one: it was deleted and declared again.
                "readBy": "team/build",
                "behind": "raw",
            },
        ],
    }
    graph = graph_of((), [pin("team/raw", BYTES), values])
    (tree,) = answer(graph, "team/values")
    said = "\n".join(lines(tree))
    assert "made by Experiment team/build, sealed (UID uid-build)" in said
    assert f"raw: {BYTES}" in said
    assert OTHER not in said, "another run had read that"
    assert {name for name, _ in graph.pins} == {"team/raw", "team/values"}, "none has no name"
    # While it is being made, nothing is known of the run.
    del values["status"]["derived"]["seal"]
    assert not graph_of((), [values]).runs
