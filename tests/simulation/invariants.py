"""What Glovebox promises, as it is checked after every request and at the end of every run.

Each promise is one function below. Those that begin with `never_` are checked at every change of
the server; those that begin with `in_the_end_` once faults have stopped and everybody had time.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from glovebox import names
from glovebox.api import reasons
from glovebox.apply.events import REPEAT_SECONDS
from glovebox.controllers.message_pace import FIRST_SECONDS
from glovebox.engine.tasks import REFUSED_SECONDS
from glovebox.evidence.after_seal import SUPPLEMENT_NAME
from glovebox.evidence.run_facts import SESSIONS_END
from glovebox.evidence.statement import STATEMENT_NAME
from glovebox.kube.kinds import (
    ACCESS_GRANT,
    CONFIG_MAP,
    DATASET_PIN,
    EVENT,
    EXPERIMENT,
    FEATURE_SET_PIN,
    ISOLATION_PROFILE,
    JOB,
    JOB_SET,
    LEASE,
    NAMESPACE,
    NETWORK_POLICY,
    OBJECT_STORE,
    PERSISTENT_VOLUME,
    POD,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    SPLIT_PIN,
    Kind,
)
from glovebox.status.words import differ_in_words_alone
from glovebox.store.grant_uses import PREFIX as GRANTS
from glovebox.store.sealing import PREFIX, seal_folder
from simulation import bugs_told
from simulation.api_server import ADMINISTRATOR, Asked, Change
from simulation.faults import Rule
from simulation.key_promise import Keys
from simulation.lineage_promise import untold
from simulation.people import People
from simulation.process import OPERATOR, RESYNC_SECONDS
from simulation.promises import ISOLATION, POLICIES, QUOTA, Ledger, Standing
from simulation.quiet import CLOCKS_DIFFER, is_due
from simulation.world import BUCKET, TEAM, World, condition, is_true

Json = dict[str, Any]
# How far a healthy cache is behind, plus one look.
_LAG_SECONDS: Final = 10.0
# The same after a gap in a watch that nobody can notice: until the next list of everything.
_RESYNC_SECONDS: Final = 600.0 + 2 * RESYNC_SECONDS
# Nine for one with a run, and three while store and pin are not ready.
_MOST_STATUS_WRITES: Final = 12
# A use is noted before it is taken, and may be waited for.
_WRITES_OF_A_USE: Final = 2
_ON_ITS_WAY: Final = 0.1
# A live list whose answer hangs, and what is decided by it.
_LOOK_SECONDS: Final = 40.0
# By how much chance may shorten the rest of what the store refused.
_SELDOM: Final = 0.75
# So long what such a try comes to goes on: the pins of a split, and their own checks, follow.
_SOON_AFTER: Final = 60.0
_ACCESS: Final = (
    (ROLE_BINDING, names.TENANT_ROLE_BINDING),
    (JOB, names.RUN_JOB),
    (JOB_SET, names.RUN_JOB),
)
_SECRETS: Final = ((SECRET, names.CREDENTIALS_SECRET),)


class BrokenPromise(AssertionError):  # noqa: N818 - it is what it says
    """A promise was broken: which one, and by what."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


