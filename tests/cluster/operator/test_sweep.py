"""The resync under the watches: a deletion of our own kinds that no event told is noticed."""

from __future__ import annotations

import pytest

from glovebox.controllers.process import open_operator
from glovebox.kube.kinds import DATASET_PIN
from glovebox.kube.login import log_in
from glovebox.kube.resources import Key
from glovebox.settings import Settings
from support.cluster import Cluster
from support.operator_process import Team


async def test_a_deletion_that_no_watch_told_is_noticed_by_the_sweep(
    cluster: Cluster, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    gone = Key("DatasetPin", team.name, "gone")
    user = Key("FeatureSetPin", team.name, "user")
    async with open_operator(Settings(), log_in) as parts:
        for key, spec in (
            (gone, {}),
            (user, {"inputs": [{"name": "x", "pinRef": {"name": "gone"}}]}),
        ):
            metadata = {
                "name": key.name,
                "namespace": key.namespace,
                "uid": key.name,
                "resourceVersion": "1",
            }
            parts.ports.resources.seen(
                {
                    "apiVersion": "glovebox.dev/v1alpha1",
                    "kind": key.kind,
                    "metadata": metadata,
                    "spec": spec,
                }
            )
        await parts.resync.sweep(DATASET_PIN.kind)
        assert parts.ports.resources.get(gone) is None
        queue = parts.workers.queue_of(gone)
        woken = set()
        for _ in range(len(queue)):
            key, _priority = await queue.take()
            woken.add(key)
            queue.done(key)
        assert {gone, user} <= woken


async def test_work_begins_only_when_every_kind_is_known(
    cluster: Cluster, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    del team
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    async with open_operator(Settings(), log_in) as parts:
        assert "our own kinds" in (parts.not_ready_reason() or "")
        await parts.resync.prime()
        assert parts.ports.resources.get(Key("IsolationProfile", "", "standard")) is not None
        assert "our own kinds" not in (parts.not_ready_reason() or "")
