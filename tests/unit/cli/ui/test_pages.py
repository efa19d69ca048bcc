"""What the pages of `glovebox ui` show, of whose objects, and what is said where none may be."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

import pytest

from glovebox.cli.experiments import Listed
from glovebox.cli.ui import compare as compared
from glovebox.errors import Unavailable
from glovebox.report import addresses
from support.browsed import TOKEN, BrowsedCluster, declared, fleet, pages, refused

Json = dict[str, Any]

DELAYS = "object/experiment/team-flights/delays"
BOTH = "compare?of=team-flights/delays+team-weather/deeper"
EVIL = "<script>alert(1)</script>\"'><img src=x>\u202e{{7*7}}"
ALL_PAGES = (
    "",
    "experiments?show=drift&q=a",
    "pins",
    "pins?kind=FeatureSetPin",
    "pins?kind=SplitPin",
    DELAYS,
    "object/experiment/team-weather/waiting",
    "object/datasetpin/team-flights/months",
    "object/featuresetpin/team-flights/weather-v2",
    "object/objectstore/primary",
    "lineage",
    "lineage?of=team-flights/delays",
    "lineage?of=nobody",
    "compare",
    "compare?of=team-flights/delays",
    BOTH,
    "compare?of=team-flights/delays+team-weather/nobody",
    "no/such/page",
)


def shown(
    address: str,
    objects: Sequence[Json] | None = None,
    hidden: Collection[str] = (),
    only: str = "",
    namespace: str = "",
) -> tuple[int, str]:
    """Return the status of a page and its HTML."""
    cluster = BrowsedCluster(declared() if objects is None else objects, hidden, only)
    path, query = address_of(address)
    return pages(cluster, namespace).html(path, query)


def address_of(address: str) -> tuple[str, Mapping[str, str]]:
    parts = urlsplit(address)
    return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))


def parsed(text: str) -> ET.Element:
    """Return a page, read strictly: nothing in it is open, and nothing is quoted wrongly."""
    closed = re.sub(r"<(meta|link|input)\b([^>]*?)>", r"<\1\2/>", text.partition("\n")[2])
    closed = closed.replace(" selected>", ' selected="">')
    return ET.fromstring(closed)  # noqa: S314 - our own text


def words(text: str) -> str:
    return " ".join(" ".join(parsed(text).itertext()).split())


def cells(text: str) -> list[list[str]]:
    return [
        [" ".join("".join(cell.itertext()).split()) for cell in row.iter("td")]
        for row in parsed(text).iter("tr")
    ][1:]


@pytest.mark.parametrize("address", ALL_PAGES)
def test_every_page_is_well_formed_and_has_its_heading_and_ways_on(address: str) -> None:
    _, text = shown(address)
    page = parsed(text)

    (heading,) = page.iter("h1")
    assert heading.text
    (nav,) = page.iter("nav")
    assert [each.get("href") for each in nav.iter("a")] == [
        f"/{TOKEN}/{each}" for each in ("experiments", "pins", "lineage", "compare")
    ]
    # Each field is named for whoever does not see it, and each table has headings.
    for field in (*page.iter("input"), *page.iter("select")):
        assert any(field in list(label) for label in page.iter("label"))
    assert all(each.get("scope") == "col" for each in page.iter("th"))


@pytest.mark.parametrize("address", ALL_PAGES)
def test_no_page_has_a_script_or_a_style_of_its_own_or_anything_from_elsewhere(
    address: str,
) -> None:
    _, text = shown(address)
    page = parsed(text)

    assert not list(page.iter("script"))
    assert not list(page.iter("style"))
    for each in page.iter():
        assert not [name for name in each.attrib if name == "style" or name.startswith("on")]
        for name in ("href", "src", "action"):
            where = each.get(name) or ""
            assert where.startswith((f"/{TOKEN}/", "#main")) or not where


def test_the_first_page_lists_experiments_with_what_is_the_matter() -> None:
    code, text = shown("")

    assert code == 200
    assert "<h2>3 Experiments</h2>" in text
    rows = {row[1]: row for row in cells(text)}
    assert rows["delays"] == ["team-flights", "delays", "Ready", "", "Sealed", "3 repaired", "1 d"]
    assert rows["waiting"][2:5] == ["Not Ready", "PinNotFound", "Declared"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param("show=not-ready", {"deeper", "holdout", "season"}, id="not ready"),
        pytest.param("show=drift", {"wind"}, id="drift"),
        pytest.param("q=PINNOTFOUND", {"deeper"}, id="a reason, in any case"),
        pytest.param("q=sealed", {"baseline", "replay"}, id="a phase"),
        pytest.param("q=sha256:" + "0" * 63 + "1", {"wider"}, id="a digest"),
        pytest.param("q=fraud+wind", {"wind"}, id="words in any order"),
        pytest.param("q=wind+pinnotfound", set(), id="all words count"),
        pytest.param("show=drift&q=season", set(), id="both count"),
        pytest.param("show=unheard-of", set(), id="an unknown choice is no choice"),
    ],
)
def test_a_list_shows_what_is_asked_for(query: str, names: set[str]) -> None:
    _, text = shown(f"experiments?{query}", fleet(64))

    assert {row[1].partition("-")[0] for row in cells(text)} == names
    assert "of 64 that were read" in text


def test_ten_thousand_experiments_are_paged_and_none_is_missed() -> None:
    cluster = BrowsedCluster(fleet(10_000))
    seen: list[str] = []
    following = ""
    for _ in range(100):
        path, query = address_of(following or "experiments")
        _, text = pages(cluster).html(path, query)
        seen += [f"{row[0]}/{row[1]}" for row in cells(text)]
        found = re.search(r'class="following"><a href="/[^/]*/([^"]*)">([^<]*)', text)
        if found is None:
            break
        following = found[1].replace("&amp;", "&")

    assert len(seen) == len(set(seen)) == 10_000
    # A page reads what it shows, and no more.
    assert cluster.reads == [("Experiment", 100)] * 100


def test_a_search_reads_on_until_a_page_is_full_and_says_how_far_it_came() -> None:
    cluster = BrowsedCluster(fleet(10_000))
    rare = pages(cluster).html("experiments", {"q": "wind-02493"})[1]
    assert [row[1] for row in cells(rare)] == ["wind-02493"] * 4
    assert "4 Experiments of 10,000 that were read<" in rare
    assert cluster.reads == [("Experiment", 500)] * 20

    cluster.reads.clear()
    common = pages(cluster).html("experiments", {"show": "not-ready"})[1]
    assert len(cells(common)) >= 100
    assert len(cluster.reads) == 1
    assert "that were read, and there are more<" in common
    assert "show=not-ready" in common.partition('class="following"')[2]


def test_a_search_ends_after_so_many_and_goes_on_from_there() -> None:
    objects = fleet(12_000)
    text = shown("experiments?q=nothing-like-it", objects)[1]

    assert "0 Experiments of 10,000 that were read, and there are more" in text
    assert "Go on (about 2,000 more)" in text


def test_a_list_that_grew_too_old_says_how_to_begin_again() -> None:
    code, text = shown("experiments?from=old")

    assert code == 200
    assert "The provided continue parameter is too old" in words(text)
    assert "begin again with Search" in words(text)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        pytest.param("experiments", "Experiment", id="experiments"),
        pytest.param("pins", "DatasetPin", id="pins"),
        pytest.param("pins?kind=FeatureSetPin", "FeatureSetPin", id="features"),
    ],
)
def test_what_may_not_be_listed_is_refused_in_the_api_servers_words(
    address: str, kind: str
) -> None:
    _, text = shown(address, hidden=[kind])

    assert f"the API server said 403: {kind}s is forbidden" in words(text)
    assert "Could not be read" in text
    assert "Name a namespace above" in text
    assert "None<" not in text
    assert "<table" not in text


def test_whoever_may_list_one_namespace_begins_there_and_can_ask_for_all() -> None:
    _, own = shown("", only="team-weather", namespace="team-weather")
    assert {row[0] for row in cells(own)} == {"team-weather"}
    assert 'name="namespace" value="team-weather"' in own
    _, everything = shown("experiments?namespace=", only="team-weather", namespace="team-weather")
    assert "403" in everything


def test_none_is_said_only_where_the_list_was_read() -> None:
    _, text = shown("experiments", [])

    assert "<h2>None</h2>" in text


def test_pins_have_their_verdicts_their_users_and_their_lineage() -> None:
    _, text = shown("pins?q=months")

    (row,) = cells(text)
    assert row[:4] == ["team-flights", "months", "Not Ready", "ContractViolated"]
    assert row[4:8] == ["Not as pinned", "Not met", "Moved", "2"]
    assert f'href="/{TOKEN}/lineage?of=sha256%3A1111' in text


def test_an_experiment_has_its_report_its_tree_its_events_and_ways_to_its_inputs() -> None:
    code, text = shown(DELAYS)

    assert code == 200
    said = words(text)
    for title in (
        "What is the matter, and what to do",
        "What goes in",
        "Could its result be too good?",
        "What ran",
        "What came out",
        "What it made, and what it stands on",
        "Events",
        "Conditions",
    ):
        assert f"<h2>{title}</h2>" in text
    assert "NetworkPolicy `default-deny` was deleted by `rogue`" in said
    assert "JobSet glovebox-run" in said
    assert "Pod notebook Pending: ImagePullBackOff on node-1; not made by Glovebox" in said
    for to in (
        "object/datasetpin/team-flights/months",
        "object/datasetpin/data/final-months",
        "object/featuresetpin/team-flights/weather-v2",
        "object/isolationprofile/standard",
        "lineage?of=00000000-0000-4000-8000-000000000009",
    ):
        assert f'href="/{TOKEN}/{to}"' in text


def test_what_nothing_waits_for_is_named_and_its_own_page_says_more() -> None:
    ready = words(shown(DELAYS)[1])
    pin = words(shown("object/datasetpin/team-flights/months")[1])

    assert "DatasetPin team-flights/months not Ready ContractViolated" in ready
    assert "Verified is False: ObjectsMissing" not in ready
    assert "Verified is False: ObjectsMissing" in pin


def test_one_that_waits_says_for_what_and_what_to_do_next() -> None:
    said = words(shown("object/experiment/team-weather/waiting")[1])

    assert "Meaning: There is no pin of that name." in said
    assert "Next Correct the name in `spec.inputs`" in said
    assert "What it waits for DatasetPin team-weather/gone is not there" in said


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param("Event", "Events Could not be read the API server said 403", id="events"),
        pytest.param(
            "DatasetPin",
            "How are its data distributed? Could not be read the API server said 403",
            id="pins",
        ),
        pytest.param("Pod", "pods may not be read with your rights", id="pods"),
        pytest.param("ObjectStore", "ObjectStore primary may not be read", id="store"),
    ],
)
def test_a_part_that_may_not_be_read_says_so_and_the_others_are_there(kind: str, said: str) -> None:
    code, text = shown(DELAYS, hidden=[kind])

    assert code == 200
    assert said in words(text)
    assert "<h2>What came out</h2>" in text


@pytest.mark.parametrize(
    ("address", "hidden", "code", "said"),
    [
        pytest.param(DELAYS, ["Experiment"], 403, "Your rights do not allow it", id="forbidden"),
        pytest.param("object/experiment/a/b", [], 404, "Experiment a/b is not there", id="gone"),
        pytest.param("object/experiment/a", [], 404, "no such page", id="no namespace"),
        pytest.param("object/objectstore/a/b", [], 404, "no such page", id="too many parts"),
        pytest.param("object/secret/a/b", [], 404, "no such page", id="no kind of ours"),
        pytest.param("object", [], 404, "no such page", id="nothing"),
        pytest.param("object/experiment/a/..", [], 404, "no such page", id="a way up"),
        pytest.param("object/experiment/../a", [], 404, "no such page", id="a way up before it"),
        pytest.param("pins?namespace=..", [], 400, ".. is no name of a namespace", id="up there"),
        pytest.param("lineage?of=a&namespace=a%2Fb", [], 400, "a/b is no name", id="two names"),
        pytest.param("object/experiment/a/", [], 404, "no such page", id="no name"),
    ],
)
def test_what_is_not_shown_says_why(address: str, hidden: list[str], code: int, said: str) -> None:
    found, text = shown(address, hidden=hidden)

    assert found == code
    assert said in words(text)


def test_an_api_server_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> None:
        raise Unavailable("ApiUnavailable", "could not read it: connection refused")

    monkeypatch.setattr(BrowsedCluster, "find", silent)
    code, text = shown(DELAYS)

    assert code == 502
    assert "connection refused" in words(text)


def test_an_object_of_another_version_is_shown_as_it_is() -> None:
    obj = {
        "kind": "Experiment",
        "metadata": {"namespace": "a", "name": "b", "uid": "u", "generation": 1},
        "spec": {"later": "field"},
    }
    code, text = shown("object/experiment/a/b", [obj])

    assert code == 200
    assert "cannot be read by this version of the program" in words(text)
    assert "later: field" in words(text)
    assert [row[1] for row in cells(shown("experiments", [obj])[1])] == ["b"]


def test_the_page_of_a_kind_without_a_report_has_what_it_declares() -> None:
    said = words(shown("object/objectstore/primary")[1])

    assert "StoreUnavailable" in said
    assert "https://store.example does not answer: connection refused" in said


def test_lineage_is_a_picture_with_ways_on_and_the_same_in_words() -> None:
    _, text = shown("lineage?of=team-flights/delays")
    page = parsed(text)

    (svg,) = (each for each in page.iter() if each.tag.endswith("}svg"))
    linked = {each.get("href") for each in svg.iter() if each.tag.endswith("}a")}
    assert f"/{TOKEN}/{DELAYS}" in linked
    assert f"/{TOKEN}/object/datasetpin/team-flights/months" in linked
    # What is not listed is known by its kind all the same.
    assert f"/{TOKEN}/object/featuresetpin/team-flights/weather-v2" in linked
    assert "results s3://gbx-artifacts/team-flights/delays/" in words(text)


def test_lineage_says_what_of_it_could_not_be_read() -> None:
    _, text = shown("lineage?of=team-flights/delays", hidden=["Experiment"])

    assert "Experiments Could not be read the API server said 403" in words(text)
    assert "Nobody knows team-flights/delays in what could be read." in words(text)
    _, whole = shown("lineage?of=nobody")
    assert "in what the cluster has" in words(whole)


def test_a_lineage_of_too_many_things_is_said_in_words_alone() -> None:
    digest = f"sha256:{1:064x}"
    runs = [
        {
            "kind": "Experiment",
            "metadata": {"namespace": "a", "name": f"r{number}", "uid": f"u{number}"},
            "status": {"digest": "d", "inputs": [{"name": "t", "pinRef": "p", "digest": digest}]},
        }
        for number in range(300)
    ]
    _, text = shown(f"lineage?of={digest}", runs)

    assert "302 things are too many for a picture." in words(text)
    assert "Experiment a/r299" in words(text)
    assert "<svg" not in text


def test_experiments_beside_each_other_share_what_is_the_same_by_its_content() -> None:
    code, text = shown(BOTH)
    page, said = parsed(text), words(text)

    assert code == 200
    assert "Both use 3 of 4 contents" in said
    rows = {row[0]: row[1:] for row in cells(text) if row}
    # The same bytes are one row, whatever pins and inputs are called.
    named = ["DatasetPin", "yes", "train (train: months)", "months (train: mirrored-months)"]
    assert rows[f"sha256:{'1' * 12}"] == named
    assert rows[f"sha256:{'8' * 12}"] == ["DatasetPin", "no", "-", "cut (test: other-cut)"]
    assert rows["run"] == ["Succeeded in 13 min 42 s", "Succeeded in 1 h 20 min"]
    assert rows["config.parameters.maxDepth"] == ["-", "8"]
    assert "team-weather/deeper learns from sha256:222222222222" in said
    # Each leads to its own page, each content to its lineage, and what is short is there whole.
    linked = {each.get("href") for each in page.iter("a")}
    assert {f"/{TOKEN}/{DELAYS}", f"/{TOKEN}/object/experiment/team-weather/deeper"} <= linked
    assert f"/{TOKEN}/{addresses.lineage_of('sha256:' + '1' * 64)}" in linked
    whole = {each.get("title") for each in page.iter("code")}
    assert f"registry.example/trainer@sha256:{'b' * 64}" in whole
    assert "glovebox compare team-flights/delays team-weather/deeper --metrics" in said


def heading(text: str) -> str:
    (found,) = parsed(text).iter("h1")
    return "".join(found.itertext())


def test_comparing_is_asked_for_until_there_is_something_to_compare() -> None:
    _, asked = shown("compare")
    _, found = shown(BOTH)

    assert heading(asked) == "Compare Experiments"
    assert heading(found) == "Experiments beside each other"
    assert "Name from 2 to 8" not in words(found)
    assert "And 0 more" not in words(found)


def test_where_no_lineage_is_asked_for_nothing_is_read() -> None:
    _, text = shown("lineage", hidden=["DatasetPin", "Experiment", "FeatureSetPin"])

    assert heading(text) == "Lineage"
    assert "Name a pin or an Experiment" in words(text)
    assert "Could not be read" not in text
    _, followed = shown("lineage?of=team-flights/delays")
    assert heading(followed) == "Lineage of team-flights/delays"
    assert "Name a pin or an Experiment" not in words(followed)


def test_what_differs_in_nothing_says_so() -> None:
    objects = declared()
    twin = next(each for each in objects if each["metadata"]["name"] == "delays")
    objects.append({**twin, "metadata": {**twin["metadata"], "name": "again"}})
    said = words(shown("compare?of=team-flights/delays+team-flights/again", objects)[1])

    assert "resources, routes and platform are the same." in said
    assert "All have one digest" in said


def test_an_experiment_leads_to_its_comparison_where_it_is_named_already() -> None:
    _, text = shown(DELAYS)
    to = addresses.compared_with("team-flights/delays")
    assert f"/{TOKEN}/{to}" in {each.get("href") for each in parsed(text).iter("a")}

    _, text = shown(to)
    (field,) = parsed(text).iter("input")
    assert field.get("value") == "team-flights/delays"
    assert "Name from 2 to 8 Experiments" in words(text)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param("", "Name from 2 to 8 Experiments", id="none"),
        pytest.param("a/b+a/b,a/b", "Name from 2 to 8 Experiments", id="one, named often"),
        pytest.param("+".join(f"a/{n}" for n in range(9)), "Name from 2 to 8", id="too many"),
        pytest.param("team-flights/delays+deeper", "deeper No name Write NAMESPACE/NAME.",
                     id="no namespace"),
        pytest.param("team-flights/delays+a/../b", "a/../b No name", id="another path"),
        pytest.param("team-flights/delays+team-flights/x",
                     "Not found There is no Experiment team-flights/x.", id="one that is gone"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_says_why(asked: str, said: str) -> None:
    _, text = shown(f"compare?of={asked}")

    assert said in words(text)
    assert "What they run with" not in text


def test_of_what_may_not_be_read_nothing_is_compared() -> None:
    _, text = shown(BOTH, only="team-flights")

    assert "team-weather/deeper Could not be read the API server said 403" in words(text)
    assert "What they run with" not in text


def test_who_began_in_a_namespace_may_leave_it_out() -> None:
    _, text = shown("compare?of=delays+team-weather/deeper", namespace="team-flights")

    assert "Both use 3 of 4 contents" in words(text)


def test_of_very_many_differences_the_page_shows_a_part_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compared, "_DIFFERENCES", 2)
    _, text = shown(BOTH)

    found = [row[0] for row in cells(text) if row]
    assert "code.commit" in found
    assert "images.trainer.reference" not in found
    assert "And 3 more: glovebox compare -o wide shows them." in words(text)


def test_hostile_values_beside_each_other_are_shown_and_do_nothing() -> None:
    objects = declared()
    deeper = next(each for each in objects if each["metadata"]["name"] == "deeper")
    deeper["status"]["inputs"][0]["pinRef"] = EVIL
    deeper["status"]["platform"] = json.dumps({EVIL: EVIL})
    _, text = shown(BOTH, objects)
    page = parsed(text)

    assert not list(page.iter("script"))
    assert not list(page.iter("img"))
    assert "\u202e" not in text
    # A pin, and the path and the value of what differs.
    assert text.count("&lt;script&gt;alert(1)") >= 3


def hostile(obj: Any) -> Any:
    """Return an object in which each text of a person is hostile, and what it is read by is not."""
    kept = {
        "kind",
        "apiVersion",
        "reason",
        "type",
        "status",
        "uid",
        "name",
        "namespace",
        "lastTimestamp",
    }
    if isinstance(obj, dict):
        return {
            name: each
            if (name in kept and isinstance(each, str)) or name.endswith("Time")
            else hostile(each)
            for name, each in obj.items()
        }
    if isinstance(obj, list):
        return [hostile(each) for each in obj]
    return EVIL if isinstance(obj, str) else obj


# Where the hostile text is to be seen: elsewhere nothing is shown of it, and nothing is proved.
_SHOWS: Mapping[str, Collection[str]] = {
    "values": (
        "pins",
        DELAYS,
        "object/experiment/team-weather/waiting",
        "object/objectstore/primary",
        "object/datasetpin/team-flights/months",
        "object/featuresetpin/team-flights/weather-v2",
        "lineage?of=team-flights/delays",
    ),
    "names": (DELAYS,),
}


@pytest.mark.parametrize("address", ALL_PAGES)
@pytest.mark.parametrize("where", ["values", "names"])
def test_hostile_text_is_shown_and_does_nothing(address: str, where: str) -> None:
    objects = declared()
    if where == "values":
        objects = [{**each, **hostile({"status": each.get("status")})} for each in objects]
    else:
        for each in objects:
            for one in (each.get("spec") or {}).get("images") or ():
                one["name"] = EVIL
            each["metadata"]["labels"] = {"app": EVIL}
            if each["kind"] in {"Pod", "Job", "JobSet", "NetworkPolicy"}:
                each["metadata"]["name"] = EVIL
    _, text = shown(address, objects)
    page = parsed(text)

    assert not list(page.iter("script"))
    assert not list(page.iter("img"))
    assert "\u202e" not in text
    assert ("&lt;script&gt;alert(1)" in text) == (address in _SHOWS[where])


def test_hostile_names_in_a_list_lead_nowhere_else() -> None:
    (obj,) = fleet(1)
    obj["metadata"] |= {"namespace": EVIL, "name": EVIL}
    page = parsed(shown("experiments", [obj])[1])

    (link,) = (each for each in page.iter("a") if "object/" in (each.get("href") or ""))
    quoted = str(link.get("href")).removeprefix(f"/{TOKEN}/object/experiment/").split("/")
    assert len(quoted) == 2
    assert all(re.fullmatch(r"[\w%.~-]+", each) for each in quoted)


@pytest.mark.parametrize("name", ["q", "namespace", "show", "from", "kind", "of"])
def test_what_is_asked_for_is_shown_and_does_nothing(name: str) -> None:
    for path in ("experiments", "pins", "lineage", "compare"):
        _, text = pages(BrowsedCluster(fleet(300))).html(
            path, {name: EVIL if name != "from" else "old"}
        )
        page = parsed(text)
        assert not list(page.iter("script"))
        assert not list(page.iter("img"))


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "address"),
    [
        pytest.param("Experiment", "a", "b", "object/experiment/a/b", id="plain"),
        pytest.param("ObjectStore", "", "b", "object/objectstore/b", id="of the cluster"),
        pytest.param("Experiment", "a", "../../b?c#d", "object/experiment/a/..%2F..%2Fb%3Fc%23d",
                     id="hostile"),
        pytest.param("Secret", "a", "b", "", id="no kind of ours"),
        pytest.param("Experiment", "", "b", "", id="no namespace"),
        pytest.param("Experiment", "a", "", "", id="no name"),
    ],
)  # fmt: skip
def test_addresses_are_quoted(kind: str, namespace: str, name: str, address: str) -> None:
    assert addresses.of(kind, namespace, name) == address


def test_a_refusal_of_one_page_of_a_list_is_no_end_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before is not shown as if it were all."""
    cluster = BrowsedCluster(fleet(2000))
    real = cluster.page

    def page(kind: str, namespace: str, most: int, following: str = "") -> Any:
        if following:
            raise refused(HTTPStatus.FORBIDDEN, "no more")
        return real(kind, namespace, most, following)

    monkeypatch.setattr(cluster, "page", page)
    text = pages(cluster).html("experiments", {"q": "nothing-like-it"})[1]

    assert "Could not be read" in text
    assert "that were read" not in text


