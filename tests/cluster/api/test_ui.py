"""`glovebox ui` asks a real API server, in pages, with the caller's own rights and no others."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest

from glovebox import names
from support.api import path_of
from support.examples import flights, merged

if TYPE_CHECKING:
    from support.api import Json
    from support.cluster import Cluster

# Of both teams more than one page holds.
MANY: Final = 60
NOTES: Final = "team-notes"
SHUT: Final = "team-shut"
ROLES: Final = "rbac.authorization.k8s.io/v1"
# What a member of a team may have: its Experiments, and nothing else.
MEMBER: Final = "ada-of-notes"


class Browser:
    """Asks for pages as a browser does that follows no link by itself."""

    def __init__(self, first: str) -> None:
        self.first = urlsplit(first)

    def get(self, address: str = "", *, host: str | None = None) -> tuple[int, str]:
        """Return status and text of the page at an address below the first one."""
        path = f"{self.first.path}{address}" if not address.startswith("/") else address
        connection = http.client.HTTPConnection(self.first.netloc, timeout=60)
        try:
            connection.request("GET", path, headers={"Host": host or self.first.netloc})
            answer = connection.getresponse()
            return answer.status, unescape(answer.read().decode())
        finally:
            connection.close()

    def following(self, text: str) -> str:
        """Return where the next page is; empty where this is the last."""
        found = re.search(r'class="following"><a href="([^"]*)"', text)
        return found[1] if found is not None else ""


@contextmanager
def browsing(kubeconfig: Path, *arguments: str) -> Iterator[Browser]:
    """Run the command as whoever the kubeconfig is of, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "glovebox.cli", "ui", *arguments],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        try:
            yield Browser(line.split()[1])
        finally:
            running.send_signal(signal.SIGINT)
            code = running.wait(timeout=60)
        assert running.stderr is not None
        assert (code, running.stderr.read()) == (0, "")


def linked(text: str) -> list[str]:
    """Return `NAMESPACE/NAME` of the Experiments that a page leads to, in its order."""
    return re.findall(r'href="[^"]*object/experiment/([^"]*)"', text)


@pytest.fixture(scope="module")
def filled(crds: Cluster) -> Iterator[Cluster]:
    """A cluster with two teams, and a member of one of them who may read its Experiments."""
    for team in (NOTES, SHUT):
        crds.api.create_namespace(team)
        for number in range(MANY):
            declare(crds, team, f"e{number:03}")
    stalled = declare(crds, NOTES, "stalled")
    path = path_of(names.API_VERSION, "experiments", namespace=NOTES, name="stalled")
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "ProfileNotFound",
        "message": "there is no IsolationProfile `<b>standard</b>`",
        "lastTransitionTime": "2026-03-01T12:00:00Z",
        "observedGeneration": 1,
    }
    crds.api.patch(f"{path}/status", {"status": {"observedGeneration": 1, "conditions": [ready]}})
    crds.api.create(
        path_of("v1", "events", namespace=NOTES),
        {
            "metadata": {"name": "first"},
            "involvedObject": {**key_of(stalled), "namespace": NOTES},
            "type": "Warning",
            "reason": "Waiting",
            "message": "a sentence of an Event",
            "firstTimestamp": "2026-03-01T12:00:00Z",
            "lastTimestamp": "2026-03-01T12:00:00Z",
        },
    )
    roles = path_of(ROLES, "roles", namespace=NOTES)
    rule = {"apiGroups": [names.GROUP], "resources": ["experiments"], "verbs": ["get", "list"]}
    crds.api.create(roles, {"metadata": {"name": "member"}, "rules": [rule]})
    crds.api.create(
        path_of(ROLES, "rolebindings", namespace=NOTES),
        {
            "metadata": {"name": "member"},
            "subjects": [{"kind": "User", "name": MEMBER, "apiGroup": ROLES.partition("/")[0]}],
            "roleRef": {"kind": "Role", "name": "member", "apiGroup": ROLES.partition("/")[0]},
        },
    )
    yield crds
    for team in (NOTES, SHUT):
        crds.api.request("DELETE", path_of(names.API_VERSION, "experiments", namespace=team))


