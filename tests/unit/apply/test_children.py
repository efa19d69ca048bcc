"""The cache tells news from echoes: our own writes wake nobody, everything else wakes the owner."""

from __future__ import annotations

from typing import Any

from glovebox.apply.children import Children
from glovebox.desired.difference import fingerprint
from glovebox.kube.kinds import CHILD_KINDS, CONFIG_MAP, NAMESPACE, NETWORK_POLICY, Kind
from glovebox.kube.objects import key_of

SPACE = "gbx-team-exp-0123456789"


def policy(
    version: int = 1, *, name: str = "deny", uid: str = "u1", namespace: str = SPACE, **spec: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(version),
        },
        "spec": {"podSelector": {}, **spec},
    }


class Cache:
    """Children with a list of who was woken."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.children = Children(self.woken.append)
        self.children.claim(SPACE, "Experiment/team/exp")

    def wrote(self, obj: dict[str, Any], kind: Kind = NETWORK_POLICY) -> None:
        self.children.want(key_of(kind, obj), fingerprint(obj))
        self.children.wrote(kind, obj)


def test_the_echo_of_our_own_write_is_no_news_whether_it_comes_before_or_after_the_answer() -> None:
    cache = Cache()
    obj = policy()
    cache.children.want(key_of(NETWORK_POLICY, obj), fingerprint(obj))
    cache.children.seen(NETWORK_POLICY, obj)
    cache.children.wrote(NETWORK_POLICY, obj)
    cache.children.seen(NETWORK_POLICY, obj)
    assert cache.woken == []


def test_an_edit_wakes_the_owner_once_and_a_status_change_wakes_nobody() -> None:
    cache = Cache()
    cache.wrote(policy(1))
    cache.children.seen(NETWORK_POLICY, {**policy(2), "status": {"x": 1}})
    assert cache.woken == []
    cache.children.seen(NETWORK_POLICY, policy(3, egress=[{}]))
    cache.children.seen(NETWORK_POLICY, policy(4, egress=[{}]))
    assert cache.woken == ["Experiment/team/exp"]


def test_an_event_from_before_our_last_write_is_ignored() -> None:
    cache = Cache()
    cache.wrote(policy(5))
    cache.children.seen(NETWORK_POLICY, policy(4, egress=[{}]))
    cache.children.gone(NETWORK_POLICY, policy(4))
    assert cache.woken == []
    assert cache.children.get(key_of(NETWORK_POLICY, policy())) is not None


def test_a_deletion_wakes_the_owner_and_one_of_an_older_namesake_does_not() -> None:
    cache = Cache()
    cache.wrote(policy(5, uid="new"))
    cache.children.gone(NETWORK_POLICY, policy(6, uid="old"))
    assert cache.woken == []
    cache.children.gone(NETWORK_POLICY, policy(7, uid="new"))
    assert cache.woken == ["Experiment/team/exp"]


def test_what_a_complete_list_does_not_hold_is_gone() -> None:
    cache = Cache()
    cache.wrote(policy(5))
    cache.children.listed(NETWORK_POLICY, set())
    assert cache.woken == ["Experiment/team/exp"]
    assert cache.children.get(key_of(NETWORK_POLICY, policy())) is None


def test_a_list_of_one_kind_says_nothing_of_another() -> None:
    cache = Cache()
    cache.wrote(policy(5))
    cache.children.listed(CONFIG_MAP, set())
    assert cache.woken == []


def test_a_foreign_policy_is_news_and_a_foreign_object_of_another_kind_is_not() -> None:
    cache = Cache()
    cache.children.seen(NETWORK_POLICY, policy(name="allow-all", uid="x"))
    assert cache.woken == ["Experiment/team/exp"]
    cache.children.seen(CONFIG_MAP, {**policy(name="notes", uid="y"), "kind": "ConfigMap"})
    assert len(cache.woken) == 1


def test_nothing_outside_of_experiments_namespaces_is_kept() -> None:
    cache = Cache()
    cache.children.seen(NETWORK_POLICY, policy(namespace="kube-system"))
    assert list(cache.children.namespaces()) == []


def test_a_namespace_that_begins_to_go_wakes_its_owner() -> None:
    cache = Cache()
    space = {"kind": "Namespace", "metadata": {"name": SPACE, "uid": "n", "resourceVersion": "1"}}
    cache.wrote(space, NAMESPACE)
    leaving = {
        "kind": "Namespace",
        "metadata": {
            **space["metadata"],
            "resourceVersion": "2",
            "deletionTimestamp": "2026-01-01T00:00:00Z",
        },
    }  # type: ignore[dict-item]
    cache.children.seen(NAMESPACE, leaving)
    assert cache.woken == ["Experiment/team/exp"]


def test_it_is_primed_only_when_every_kind_was_listed() -> None:
    cache = Cache()
    for kind in CHILD_KINDS[:-1]:
        cache.children.listed(kind, set())
    assert not cache.children.primed
    cache.children.listed(CHILD_KINDS[-1], set())
    assert cache.children.primed


def test_a_released_namespace_wakes_nobody() -> None:
    cache = Cache()
    cache.wrote(policy(5))
    cache.children.release(SPACE)
    cache.children.gone(NETWORK_POLICY, policy(6))
    assert cache.woken == []