@pytest.mark.parametrize("query", [{}, {"q": "nothing-like-it"}], ids=["all", "a search"])
def test_a_server_that_gives_empty_pages_for_ever_is_left(
    monkeypatch: pytest.MonkeyPatch, query: Mapping[str, str]
) -> None:
    cluster, asked = BrowsedCluster(fleet(3)), []

    def page(*told: object) -> Listed:
        asked.append(told)
        return Listed([], f"{len(asked)}" if len(asked) < 1000 else "", None)

    monkeypatch.setattr(cluster, "page", page)
    code, _ = pages(cluster).html("experiments", query)

    assert (code, len(asked) <= 100) == (200, True)


def test_that_no_operator_works_is_said_where_what_it_wrote_is_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BrowsedCluster, "operator_lease", lambda _: {"spec": {}})

    assert "No operator works: nobody holds the Lease" in words(shown("")[1])


def test_who_named_a_namespace_is_not_asked_to_name_one() -> None:
    _, text = shown("experiments?namespace=team-flights", hidden=["Experiment"])

    assert "Could not be read" in text
    assert "Name a namespace above" not in text


def test_a_page_that_follows_another_says_so_and_is_not_said_to_be_empty() -> None:
    assert "<h2>The next 1 Experiment</h2>" in shown("experiments?from=100", fleet(101))[1]
    assert "<h2>The next 0 Experiments</h2>" in shown("experiments?from=100", fleet(100))[1]


def test_what_has_no_page_is_no_link_of_a_picture() -> None:
    _, text = shown("lineage?of=team-flights/delays")
    (svg,) = (each for each in parsed(text).iter() if each.tag.endswith("}svg"))
    linked = [each.get("href") for each in svg.iter() if each.tag.endswith("}a")]

    assert linked
    assert f"/{TOKEN}/" not in linked


def test_a_page_that_is_none_leads_to_nothing_that_could_be_read_again() -> None:
    assert "Read again" in shown("experiments?q=wind")[1]
    assert "Read again" not in shown("no/such/page")[1]


def test_what_is_no_pin_or_has_no_content_yet_has_no_lineage_of_it() -> None:
    pin = {
        "kind": "DatasetPin",
        "metadata": {"namespace": "a", "name": "b", "uid": "u", "generation": 1},
        "spec": {},
    }
    for address in ("object/objectstore/primary", "object/datasetpin/a/b"):
        _, text = shown(address, [*declared(), pin])
        assert "Lineage of its content" not in text
    assert "Lineage of its content" in shown("object/datasetpin/team-flights/months")[1]