def declare(cluster: Cluster, team: str, name: str) -> Json:
    body = merged(flights("Experiment"), {"metadata": {"name": name, "namespace": team}})
    return cluster.api.create(path_of(names.API_VERSION, "experiments", namespace=team), body)


def key_of(obj: Json) -> Json:
    metadata = obj["metadata"]
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        **{name: metadata[name] for name in ("name", "uid")},
    }


def test_pages_of_the_api_server_follow_each_other_and_a_search_goes_through_them(
    filled: Cluster,
) -> None:
    with browsing(filled.kubeconfig) as browser:
        seen: list[str] = []
        address, pages = "experiments", 0
        while address:
            code, text = browser.get(address)
            assert code == 200
            seen += linked(text)
            address, pages = browser.following(text), pages + 1
        assert len(seen) == len(set(seen)) == 2 * MANY + 1
        assert pages == 2

        _, found = browser.get("experiments?show=not-ready&q=profilenotfound")
        assert linked(found) == [f"{NOTES}/stalled"]
        assert f"of {2 * MANY + 1} that were read" in found

        # The page about it: what the commands say, with the API server's Events.
        code, text = browser.get(f"object/experiment/{NOTES}/stalled")
        assert code == 200
        assert "a sentence of an Event" in text
        assert "Meaning: " in text
        assert "It is not there. Create it" in text
        assert browser.get("lineage?of=stalled")[0] == 200
        assert browser.get("pins")[1].count("<h2>None</h2>") == 1


def test_a_member_sees_what_is_theirs_and_the_refusal_of_all_else(filled: Cluster) -> None:
    mine = filled.kubeconfig_for(MEMBER)
    with browsing(mine, "-n", NOTES) as browser:
        _, own = browser.get()
        assert len(linked(own)) == MANY + 1
        assert all(each.startswith(f"{NOTES}/") for each in linked(own))

        for address, what in (
            ("experiments?namespace=", "experiments.glovebox.dev is forbidden"),
            (f"experiments?namespace={SHUT}", "experiments.glovebox.dev is forbidden"),
            ("pins", "datasetpins.glovebox.dev is forbidden"),
            ("pins?kind=FeatureSetPin", "featuresetpins.glovebox.dev is forbidden"),
            ("lineage?of=stalled", "datasetpins.glovebox.dev is forbidden"),
        ):
            code, text = browser.get(address)
            assert code == 200
            assert "the API server said 403" in text
            assert f'{what}: User "{MEMBER}" cannot list resource' in text
            assert "<h2>None</h2>" not in text
            assert "Nobody knows stalled in what the cluster has" not in text

        # Of their own Experiment each part says what it could not read.
        code, text = browser.get(f"object/experiment/{NOTES}/stalled")
        assert code == 200
        assert "<h2>What it is for</h2>" in text
        assert f'events is forbidden: User "{MEMBER}" cannot list resource "events"' in text
        assert "may not be read with your rights" in text
        assert "a sentence of an Event" not in text

        # Of others' nothing is to be had, not even whether it is there.
        refusals = {
            browser.get(f"object/experiment/{SHUT}/{name}")[1].replace(name, "NAME")
            for name in ("e000", "nobody")
        }
        assert len(refusals) == 1
        assert "Your rights do not allow it" in refusals.pop()


def test_others_on_the_machine_and_pages_elsewhere_are_refused(filled: Cluster) -> None:
    with browsing(filled.kubeconfig) as browser:
        assert browser.get("/")[0] == 403
        assert browser.get("/guessed/experiments")[0] == 403
        assert browser.get("experiments", host="rebound.example")[0] == 403
        assert linked(browser.get("/experiments")[1]) == []
        assert browser.get("experiments", host="localhost:8080")[0] == 200


def test_without_a_cluster_the_command_ends_with_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "glovebox.cli", "ui"],
        env={**os.environ, "KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
