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
        self.now = 0.0
        self.children = Children(self.woken.append, lambda: self.now)
        self.children.claim(SPACE, "Experiment/team/exp")

    def wrote(self, obj: dict[str, Any], kind: Kind = NETWORK_POLICY) -> None:
        self.children.want(key_of(kind, obj), fingerprint(obj))
        self.children.wrote(kind, obj)

    def list(self, kind: Kind, version: int, *items: dict[str, Any]) -> None:
        listing = self.children.table(kind).listing()
        listing.page(version, items)
        listing.end(version)


def test_the_echo_of_our_own_write_is_no_news_whether_it_comes_before_or_after_the_answer() -> None:
    cache = Cache()
    obj = policy()
    cache.children.want(key_of(NETWORK_POLICY, obj), fingerprint(obj))
    cache.children.table(NETWORK_POLICY).seen(obj)
    cache.children.wrote(NETWORK_POLICY, obj)
    cache.children.table(NETWORK_POLICY).seen(obj)
    assert cache.woken == []


def test_an_edit_wakes_the_owner_once_and_a_status_change_wakes_nobody() -> None:
    cache = Cache()
    cache.wrote(policy(1))
    cache.children.table(NETWORK_POLICY).seen({**policy(2), "status": {"x": 1}})
    assert cache.woken == []
    cache.children.table(NETWORK_POLICY).seen(policy(3, egress=[{}]))
    cache.children.table(NETWORK_POLICY).seen(policy(4, egress=[{}]))
    assert cache.woken == ["Experiment/team/exp"]


def test_an_event_from_before_our_last_write_is_ignored() -> None:
    cache = Cache()
    cache.wrote(policy(5))
    cache.children.table(NETWORK_POLICY).seen(policy(4, egress=[{}]))
    cache.children.table(NETWORK_POLICY).gone(policy(4))
    assert cache.woken == []
    assert cache.children.get(key_of(NETWORK_POLICY, policy())) is not None


def test_a_deletion_wakes_the_owner_and_one_of_an_older_namesake_does_not() -> None:
    cache = Cache()
    cache.wrote(policy(5, uid="new"))
    cache.children.table(NETWORK_POLICY).gone(policy(6, uid="old"))
    assert cache.woken == []
    cache.children.table(NETWORK_POLICY).gone(policy(7, uid="new"))
    assert cache.woken == ["Experiment/team/exp"]


def test_what_a_complete_list_does_not_hold_is_gone() -> None:
    cache = Cache()
    cache.wrote(policy(5))
    cache.list(NETWORK_POLICY, 9)
    assert cache.woken == ["Experiment/team/exp"]
    assert cache.children.get(key_of(NETWORK_POLICY, policy())) is None


def test_what_a_read_of_one_namespace_does_not_hold_is_gone_from_there_alone() -> None:
    cache, elsewhere = Cache(), f"{SPACE[:-1]}1"
    kept, lost = policy(3), policy(4, name="lost", uid="u2")
    later = policy(8, name="later", uid="u3")
    others = policy(5, uid="u4", namespace=elsewhere)
    for each in (kept, lost, later, others):
        cache.wrote(each)
    asked = cache.children.moment(NETWORK_POLICY)
    cache.children.listed(NETWORK_POLICY, SPACE, [kept], 7, asked=asked)
    known = [key.name for key in cache.children.in_namespace(SPACE)]
    assert known == ["deny", "later"], "what was written since is in no such list"
    assert [key.name for key in cache.children.in_namespace(elsewhere)] == ["deny"]
    assert not cache.children.is_as_wanted(SPACE, NETWORK_POLICY)
    assert cache.woken == ["Experiment/team/exp"]


def test_a_list_of_one_kind_says_nothing_of_another() -> None:
    cache = Cache()
    cache.wrote(policy(5))
    cache.list(CONFIG_MAP, 9)
    assert cache.woken == []


def test_a_foreign_policy_is_news_and_a_foreign_object_of_another_kind_is_not() -> None:
    cache = Cache()
    cache.children.table(NETWORK_POLICY).seen(policy(name="allow-all", uid="x"))
    assert cache.woken == ["Experiment/team/exp"]
    cache.children.table(CONFIG_MAP).seen({**policy(name="notes", uid="y"), "kind": "ConfigMap"})
    assert len(cache.woken) == 1


def test_nothing_outside_of_experiments_namespaces_is_kept() -> None:
    cache = Cache()
    cache.children.table(NETWORK_POLICY).seen(policy(namespace="kube-system"))
    assert list(cache.children.namespaces()) == []