class Promises:
    """All promises about one world.

    Args:
        world: Which.
        gaps: Whether watches may have unnoticed gaps.
        only_transient: Whether nothing but short faults happens, so that what stands must go on
            being told so.
        strict_secrets: Whether credentials count as access.
        drift: The profile's policy for objects that people changed.
        lag: How far a cache may be behind; None: as `gaps` says.
        people: Who breaks the glass.
    """

    def __init__(
        self,
        world: World,
        *,
        gaps: bool,
        only_transient: bool,
        strict_secrets: bool = True,
        drift: str = "Repair",
        lag: float | None = None,
        people: People | None = None,
    ) -> None:
        self.drift = drift
        self._world = world
        self._people = people
        self._lag = lag or (_RESYNC_SECONDS if gaps else _LAG_SECONDS)
        self._only_transient = only_transient
        self._access = (*_ACCESS, *(_SECRETS if strict_secrets else ()))
        self.ledger = Ledger(world.server, OPERATOR)
        self.broken: list[BrokenPromise] = []
        self.runs: Counter[str] = Counter()
        self.seals: Counter[str] = Counter()
        self.status_writes: Counter[str] = Counter()
        self._status_sent: dict[str, float] = {}
        # Of each write of the operator: when, at which time of day, and what.
        self.writes: list[tuple[float, datetime, Change]] = []
        self._leader = ("", 0.0)
        # When the lease was renewed last, and for how long nobody had when it changed hands.
        self._renewed, self._led_by_nobody = 0.0, 0.0
        # By grant and content: the Experiments that were bound by it, with the number of their use.
        self._uses: dict[tuple[str, str], dict[str, int]] = {}
        # Since when no grant of a namespace lets others compare, and when each of them went.
        self._leave: dict[str, set[str]] = {}
        self._no_leave_since: dict[str, float] = {}
        self._foreign: dict[str, str] = {}
        self._born: dict[str, float] = {}
        # What the platform refuses for ever, once all is over.
        self._refused: Collection[Rule] = ()
        self._experiments: dict[str, Json] = {}
        # On a stage thieves sign as well.
        self._keys = Keys(world) if people is not None else None
        world.server.on_change.append(self._see)
        world.server.on_delete.append(self.never_deletes_without_uid)
        world.store.on_write.append(self.never_sealed_twice)
        world.store.on_write.append(self.never_signed_while_open)
        world.store.on_write.append(self.never_listed_last_before_it_is)
        world.store.on_write.append(self.never_a_secret_in_a_log)
        world.store.on_write.append(self.never_signed_with_a_former_key)
        world.on_stale = self.never_written_on_what_is_older

    def never_used_more_often_than_granted(self, change: Change) -> None:
        """As many Experiments are bound by a grant as it allows, each by a use of its own."""
        if change.served.kind != EXPERIMENT:
            return
        status, uid = change.last.get("status") or {}, change.last["metadata"]["uid"]
        for entry in status.get("inputs") or ():
            owner = str(entry.get("pinRef") or "").rpartition("/")[0]
            used_of = {each["grantRef"].partition("/")[0] for each in entry.get("grants") or ()}
            if owner and owner not in used_of:
                self._break("17 no use beyond a grant", f"{uid} uses {entry['pinRef']} without one")
            for grant in entry.get("grants") or ():
                root = grant.get("contentRoot") or entry["digest"]
                used = self._uses.setdefault((grant["grantRef"], root), {})
                taken = used.setdefault(uid, grant["use"])
                is_shared = list(used.values()).count(taken) > 1
                if len(used) > grant["uses"] or is_shared or taken != grant["use"]:
                    self._break("17 no use beyond a grant", f"{grant['grantRef']}: {used}")
        self._check_records()

    def _check_records(self) -> None:
        """Hold the store to it as well: each Experiment has one use of a grant at most."""
        bucket = self._world.store.buckets.get(BUCKET)
        found: Counter[tuple[str, str]] = Counter()
        for key, versions in (bucket.keys if bucket is not None else {}).items():
            if key.startswith(GRANTS):
                found[key.rpartition("/")[0], json.loads(versions[0].body)["uid"]] += 1
        for (folder, uid), count in found.items():
            if count > 1:
                self._break("17 no use beyond a grant", f"{uid} took {count} uses of {folder}")

    def _see_grant(self, change: Change, now: float) -> None:
        """Note whether a namespace lets others compare with what it has."""
        if change.served.kind != ACCESS_GRANT or "statistics" not in change.last["spec"]["roles"]:
            return
        namespace, name = change.key
        given = self._leave.setdefault(namespace, set())
        if change.new is None or change.new["spec"].get("revoked") or _is_going(change.new):
            given.discard(name)
        else:
            given.add(name)
        if given:
            self._no_leave_since.pop(namespace, None)
        else:
            self._no_leave_since.setdefault(namespace, now)

    def never_compared_without_leave(self, change: Change) -> None:
        """A distribution is compared with data of another namespace while a grant of it says so."""
        if change.served.kind != DATASET_PIN or change.new is None:
            return
        namespace = change.key[0]
        found, before = (
            ((obj or {}).get("status") or {}).get("distribution")
            for obj in (change.new, change.old)
        )
        owner = str((found or {}).get("against") or "").rpartition("/")[0]
        if found == before or owner in ("", namespace):
            return
        sent_at = min(self._world.loop.time(), self._world.server.sent_at)
        # Before the first grant there never was any.
        since = self._no_leave_since.get(owner, math.inf if self._leave.get(owner) else -math.inf)
        if sent_at - since > _LOOK_SECONDS:
            self._break("18 no comparison without leave", f"{namespace} compared with {owner}")

    def _break(self, promise: str, what: str) -> None:
        if any(each.promise == promise for each in self.broken):
            return  # the first one tells the story
        self._world.story.tell("PROMISE", f"{promise} IS BROKEN: {what}")
        self.broken.append(BrokenPromise(promise, what))

    def _see(self, change: Change) -> None:
        now = self._world.loop.time()
        self._remember_makers(change)
        self.never_takes_a_key_out(change)
        self._forget_unrecorded(change)
        self._see_grant(change, now)
        if change.user == OPERATOR:
            self.writes.append((now, self._world.clock.now(), change))
            self.never_access_before_isolation(change)
            self.never_used_more_often_than_granted(change)
            self.never_compared_without_leave(change)
            self.never_touches_what_others_made(change)
            self.never_runs_twice(change)
            self.never_repairs_by_deletion(change)
            self.never_lets_go_too_early(change)
            self.never_closes_what_has_an_owner(change)
            self.never_unmarks_what_is_in_use(change)
            self.never_removes_an_orphan_unsealed(change)
            self.never_written_by_who_does_not_lead(change, now)
            if change.served.kind == EXPERIMENT and change.new is not None:
                self._see_status(change, now)
        self.ledger.see(change, now)
        if change.served.kind == EXPERIMENT and change.old is None:
            self._born[change.last["metadata"]["uid"]] = now
        if change.served.kind == EXPERIMENT:
            self._experiments[change.last["metadata"]["uid"]] = change.last

    def _see_status(self, change: Change, now: float) -> None:
        assert change.new is not None
        before = (change.old or {}).get("status") or {}
        after = change.new.get("status") or {}
        if before == after:
            return
        uid = change.last["metadata"]["uid"]
        self.status_writes[uid] += 1
        # What hangs on its way says what was so when it was sent.
        sent_at = min(now, self._world.server.sent_at)
        since = sent_at - self._status_sent.get(uid, -math.inf)
        self._status_sent[uid] = sent_at
        self.never_written_for_words_at_once(uid, before, after, since)
        self.never_true_of_what_is_not_so(change.new, sent_at)
        self.never_provisioned_before_it_is(before, change.new, sent_at)
        self.never_bound_before_inputs_are_compared(before, change.new)
        self.never_not_ready_by_a_hiccup(change)
        self.never_reconciling_and_stalled(change.new)

    # -- at every change

    def never_written_for_words_at_once(
        self, uid: str, before: Json, after: Json, since: float
    ) -> None:
        """A status that differs in words alone waits, so that no look costs a write."""
        # Half: what is on its way within the operator is seen here a little later.
        if differ_in_words_alone(before, after) and since < FIRST_SECONDS / 2:
            self._break("6b new words wait", f"{since:.1f} s after the status before, of {uid}")

    def never_access_before_isolation(self, change: Change) -> None:
        """Nobody gets in before every isolation object has stood, once, in that very namespace."""
        namespace, name = change.key
        if change.old is not None or (change.served.kind, name) not in self._access:
            return
        # A request that hung on its way comes into what took the namespace's place: nothing that
        # the operator can send keeps it from that. Its next look closes it again.
        sent_at = min(self._world.loop.time(), self._world.server.sent_at)
        standing = self.ledger.standing(namespace, sent_at)
        if standing is not None and not standing.complete:
            self._break(
                "1 no access before isolation",
                f"{change.served.kind.kind} {name} was created in {namespace} while these were"
                f" missing: {', '.join(standing.missing_since) or 'none'}",
            )

    def never_provisioned_before_it_is(self, before: Json, obj: Json, sent_at: float) -> None:
        """`status.provisioned` is set once, after all stood, for that namespace and digest."""
        latch = obj["status"].get("provisioned")
        if before.get("provisioned") and not latch:
            self._break("2 the latch", f"it was taken away: {before['provisioned']}")
        if not latch or latch == before.get("provisioned"):
            return
        standing = self.ledger.standing(obj["status"].get("namespace", ""), sent_at)
        if standing is None or not standing.complete:
            missing = standing.missing_since if standing is not None else "the namespace"
            self._break("2 the latch", f"set while these were never there: {missing}")
            return
        if latch.get("namespaceUid") not in (None, standing.uid):
            self._break("2 the latch", f"names another namespace than {standing.uid}: {latch}")
        if latch.get("digest") not in (None, obj["status"].get("digest")):
            self._break("2 the latch", f"names another digest: {latch}")

    def never_bound_before_inputs_are_compared(self, before: Json, obj: Json) -> None:
        """What is trained on and what is tested on was compared when the snapshot is recorded."""
        status = obj["status"]
        datasets = (obj["spec"].get("inputs") or {}).get("datasets") or ()
        if before.get("digest") or not status.get("digest") or obj["spec"].get("adopts"):
            return
        if len({entry["role"] for entry in datasets}) > 1:
            rows = {row["type"]: row["level"] for row in status.get("leakage") or ()}
            if rows.get("SharedObjects") != "Measured":
                self._break("1b inputs are compared first", f"the sheet says {rows}")

    def never_true_of_what_is_not_so(self, obj: Json, now: float, *, lag: float = 0.0) -> None:
        """No condition says True of what has not been so for longer than the operator may lag.

        One that was stopped, and still leads when it goes on, has all of that time to hear of, and
        so has one that takes over the time in which nobody could repair.
        """
        went_on, stopped_for = self._world.loop.went_on
        lag = (lag or self._lag) + (stopped_for if now - went_on <= _LAG_SECONDS else 0.0)
        lag += self._led_by_nobody if now - self._leader[1] <= _LAG_SECONDS else 0.0
        namespace = obj["status"].get("namespace", "")
        standing = self.ledger.namespaces.get(namespace)
        for name, problem in self._contradictions(obj, standing, now, lag):
            if is_true(obj, name):
                entry = condition(obj, name)
                self._break(
                    "3 no condition True that is not so",
                    f"{name}={entry['status']} ({entry.get('message', '')}) although {problem}",
                )

    def _contradictions(
        self, obj: Json, standing: Standing | None, now: float, lag: float
    ) -> Iterator[tuple[str, str]]:
        if standing is None:
            gone_at = self.ledger.gone_at.get(obj["status"].get("namespace", ""), now)
            if now - gone_at > lag:
                yield "NamespaceReady", "the namespace is not there"
            return
        missing = standing.missing(longer_than=lag, now=now)
        never = [name for name, since in standing.missing_since.items() if not since]
        # What was Ignored by the profile's word is not told; what never was there always is.
        told = never if self.drift == "Ignore" else missing
        if told:
            yield "NamespaceReady", f"not as declared: {', '.join(told)}"
        if standing.dying_since is not None and now - standing.dying_since > lag:
            yield "NamespaceReady", "the namespace is being deleted"
        bad = [name for name in told if name in QUOTA]
        if bad:
            yield "QuotaApplied", f"not as declared: {', '.join(bad)}"
        bad = [name for name in missing if name in POLICIES]
        if bad:
            yield "Isolated", f"not as declared: {', '.join(bad)}"
        bad = [*(missing if self.drift == "Repair" else never)]
        bad += [] if standing.complete else ["it was never complete"]
        if bad and not is_true(obj, "Sealed"):
            yield "Ready", f"not as declared: {', '.join(bad)}"

    def never_not_ready_by_a_hiccup(self, change: Change) -> None:
        """A fault shorter than the grace changes no condition of what stands.

        What has been broken for longer stands no more: a request may hang for longer than faults
        last.
        """
        if not self._only_transient or change.old is None or change.new is None:
            return
        before, after = condition(change.old, "Ready"), condition(change.new, "Ready")
        if before.get("status") != "True" or change.new["metadata"].get("deletionTimestamp"):
            return
        standing = self.ledger.namespaces.get(change.new["status"].get("namespace", ""))
        now = self._world.loop.time()
        if standing is not None and standing.missing(longer_than=self._lag, now=now):
            return
        if after.get("status") != "True" and after.get("reason") not in ("RunFailed", "Sealed"):
            self._break(
                "9 no hiccup in Ready",
                f"Ready went from True to {after.get('status')}: {after.get('reason')}"
                f" {after.get('message')}",
            )
        if is_true(change.new, "Reconciling"):
            self._break(
                "9 no hiccup in Ready",
                f"Reconciling on what stands: {condition(change.new, 'Reconciling')['message']}",
            )

    def never_reconciling_and_stalled(self, obj: Json) -> None:
        """Something moves by itself, or a person has to act: never both."""
        if is_true(obj, "Reconciling") and is_true(obj, "Stalled"):
            self._break(
                "5 not both Reconciling and Stalled", str(condition(obj, "Stalled")["message"])
            )

    def never_runs_twice(self, change: Change) -> None:
        """One run for each Experiment; but for one that was taken away and left nothing."""
        namespace, name = change.key
        is_run = change.served.kind in (JOB, JOB_SET) and name == names.RUN_JOB
        if not is_run or change.old is not None:
            return
        standing = self.ledger.namespaces.get(namespace)
        uid = standing.experiment if standing is not None else namespace
        self.runs[uid] += 1
        if self.runs[uid] > 1:
            self._break("4 one run", f"a second run was created in {namespace}")

    def _forget_unrecorded(self, change: Change) -> None:
        """Take in that an administrator deleted a run's Job of which no status tells.

        Where it wrote nothing, and its namespace stays, nothing that is left says that it was
        there: the process died between Job and record.
        """
        is_run = change.served.kind in (JOB, JOB_SET) and change.key[1] == names.RUN_JOB
        if not is_run or change.new is not None or change.user != ADMINISTRATOR:
            return
        standing = self.ledger.namespaces.get(change.key[0])
        if standing is None or standing.dying_since is not None or self._wrote(standing.experiment):
            return
        recorded = {
            ((obj.get("status") or {}).get("run") or {}).get("jobUid")
            for obj in self._world.server.everything(EXPERIMENT)
        }
        if change.last["metadata"]["uid"] not in recorded:
            self.runs[standing.experiment] -= 1

    def _wrote(self, uid: str) -> bool:
        """Return whether something lies below the prefix of an Experiment."""
        bucket = self._world.store.buckets.get(BUCKET)
        own = (key for key in (bucket.keys if bucket is not None else ()) if key[0] != ".")
        return any(f"/{uid}/" in key for key in own)

    def never_touches_what_others_made(self, change: Change) -> None:
        """Only what is the operator's own is written: namespaces it made, and what is in them."""
        kind, (namespace, name) = change.served.kind, change.key
        if change.served.is_custom or kind in (EVENT, LEASE) or namespace == "glovebox-system":
            return
        where = name if kind == NAMESPACE else namespace
        if kind.namespaced or kind == NAMESPACE:
            maker = self._foreign.get(where)
            if maker is not None and maker != OPERATOR:
                self._break(
                    "5 nothing of others is touched",
                    f"{kind.kind} {namespace}/{name} in a namespace that {maker} made",
                )

    def never_repairs_by_deletion(self, change: Change) -> None:
        """What isolates is never deleted by the operator while its namespace is there to stay."""
        namespace, name = change.key
        standing = self.ledger.namespaces.get(namespace)
        if change.new is not None or standing is None or standing.dying_since is not None:
            return
        # A snapshot cannot be changed in place; who may add what it holds is not decided by it.
        if (change.served.kind, name) in ISOLATION and change.served.kind != CONFIG_MAP:
            self._break(
                "8b repair deletes nothing", f"{change.served.kind.kind} {namespace}/{name}"
            )

    def never_listed_last_before_it_is(self, bucket: str, key: str, version: str) -> None:
        """The last listing is signed when no session is left that may write there."""
        del bucket, version
        if not key.endswith(SUPPLEMENT_NAME):
            return
        uid, now = key.split("/")[-2], self._world.clock.now()
        # The clocks of operators differ from that of the store.
        alive = [
            session.access_key_id
            for session in self._world.store.sessions.values()
            if f"/{uid}/*" in str(session.policy) and session.expires > now + CLOCKS_DIFFER
        ]
        if alive:
            self._break("14 the last listing is the last", f"{uid}: {alive} may still write")

    def never_a_secret_in_a_log(self, bucket: str, key: str, version: str) -> None:
        """No log that is kept shows a session."""
        if not key.startswith(PREFIX) or "/log." not in key:
            return
        found = next(
            each
            for each in self._world.store.buckets[bucket].keys[key]
            if each.version_id == version
        )
        for token, session in self._world.store.sessions.items():
            if (
                f"= {token}\n".encode() in found.body
                or session.access_key_id.encode() in found.body
            ):
                self._break("15 no secret in a log", f"{key} shows {session.access_key_id}")

    def in_the_end_seals_are_listed_once_more(self) -> None:
        """Whatever became of an Experiment, its seal has a supplement when that was due."""
        listed = {uid for uid, name in self._world.evidence() if name == SUPPLEMENT_NAME}
        for uid, document in self._world.seals().items():
            ends = document["predicate"]["runDetails"]["metadata"][SESSIONS_END]
            due = datetime.fromisoformat(ends) + timedelta(seconds=3 * RESYNC_SECONDS)
            if uid not in listed and self._world.clock.now() > due + CLOCKS_DIFFER:
                self._break("14b listed once more", f"{uid}, whose sessions ended at {ends}")

    def never_lets_go_too_early(self, change: Change) -> None:
        """An Experiment is let go only when what its deletion policy says has been done."""
        if change.served.kind != EXPERIMENT or change.new is not None:
            return
        obj, server = change.last, self._world.server
        policy = (obj["spec"].get("lifecycle") or {}).get("deletionPolicy", "Freeze")
        for namespace, standing in self.ledger.namespaces.items():
            if standing.experiment != obj["metadata"]["uid"] or standing.made_by != OPERATOR:
                continue
            if policy == "Delete":
                self._break("6 nothing left behind", f"let go while {namespace} is still there")
            if server.peek(SECRET, namespace, names.CREDENTIALS_SECRET) is not None:
                self._break("6 nothing left behind", f"let go with credentials in {namespace}")
            binding = server.peek(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
            if policy == "Freeze" and binding is not None:
                self._break("6 nothing left behind", f"let go with access to {namespace}")

    def never_written_by_who_does_not_lead(self, change: Change, now: float) -> None:
        """Once a replica has taken the lease, no other one writes anything."""
        server = self._world.server
        if change.served.kind == LEASE:
            holder = change.last["spec"].get("holderIdentity") or ""
            if holder != self._leader[0]:
                self._leader, self._led_by_nobody = (holder, now), now - self._renewed
            if change.user == OPERATOR:
                self._renewed = now
            return
        holder, since = self._leader
        acting = server.acting
        # A request that was on its way when the lease changed hands is within the margin.
        if not holder or not acting or change.served.kind == EVENT or now - since < _ON_ITS_WAY:
            return
        if acting != holder:
            self._break(
                "3b only the leader writes",
                f"{acting} wrote {change.served.kind.plural} {change.key} while {holder} leads",
            )

    def never_closes_what_has_an_owner(self, change: Change) -> None:
        """A namespace is closed as an orphan only when its Experiment is gone, or going."""
        if change.served.kind != NAMESPACE or change.new is None or change.old is None:
            return
        old, new = (
            (obj["metadata"].get("labels") or {}).get(names.LABEL_STATE)
            for obj in (change.old, change.new)
        )
        if new != names.STATE_RETAINED or old == new:
            return
        uid = (change.new["metadata"].get("labels") or {}).get(names.LABEL_EXPERIMENT_UID)
        for obj in self._world.server.everything(EXPERIMENT):
            if obj["metadata"]["uid"] == uid and not obj["metadata"].get("deletionTimestamp"):
                self._break(
                    "13 no live owner loses its namespace",
                    f"{change.key[1]} was closed while {obj['metadata']['name']} lives",
                )

    def never_removes_an_orphan_unsealed(self, change: Change) -> None:
        """The namespace of a lost Experiment is deleted by policy alone, and sealed before."""
        if change.served.kind != NAMESPACE or change.new is None or self._people is None:
            return
        metadata, before = change.new["metadata"], (change.old or {}).get("metadata", {})
        uid = (metadata.get("labels") or {}).get(names.LABEL_EXPERIMENT_UID, "")
        is_deletion = metadata.get("deletionTimestamp") and not before.get("deletionTimestamp")
        last = self._experiments.get(uid) or {"metadata": {}, "spec": {}}
        if not is_deletion or uid not in self._people.stripped:
            return
        if last["metadata"].get("deletionTimestamp"):
            return  # it was deleted in order before its finalizer was taken
        if (last["spec"].get("lifecycle") or {}).get("deletionPolicy") != "Delete":
            self._break("13c orphans end by policy", f"{change.key[1]} was deleted against it")
        if not self._is_sealed(uid):
            self._break("13c orphans end by policy", f"{change.key[1]} was deleted unsealed")

    def _is_sealed(self, uid: str) -> bool:
        return self.seals[f"{seal_folder(uid)}{STATEMENT_NAME}"] > 0

    def never_unmarks_what_is_in_use(self, change: Change) -> None:
        """The mark of what is in use goes only when nobody uses it any more."""
        kind = change.served.kind
        if kind not in (ISOLATION_PROFILE, OBJECT_STORE, DATASET_PIN) or change.old is None:
            return
        had, has = (
            names.FINALIZER_IN_USE in ((obj or {}).get("metadata", {}).get("finalizers") or ())
            for obj in (change.old, change.new)
        )
        if not had or has:
            return
        users = [
            obj["metadata"]["name"]
            for obj in self._world.server.everything(EXPERIMENT)
            if _uses(obj, kind, change.key[1])
            and self._age_when_sent(obj) > _LOOK_SECONDS
            and not (kind == DATASET_PIN and _is_going(change.old) and not _is_bound(obj))
        ]
        if users:
            self._break(
                "12b what is in use is held", f"{kind.kind} {change.key[1]}, used by {users}"
            )

    def _age_when_sent(self, obj: Json) -> float:
        """Return how long an Experiment had been there when what is being done was sent."""
        sent = min(self._world.loop.time(), self._world.server.sent_at)
        return sent - self._born[obj["metadata"]["uid"]]

    def never_written_on_what_is_older(self, asked: Asked, made_on: int, answered: int) -> None:
        """Nothing is written on a state that is older than the last answer to an own write."""
        self._break(
            "11b own writes are not forgotten",
            f"{asked} on version {made_on}, after its own write was answered with {answered}",
        )

    def never_deletes_without_uid(self, asked: Asked, preconditions: Json) -> None:
        """What took the place of an object in the meantime is never deleted in its stead."""
        if asked.user == OPERATOR and asked.verb == "delete" and not preconditions.get("uid"):
            self._break("10 each DELETE bears a UID", str(asked))

    def never_sealed_twice(self, bucket: str, key: str, version: str) -> None:
        """One seal for each Experiment, ever."""
        if bucket == BUCKET and key.endswith("attestation.dsse.json"):
            self.seals[key] += 1
            if self.seals[key] > 1:
                self._break("4 one seal", f"{key} was written again as {version}")

    def never_signed_while_open(self, bucket: str, key: str, version: str) -> None:
        """Nothing is signed while more may be written, unless the signed statement says so."""
        del version
        if bucket != BUCKET or not key.endswith(STATEMENT_NAME):
            return
        for namespace, standing in self.ledger.namespaces.items():
            statement = f"{seal_folder(standing.experiment)}{STATEMENT_NAME}"
            if standing.made_by != OPERATOR or key != statement:
                continue
            open_by = list(self._open_by(namespace))
            said = str(self._world.seals().get(standing.experiment))
            if open_by and "could not be closed" not in said:
                self._break("4b nothing is signed while it is open", f"{namespace}: {open_by}")

    def never_signed_with_a_former_key(self, bucket: str, key: str, version: str) -> None:
        """A key of seals that was replaced signs nothing any more."""
        if self._keys is not None and bucket == BUCKET:
            for what in self._keys.signed_by_former(key, version):
                self._break("19 a former key signs nothing", what)

    def never_takes_a_key_out(self, change: Change) -> None:
        """A key that signed stays published, with the end that it got, and one key signs."""
        for what in self._keys.see(change) if self._keys is not None else ():
            self._break("19b former keys go on counting", what)

    def in_the_end_all_that_was_signed_verifies(self) -> None:
        """Whatever was signed is verified by the keys that are published."""
        for what in self._keys.unverified() if self._keys is not None else ():
            self._break("19b former keys go on counting", what)

    def _open_by(self, namespace: str) -> Iterator[str]:
        server = self._world.server
        live = server.peek(NAMESPACE, None, namespace) or {"metadata": {}}
        label = (live["metadata"].get("labels") or {}).get(names.LABEL_STATE)
        if label == names.STATE_OPEN:
            yield f"the label says {label}"
        for name in (names.CREDENTIALS_SECRET, names.INPUTS_CREDENTIALS_SECRET):
            if server.peek(SECRET, namespace, name) is not None:
                yield f"Secret {name}"

    def _remember_makers(self, change: Change) -> None:
        if change.served.kind == NAMESPACE:
            name = change.key[1]
            if change.old is None:
                self._foreign[name] = change.user
            elif change.new is None:
                # Its last writes may still be on their way.
                self._foreign.pop(name, None)

    # -- now and then, while nothing is wrong with the operator

    def standing_conditions(self, lag: float) -> None:
        """Check what is shown against what is, for longer than any look takes."""
        now = self._world.loop.time()
        for obj in self._world.server.everything(EXPERIMENT):
            if obj.get("status", {}).get("conditions"):
                self.never_true_of_what_is_not_so(obj, now, lag=lag)

    # -- at the end

    def in_the_end(
        self,
        *,
        quiet_from: float,
        calm: bool,
        refused_for_ever: Collection[Rule],
        expects_ready: bool,
    ) -> None:
        """Check what must hold once faults have stopped and everybody had time."""
        self._refused = refused_for_ever
        self.in_the_end_orphans_are_closed()
        if not refused_for_ever:  # of the signing key, for example
            self.in_the_end_orphans_are_sealed()
            self.in_the_end_seals_are_listed_once_more()
            self.in_the_end_no_task_is_left()
            self.in_the_end_lineage_is_told()
        self.in_the_end_all_that_was_signed_verifies()
        self.in_the_end_no_volume_is_left()
        self.in_the_end_nothing_is_left_behind()
        self.in_the_end_it_is_quiet(quiet_from)
        self.in_the_end_nobody_died()
        if refused_for_ever:
            self.in_the_end_refusals_are_told()
        elif expects_ready:
            self.in_the_end_all_is_well()
        if calm:
            self.in_the_end_writes_are_few()

    def in_the_end_lineage_is_told(self) -> None:
        """Each sealed run is reported whole, at least once, and by nothing but what is locked."""
        if self._world.lineage.destinations:
            stripped = self._people.stripped if self._people is not None else set()
            for what in untold(self._world, stripped):
                self._break("16 lineage is reported", what)

    def in_the_end_nothing_is_left_behind(self) -> None:
        """A deleted Experiment goes, with access and credentials; with `Delete` all goes."""
        server = self._world.server
        alive = {obj["metadata"]["uid"] for obj in server.everything(EXPERIMENT)}
        for obj in server.everything(EXPERIMENT):
            if obj["metadata"].get("deletionTimestamp") and not self._tells_refusal(obj):
                self._break(
                    "6 nothing left behind",
                    f"Experiment {obj['metadata']['name']} is still being deleted:"
                    f" {condition(obj, 'Ready').get('message')}",
                )
        stripped = self._people.stripped if self._people is not None else set()
        for namespace, standing in self.ledger.namespaces.items():
            if standing.experiment in alive or standing.made_by != OPERATOR:
                continue
            if standing.experiment in stripped:
                continue  # an orphan: closed, whatever its policy was
            last = self._experiments.get(standing.experiment)
            policy = (
                ((last or {}).get("spec") or {})
                .get("lifecycle", {})
                .get("deletionPolicy", "Freeze")
            )
            if policy == "Delete":
                self._break("6 nothing left behind", f"namespace {namespace}, policy Delete")
            secret = server.peek(SECRET, namespace, names.CREDENTIALS_SECRET)
            if secret is not None:
                self._break("6 nothing left behind", f"credentials in {namespace}")
            binding = server.peek(ROLE_BINDING, namespace, names.TENANT_ROLE_BINDING)
            if policy == "Freeze" and binding is not None:
                self._break("6 nothing left behind", f"access to {namespace}, policy Freeze")
            running = [
                pod["metadata"]["name"]
                for pod in server.everything(POD, namespace)
                if (pod.get("status") or {}).get("phase") in ("Pending", "Running")
            ]
            if policy == "Freeze" and running:
                self._break("6 nothing left behind", f"pods in {namespace}: {running}")

    def in_the_end_no_volume_is_left(self) -> None:
        """No cluster-wide volume stays whose Experiment is gone."""
        server = self._world.server
        alive = {obj["metadata"]["uid"] for obj in server.everything(EXPERIMENT)}
        for volume in server.everything(PERSISTENT_VOLUME):
            if volume["metadata"]["labels"].get(names.LABEL_EXPERIMENT_UID) not in alive:
                self._break("6 nothing left behind", f"volume {volume['metadata']['name']}")

    def in_the_end_no_task_is_left(self) -> None:
        """A Job of a task goes with its owner, and when its result is recorded."""
        server = self._world.server
        owners = {
            obj["metadata"]["uid"]
            for kind in (EXPERIMENT, DATASET_PIN)
            for obj in server.everything(kind)
        }
        for job in server.everything(JOB, "glovebox-system"):
            metadata = job["metadata"]
            has_owner = metadata["annotations"][names.ANNOTATION_OWNER_UID] in owners
            # One that ended a moment ago is being read.
            if not has_owner or self._is_over(job, longer_than=_LAG_SECONDS):
                self._break(
                    "6 nothing left behind",
                    f"Job {metadata['name']} of a task, {'over' if has_owner else 'without owner'}",
                )

    def _is_over(self, job: Json, *, longer_than: float) -> bool:
        """Whether a Job has ended, and not just now."""
        ends = [
            datetime.fromisoformat(entry["lastTransitionTime"])
            for entry in (job.get("status") or {}).get("conditions") or ()
        ]
        passed = (self._world.clock.now() - max(ends)).total_seconds() if ends else 0.0
        return bool(ends) and not 0.0 <= passed < longer_than

    def in_the_end_orphans_are_closed(self) -> None:
        """What a stripped finalizer left behind is closed, without pods, and reported."""
        if self._people is None:
            return
        server = self._world.server
        for namespace, standing in self.ledger.namespaces.items():
            live = server.peek(NAMESPACE, None, namespace)
            orphan = standing.experiment in self._people.stripped and standing.made_by == OPERATOR
            if not orphan or live is None or live["metadata"].get("deletionTimestamp"):
                continue
            label = (live["metadata"].get("labels") or {}).get(names.LABEL_STATE)
            pods = [
                pod["metadata"]["name"]
                for pod in server.everything(POD, namespace)
                if (pod.get("status") or {}).get("phase") in ("Pending", "Running")
            ]
            # What a policy refuses for ever stays; all the rest goes nevertheless.
            closed = {names.STATE_RETAINED}
            if self._is_refused("namespaces", "delete"):
                closed.add(names.STATE_SEALED)  # it was to go, and admits nothing until it may
            is_open = label not in closed and not self._is_refused("namespaces", "patch")
            open_by = [
                *([f"the label says {label}"] if is_open and not self._refuses_to_close() else []),
                *(
                    f"{kind.kind} {name}"
                    for kind, name in (
                        (ROLE_BINDING, names.TENANT_ROLE_BINDING),
                        (SECRET, names.CREDENTIALS_SECRET),
                    )
                    if server.peek(kind, namespace, name) is not None
                    and not self._is_refused(kind.plural, "delete")
                ),
                *([] if self._is_refused("jobs", "delete") else (f"pod {name}" for name in pods)),
            ]
            if open_by:
                self._break("13b orphans are closed", f"{namespace}: {', '.join(open_by)}")
            told = any(
                event.get("reason") == reasons.ORPHAN_FOUND
                for event in server.everything(EVENT)
                if (event.get("regarding") or event.get("involvedObject") or {}).get("name")
                == namespace
            )
            if not open_by and not told and not self._closed_by_deletion(standing):
                self._break("13b orphans are closed", f"{namespace} was closed, and nobody told")

    def in_the_end_orphans_are_sealed(self) -> None:
        """What a lost Experiment wrote is sealed, and its namespace ends as its policy says."""
        if self._people is None:
            return
        for namespace, standing in self.ledger.namespaces.items():
            uid, live = standing.experiment, self._world.server.peek(NAMESPACE, None, namespace)
            if uid not in self._people.stripped or standing.made_by != OPERATOR or live is None:
                continue
            if live["metadata"].get("deletionTimestamp") or self._closed_by_deletion(standing):
                continue
            told = standing.complete and "snapshot" not in self._people.taken
            if told and not self._is_sealed(uid):
                self._break("13c orphans end by policy", f"{namespace} was not sealed")
            last = self._experiments.get(uid) or {"spec": {}}
            policy = (last["spec"].get("lifecycle") or {}).get("deletionPolicy")
            if told and policy == "Delete":
                self._break("13c orphans end by policy", f"{namespace} stays, policy Delete")
            if names.ANNOTATION_ORPHANED_TIME in (live["metadata"].get("annotations") or {}):
                self._break("13c orphans end by policy", f"{namespace} still waits for its seal")

    def _closed_by_deletion(self, standing: Standing) -> bool:
        last = self._experiments.get(standing.experiment) or {"metadata": {}}
        return bool(last["metadata"].get("deletionTimestamp"))

    def in_the_end_it_is_quiet(self, since: float) -> None:
        """A quiet cluster costs no write, but for what a timer calls for when it is time."""
        late = [
            change
            for at, moment, change in self.writes
            if at >= since
            and not is_due(change, moment)
            and not self._is_reminder(at, change)
            and not self._is_seldom_try(at, change)
            and not self._follows_a_seldom_try(at, change)
            and not self._follows_a_finding(at, change)
        ]
        if late:
            said = Counter(
                f"{change.served.kind.plural} {'/'.join(change.key)}" for change in late
            ).most_common(3)
            self._break("7 a quiet cluster costs no write", f"{len(late)} writes: {said}")

    def _is_reminder(self, at: float, change: Change) -> bool:
        """Return whether an Event says again, after a while, what is still so."""
        if change.served.kind != EVENT:
            return False
        said = _news(change)
        earlier = [
            before
            for before, _, other in self.writes
            if before < at and other.served.kind == EVENT and _news(other) == said
        ]
        return bool(earlier) and at - max(earlier) >= REPEAT_SECONDS - _ON_ITS_WAY

    def _is_seldom_try(self, at: float, change: Change) -> bool:
        """Return whether a Job asks the store again what it refused, as seldom as is stated."""
        if change.served.kind != JOB or names.LABEL_TASK not in change.last["metadata"]["labels"]:
            return False
        begun = [
            before
            for before, _, other in self.writes
            if before < at
            and other.served.kind == JOB
            and other.key == change.key
            and other.old is None
        ]
        if change.new is None:
            return bool(begun)
        return bool(begun) and at - max(begun) >= _SELDOM * REFUSED_SECONDS - _ON_ITS_WAY

    def _follows_a_seldom_try(self, at: float, change: Change) -> bool:
        """Return whether such a try came to something else: pins say so, and who is bound to them.

        What made it be refused the first time was one of the faults.
        """
        if change.served.kind not in {DATASET_PIN, EVENT, EXPERIMENT, JOB, SPLIT_PIN}:
            return False
        return any(
            before < at <= before + _SOON_AFTER and self._is_seldom_try(before, other)
            for before, _, other in self.writes
            if other.served.kind == JOB and other.old is None and other.new is not None
        )

    def _follows_a_finding(self, at: float, change: Change) -> bool:
        """Return whether a check that was due has just found something: who is bound says so.

        One by a clock that is behind comes late.
        """
        if change.served.kind not in {EVENT, EXPERIMENT}:
            return False
        return any(
            before <= at <= before + _SOON_AFTER and is_due(other, moment) and _has_found(other)
            for before, moment, other in self.writes
            if other.served.kind == DATASET_PIN
        )

    def in_the_end_nobody_died(self) -> None:
        """No process ends by itself, and no look ends with a bug."""
        for process in self._world.processes:
            if process.died_of is not None:
                self._break("12 the process goes on", repr(process.died_of))
        if self._world.loop.failures:
            self._break("12 the process goes on", str(self._world.loop.failures[0])[:500])
        if bugs_told.told:
            self._break("12 the process goes on", bugs_told.told[0])

    def in_the_end_refusals_are_told(self) -> None:
        """A policy that refuses for ever is seen in a condition of each Experiment it blocks."""
        for obj in self._world.server.everything(EXPERIMENT):
            standing = self.ledger.namespaces.get((obj.get("status") or {}).get("namespace", ""))
            incomplete = standing is None or not standing.complete
            if incomplete and is_true(obj, "Ready"):
                self._break("8 every refusal is reported", "Ready=True without isolation")
            if standing is not None and standing.made_by != OPERATOR:
                # Whoever has the name already keeps it from standing before any policy does.
                if condition(obj, "NamespaceReady").get("reason") != reasons.NAMESPACE_TAKEN:
                    self._break("8 every refusal is reported", f"a taken name: {_said(obj)[:300]}")
                continue
            # Without its pin it is not begun, and nothing is refused.
            waits = condition(obj, "Ready").get("reason") == reasons.PIN_NOT_FOUND
            if incomplete and not (waits and self._lacks_pin(obj)) and not self._tells_refusal(obj):
                self._break("8 every refusal is reported", f"nobody says why: {_said(obj)[:300]}")

    def _lacks_pin(self, obj: Json) -> bool:
        pins = {pin["metadata"]["name"] for pin in self._world.server.everything(DATASET_PIN)}
        datasets = (obj["spec"].get("inputs") or {}).get("datasets") or ()
        return any(entry["pinRef"]["name"] not in pins for entry in datasets)

    def _tells_remade_pin(self, obj: Json) -> bool:
        """Return whether an Experiment is not Ready for the sole reason that it should not be."""
        ready, bound = condition(obj, "Ready"), (obj.get("status") or {}).get("inputs") or ()
        pins = {
            pin["metadata"]["name"]: pin["metadata"]["uid"]
            for pin in self._world.server.everything(DATASET_PIN)
        }
        # Nobody makes those of another namespace again.
        own = [entry for entry in bound if "/" not in entry["pinRef"]]
        remade = any(pins.get(entry["pinRef"]) != entry["uid"] for entry in own)
        return remade and ready.get("reason") == reasons.PIN_CHANGED

    def _tells_refusal(self, obj: Json) -> bool:
        """Return whether a condition names an answer of a policy that refuses for ever."""
        said = " ".join(
            f"{entry.get('message', '')} {entry['reason']}"
            for entry in (obj.get("status") or {}).get("conditions") or ()
            if entry["status"] != "True" or entry["type"] in ("Stalled", "Reconciling")
        )
        words = {403: ("not now", "Forbidden"), 422: ("not now",), 500: ("HTTP 500",)}
        return any(word in said for rule in self._refused for word in words[rule.code])

    def _is_refused(self, plural: str, verb: str) -> bool:
        return any(rule.plural == plural and verb in rule.verbs for rule in self._refused)

    def _refuses_to_close(self) -> bool:
        """Return whether what has to be gone before a namespace is let go cannot go."""
        kinds = ("rolebindings", "secrets", "jobs")
        return any(self._is_refused(plural, "delete") for plural in kinds)

    def in_the_end_all_is_well(self) -> None:
        """Whatever happened, what is declared stands: the same end as without any fault."""
        for obj in self._world.server.everything(EXPERIMENT):
            if obj["metadata"].get("deletionTimestamp"):
                continue
            name, status = obj["metadata"]["name"], obj.get("status") or {}
            standing = self.ledger.namespaces.get(status.get("namespace", ""))
            if standing is None and self._ran_before(obj):
                continue  # as it must be: its declaration was run once
            if standing is None:
                self._break("7 the same end", f"{name} has no namespace: {_said(obj)}")
                continue
            wrong = standing.missing(longer_than=0.0, now=self._world.loop.time() + 1)
            if wrong:
                self._break("7 the same end", f"{name}: not as declared: {wrong}")
            has_run = bool(obj["spec"].get("stages"))
            wanted = "Sealed" if has_run else "Ready"
            if not is_true(obj, wanted) and (has_run or not self._tells_remade_pin(obj)):
                self._break("7 the same end", f"{name} is not {wanted}: {_said(obj)}")
            # Of a run that was begun in a namespace which was deleted nobody knows whether it was.
            may_be_none = "is not known" in ((status.get("run") or {}).get("message") or "")
            times = self.runs[obj["metadata"]["uid"]]
            if has_run and times != 1 and not (may_be_none and not times):
                self._break("4 one run", f"{name} ran {times} times")
            if status.get("observedGeneration") != obj["metadata"]["generation"]:
                self._break("7 the same end", f"{name}: its newest generation was not looked at")
            account = self._world.server.peek(SERVICE_ACCOUNT, status["namespace"], "default")
            if account is None or account.get("automountServiceAccountToken") is not False:
                self._break("7 the same end", f"{name}: the default account is not as declared")
            self._check_credentials(obj)
            self._check_foreign(status["namespace"])
        self._check_splits()
        self._check_lent()

    def _check_lent(self) -> None:
        """What another namespace lends is Ready, and what was to be compared with it was."""
        for kind in (FEATURE_SET_PIN, ACCESS_GRANT):
            for obj in self._world.server.everything(kind):
                if not is_true(obj, "Ready"):
                    name = obj["metadata"]["name"]
                    self._break("7 the same end", f"{kind.kind} {name} is not Ready: {_said(obj)}")
        for obj in self._world.server.everything(DATASET_PIN, TEAM):
            if "distribution" in obj["spec"] and not obj["status"].get("distribution"):
                name = obj["metadata"]["name"]
                self._break("7 the same end", f"{name} was not compared: {_said(obj)}")

    def _check_splits(self) -> None:
        """What was divided stays so: nothing was declared that could be in its way."""
        for obj in self._world.server.everything(SPLIT_PIN):
            if not is_true(obj, "Ready"):
                name = obj["metadata"]["name"]
                self._break("7 the same end", f"{name} is not Ready: {_said(obj)}")

    def _ran_before(self, obj: Json) -> bool:
        """Return whether an Experiment is refused because one before it of its name has run."""
        metadata = obj["metadata"]
        return condition(obj, "Ready").get("reason") == reasons.ALREADY_RAN and any(
            self.runs[uid] > 0
            and uid != metadata["uid"]
            and former["metadata"]["name"] == metadata["name"]
            for uid, former in self._experiments.items()
        )

    def _check_foreign(self, namespace: str) -> None:
        """Nothing of anybody else's that adds routes or rights is left, but where it may be."""
        for kind in (NETWORK_POLICY, ROLE_BINDING):
            if kind is NETWORK_POLICY and self.drift != "Repair":
                continue
            for found in self._world.server.everything(kind):
                metadata = found["metadata"]
                ours = (metadata.get("labels") or {}).get(names.LABEL_MANAGED_BY)
                if metadata["namespace"] == namespace and ours != names.MANAGED_BY:
                    self._break("7 the same end", f"{kind.kind} {metadata['name']} is left")

    def _check_credentials(self, obj: Json) -> None:
        status = obj["status"]
        secret = self._world.server.peek(SECRET, status["namespace"], names.CREDENTIALS_SECRET)
        if is_true(obj, "Sealed"):
            if secret is not None:
                self._break("7 the same end", "credentials in a sealed namespace")
            return
        if secret is None:
            self._break("7 the same end", "no credentials in an open namespace")
            return
        binding = names.TENANT_ROLE_BINDING
        if self._world.server.peek(ROLE_BINDING, status["namespace"], binding) is None:
            self._break("7 the same end", "no access to an open namespace")
        told = secret["metadata"]["annotations"][names.ANNOTATION_CREDENTIALS_EXPIRE_TIME]
        if datetime.fromisoformat(told) < self._world.clock.now():
            self._break("7 the same end", f"the credentials expired at {told}")

    def in_the_end_writes_are_few(self) -> None:
        """An Experiment costs a bounded number of status writes when nothing goes wrong."""
        for uid, count in self.status_writes.items():
            uses = sum(uid in users for users in self._uses.values())
            if count > _MOST_STATUS_WRITES + _WRITES_OF_A_USE * uses:
                self._break("11 few writes", f"{count} status writes for {uid}")


def _has_found(change: Change) -> bool:
    """Return whether a pin says of its versions what it did not say before."""
    before, after = ((obj or {}).get("status") or {} for obj in (change.old, change.new))
    return before.get("findings") != after.get("findings")


def _news(event: Change) -> tuple[Any, ...]:
    about = event.last.get("regarding") or {}
    return about.get("kind"), about.get("name"), event.last.get("reason"), event.last.get("note")


def _is_going(obj: Json) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def _is_bound(experiment: Json) -> bool:
    return bool((experiment.get("status") or {}).get("digest"))


def _uses(experiment: Json, kind: Kind, name: str) -> bool:
    spec = experiment["spec"]
    if kind == ISOLATION_PROFILE:
        return bool(spec["profile"] == name)
    if kind == OBJECT_STORE:
        return bool(spec["artifacts"]["storeRef"]["name"] == name)
    datasets = (spec.get("inputs") or {}).get("datasets") or ()
    return any(entry["pinRef"]["name"] == name for entry in datasets)


def _said(obj: Json) -> str:
    entries = (obj.get("status") or {}).get("conditions") or ()
    lines = (
        f"{entry['type']}={entry['status']} {entry['reason']}: {entry.get('message', '')}"
        for entry in entries
        if entry["status"] != "True" or entry["type"] in ("Stalled", "Reconciling")
    )
    return " | ".join(itertools.islice(lines, 4)) or "nothing said"


__all__ = ["TEAM", "BrokenPromise", "Promises"]