def test_a_namespace_that_begins_to_go_wakes_its_owner() -> None:
    cache = Cache()
    metadata = {"name": SPACE, "uid": "n", "resourceVersion": "1"}
    cache.wrote({"kind": "Namespace", "metadata": metadata}, NAMESPACE)
    leaving = {**metadata, "resourceVersion": "2", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    cache.children.table(NAMESPACE).seen({"kind": "Namespace", "metadata": leaving})
    assert cache.woken == ["Experiment/team/exp"]


def test_it_is_primed_only_when_every_kind_was_listed() -> None:
    cache = Cache()
    for kind in CHILD_KINDS[:-1]:
        cache.list(kind, 9)
    assert not cache.children.primed
    cache.list(CHILD_KINDS[-1], 9)
    assert cache.children.primed


def test_a_released_namespace_wakes_nobody() -> None:
    cache = Cache()
    cache.wrote(policy(5))
    cache.children.release(SPACE)
    cache.children.table(NETWORK_POLICY).gone(policy(6))
    assert cache.woken == []


def test_a_reported_difference_that_another_hand_takes_back_wakes_the_owner_again() -> None:
    """With drift policy Alert nobody repairs: the report must end when the difference does."""
    cache = Cache()
    cache.wrote(policy(1))
    cache.children.table(NETWORK_POLICY).seen(policy(2, egress=[{}]))
    cache.children.table(NETWORK_POLICY).seen(policy(3))
    assert len(cache.woken) == 2
    cache.children.table(NETWORK_POLICY).seen(policy(4))
    assert len(cache.woken) == 2


def test_a_reported_difference_outlives_a_change_of_nothing_that_is_owned() -> None:
    cache = Cache()
    cache.wrote(policy(1))
    for version in (2, 3):
        cache.children.table(NETWORK_POLICY).seen(policy(version, egress=[{}]))
    assert cache.children.differing_since(key_of(NETWORK_POLICY, policy())) is not None
    cache.children.table(NETWORK_POLICY).seen(policy(4))
    assert len(cache.woken) == 2


def test_what_is_no_policy_and_was_held_wakes_nobody_when_it_is_gone() -> None:
    cache = Cache()
    ours = policy(1) | {"kind": "ConfigMap", "apiVersion": "v1"}
    cache.children.table(CONFIG_MAP).seen(ours)
    ours["metadata"] |= {"deletionTimestamp": "2026-11-26T00:00:00Z", "finalizers": ["e.com/x"]}
    ours["metadata"]["resourceVersion"] = "2"
    cache.children.wrote(CONFIG_MAP, ours)  # the answer to our own deletion
    ours["metadata"]["resourceVersion"] = "3"
    cache.children.table(CONFIG_MAP).gone(ours)
    assert cache.woken == []


def test_a_foreign_policy_that_goes_again_wakes_the_owner_again() -> None:
    cache = Cache()
    cache.children.table(NETWORK_POLICY).seen(policy(1, name="allow-all", uid="x"))
    cache.children.table(NETWORK_POLICY).gone(policy(2, name="allow-all", uid="x"))
    assert len(cache.woken) == 2


def test_a_foreign_policy_that_its_finalizers_held_wakes_the_owner_when_it_is_gone() -> None:
    cache = Cache()
    foreign = policy(1, name="foreign", uid="u9")
    cache.children.table(NETWORK_POLICY).seen(foreign)
    leaving = policy(2, name="foreign", uid="u9")
    leaving["metadata"] |= {"deletionTimestamp": "2026-11-26T00:00:00Z", "finalizers": ["e.com/x"]}
    cache.children.wrote(NETWORK_POLICY, leaving)  # the answer to our own deletion
    cache.woken.clear()
    cache.children.table(NETWORK_POLICY).gone(policy(3, name="foreign", uid="u9"))
    assert cache.woken == ["Experiment/team/exp"]


def test_our_own_repair_wakes_nobody() -> None:
    cache = Cache()
    cache.wrote(policy(1))
    cache.children.table(NETWORK_POLICY).seen(policy(2, egress=[{}]))
    cache.children.wrote(NETWORK_POLICY, policy(3))
    cache.children.table(NETWORK_POLICY).seen(policy(3))
    assert len(cache.woken) == 1


def test_our_own_deletion_is_no_news() -> None:
    cache = Cache()
    cache.wrote(policy(1))
    key = key_of(NETWORK_POLICY, policy())
    cache.children.forgot(key, policy()["metadata"]["uid"], 10)
    cache.children.table(NETWORK_POLICY).seen(policy(1))
    assert cache.children.get(key) is None
    cache.children.table(NETWORK_POLICY).gone(policy(2))
    assert cache.woken == []


def test_an_object_that_is_being_deleted_says_so() -> None:
    cache = Cache()
    cache.wrote(policy(1))
    leaving = policy(2)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cache.children.table(NETWORK_POLICY).seen(leaving)
    child = cache.children.get(key_of(NETWORK_POLICY, policy()))
    assert child is not None
    assert child.leaving


def test_releasing_a_namespace_leaves_nothing_of_it_and_all_of_the_others() -> None:
    cache = Cache()
    other = "gbx-team-other-0123456789"
    cache.children.claim(other, "Experiment/team/other")
    for space in (SPACE, other):
        cache.wrote(namespace(4, "first", space), NAMESPACE)
        cache.wrote(policy(5, namespace=space))
        cache.children.table(NETWORK_POLICY).seen(policy(6, namespace=space, egress=[{}]))
    cache.children.release(SPACE)
    # Who is not its owner any more is told nothing, and nothing is kept to be told.
    cache.children.table(NETWORK_POLICY).seen(policy(7, egress=[{}, {}]))
    kept = [each for each in vars(cache.children).items() if isinstance(each[1], dict)]
    assert [name for name, each in kept if SPACE in each] == ["_in_namespace"]
    assert {name for name, each in kept if other in each} == {
        "_in_namespace",
        "_wanted",
        "_differing",
        "_owners",
        "_news",
        "_uids",
    }


def namespace(version: int, uid: str, name: str = SPACE) -> dict[str, Any]:
    metadata = {"name": name, "uid": uid, "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def test_what_the_watch_told_of_the_next_namespace_before_that_is_seen_stays() -> None:
    cache = Cache()
    cache.wrote(namespace(1, "first"), NAMESPACE)
    cache.wrote(policy(2, name="former"))
    cache.children.table(NAMESPACE).gone(namespace(8, "first"))
    cache.children.table(NETWORK_POLICY).seen(policy(10, uid="u2"))
    cache.children.table(NAMESPACE).seen(namespace(9, "second"))
    assert cache.children.get(key_of(NETWORK_POLICY, policy(name="former"))) is None
    assert cache.children.get(key_of(NETWORK_POLICY, policy())) is not None


def test_what_is_held_and_was_not_known_is_left_to_its_watch() -> None:
    cache = Cache()
    held = policy(5)
    held["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x/held"]}
    cache.children.stayed(NETWORK_POLICY, held)
    assert cache.children.get(key_of(NETWORK_POLICY, held)) is None
    cache.wrote(policy(4))
    cache.children.stayed(NETWORK_POLICY, held)
    known = cache.children.get(key_of(NETWORK_POLICY, held))
    assert known is not None
    assert known.finalizers == ("x/held",)


def test_what_was_in_a_namespace_of_the_same_name_before_counts_for_nothing() -> None:
    cache = Cache()
    cache.wrote(namespace(1, "first"), NAMESPACE)
    cache.wrote(policy(2))
    # The watch of policies is silent while the namespace is deleted and created again.
    cache.children.table(NAMESPACE).gone(namespace(8, "first"))
    cache.wrote(namespace(9, "second"), NAMESPACE)
    assert cache.children.get(key_of(NETWORK_POLICY, policy())) is None
    # What it still tells of the former one does not bring it back.
    cache.children.table(NETWORK_POLICY).seen(policy(3))
    assert cache.children.get(key_of(NETWORK_POLICY, policy())) is None
    cache.wrote(policy(10, uid="u2"))
    assert cache.children.get(key_of(NETWORK_POLICY, policy())) is not None


def test_since_when_an_object_differs_is_known_until_it_is_as_wanted_by_whatever_hand() -> None:
    cache = Cache()
    key = key_of(NETWORK_POLICY, policy())
    wanted = fingerprint(policy())
    cache.wrote(policy(1))
    assert cache.children.differing_since(key) is None
    cache.now = 10.0
    cache.children.table(NETWORK_POLICY).seen(policy(2, egress=[{}]))
    cache.now = 20.0
    cache.children.table(NETWORK_POLICY).seen(policy(3, egress=[{}, {}]))
    cache.children.want(key, wanted)
    assert cache.children.differing_since(key) == 10.0, "from its first difference on"
    cache.children.table(NETWORK_POLICY).seen(policy(4))
    assert cache.children.differing_since(key) is None, "another hand took it back"
    cache.now = 30.0
    cache.children.table(NETWORK_POLICY).gone(policy(5))
    assert cache.children.differing_since(key) == 30.0
    cache.children.wrote(NETWORK_POLICY, policy(6))
    assert cache.children.differing_since(key) is None, "we restored it"


def test_what_is_wanted_otherwise_from_now_on_does_not_differ_any_more() -> None:
    cache = Cache()
    changed = policy(2, egress=[{}])
    key = key_of(NETWORK_POLICY, changed)
    cache.wrote(policy(1))
    cache.children.table(NETWORK_POLICY).seen(changed)
    assert cache.children.differing_since(key) == 0.0
    cache.children.want(key, fingerprint(changed))
    assert cache.children.differing_since(key) is None


def test_since_when_a_namespace_differs_is_known_as_well() -> None:
    cache = Cache()

    def at(version: int, **labels: str) -> dict[str, Any]:
        metadata = {"name": SPACE, "uid": "n", "resourceVersion": str(version), "labels": labels}
        return {"kind": "Namespace", "metadata": metadata}

    key = key_of(NAMESPACE, at(1))
    cache.wrote(at(1, **{"glovebox.dev/state": "Open"}), NAMESPACE)
    cache.now = 10.0
    cache.children.table(NAMESPACE).seen(at(2))
    assert cache.children.differing_since(key) == 10.0
    cache.children.wrote(NAMESPACE, at(3, **{"glovebox.dev/state": "Open"}))
    assert cache.children.differing_since(key) is None


def test_what_is_wanted_no_more_is_not_kept() -> None:
    cache = Cache()
    first, second = (key_of(NETWORK_POLICY, policy(name=name)) for name in ("a", "b"))
    for key in (first, second):
        cache.children.want(key, b"content")
    cache.children.want(first, None)
    assert (cache.children.wanted(first), cache.children.wanted(second)) == (None, b"content")
    cache.children.want(second, None)
    cache.children.want(second, None)
    assert cache.children._wanted == {}


def test_a_kind_is_as_wanted_whatever_became_of_others() -> None:
    cache = Cache()
    cache.wrote(policy(1))
    cache.children.table(NETWORK_POLICY).seen(policy(2, egress=[{}]))
    assert not cache.children.is_as_wanted(SPACE, NETWORK_POLICY)
    assert cache.children.is_as_wanted(SPACE, CONFIG_MAP)


def test_what_a_read_of_one_namespace_holds_is_known() -> None:
    cache = Cache()
    asked = cache.children.moment(NETWORK_POLICY)
    cache.children.listed(NETWORK_POLICY, SPACE, [policy(3)], 4, asked=asked)
    assert cache.children.get(key_of(NETWORK_POLICY, policy())) is not None


def test_a_namespace_that_is_changed_keeps_what_is_known_of_it() -> None:
    cache = Cache()
    cache.children.table(NETWORK_POLICY).seen(policy(2))
    for version in (5, 9):
        cache.children.table(NAMESPACE).seen(namespace(version, "first"))
        assert cache.children.get(key_of(NETWORK_POLICY, policy())) is not None


def test_nothing_is_kept_of_a_namespace_in_which_nothing_is() -> None:
    cache = Cache()
    for name in ("a", "b"):
        cache.children.table(NETWORK_POLICY).seen(policy(2, name=name))
    cache.children.table(NETWORK_POLICY).gone(policy(3, name="a"))
    assert list(cache.children.in_namespace(SPACE)) == [key_of(NETWORK_POLICY, policy(name="b"))]
    assert cache.children.namespaces() == (SPACE,)
    cache.children.table(NETWORK_POLICY).gone(policy(4, name="b"))
    assert cache.children.namespaces() == ()


def test_what_comes_to_be_as_wanted_by_another_hand_wakes_nobody() -> None:
    """The process before this one wrote it, and its watch tells of that late."""
    cache = Cache()
    changed = policy(2, egress=[{}])
    cache.wrote(policy(1))
    cache.children.want(key_of(NETWORK_POLICY, changed), fingerprint(changed))
    cache.children.table(NETWORK_POLICY).seen(changed)
    assert cache.woken == []


def test_of_a_namespace_nothing_is_news_but_that_it_goes_or_is_not_as_wanted() -> None:
    cache = Cache()
    cache.wrote(namespace(1, "first"), NAMESPACE)
    cache.children.table(NAMESPACE).seen(namespace(2, "first"))
    assert cache.woken == []
    other = {**namespace(3, "first")["metadata"], "labels": {"a": "b"}}
    cache.children.table(NAMESPACE).seen({**namespace(3, "first"), "metadata": other})
    assert cache.woken == ["Experiment/team/exp"]


def test_that_we_deleted_a_namespace_is_no_news() -> None:
    cache = Cache()
    key = key_of(NAMESPACE, namespace(1, "first"))
    cache.wrote(namespace(1, "first"), NAMESPACE)
    cache.children.want(key, None)
    cache.children.forgot(key, "first", 1)
    assert cache.woken == []


def test_what_is_as_wanted_again_ends_its_own_difference_alone() -> None:
    cache = Cache()
    keys = [key_of(NETWORK_POLICY, policy(name=name)) for name in ("a", "b")]
    for name in ("a", "b"):
        cache.wrote(policy(1, name=name))
        cache.children.table(NETWORK_POLICY).seen(policy(2, name=name, egress=[{}]))
    cache.children.table(NETWORK_POLICY).seen(policy(3, name="a"))
    assert [cache.children.differing_since(key) for key in keys] == [None, 0.0]
    cache.children.table(NETWORK_POLICY).seen(policy(4, name="b"))
    assert cache.children._differing == {}
