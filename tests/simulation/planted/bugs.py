# ruff: noqa: E501 - the texts are lines of the product
"""Bugs to plant, each class once: a text in one file of the product, and what it becomes.

A text that is not there any more makes the program fail: whoever changes such a place says again how it could go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug.

    Attributes:
        name: What is wrong with it, in a few words.
        promise: Which promise it breaks.
        file: Below `operator/glovebox/`.
        old: The text that goes.
        new: What comes in its place.
        seeds: Within so many seeds it has to be found.
        focus: Only seeds are played in whose scenario this is said.
        also: Further replacements (file, old, new) that belong to it.
    """

    name: str
    promise: str
    file: str
    old: str
    new: str
    seeds: int = 200
    focus: str = ""
    also: tuple[tuple[str, str, str], ...] = ()


# What is read before access opens would hide these.
_NOT_READ: Final = (
    "controllers/experiment/isolation.py",
    "    if not found.latched and not await _stands(scope, found.uid, told):\n",
    "    if not found.latched and not scope:\n",
)

BUGS: Final = (
    Bug(
        "access is opened before isolation is complete",
        "1 no access before isolation",
        "controllers/experiment/access.py",
        'complete = outcomes.is_done("isolation")',
        "complete = True",
    ),
    Bug(
        "the latch is set before everything was seen in place",
        "2 the latch",
        "status/experiment.py",
        "    if not all(seen.outcome(phase).is_done for phase in BUILDING) or found is None:\n",
        "    if found is None:\n",
    ),
    Bug(
        "inputs are bound before they were compared",
        "1b inputs are compared first",
        "controllers/experiment/leakage.py",
        "    if needs_comparison(inputs):\n",
        "    if not inputs:\n",
    ),
    Bug(
        "deletions name no UID",
        "10 each DELETE bears a UID",
        "kube/client.py",
        '            "preconditions": {"uid": uid},\n',
        '            "preconditions": {} if uid else {"uid": uid},\n',
    ),
    Bug(
        "whose namespace it is, is not checked",
        "5 nothing of others is touched",
        "controllers/experiment/namespace.py",
        "    return recorded or _is_labelled_for(experiment.uid, live)\n",
        "    return True or recorded\n",
        focus="squatted",
    ),
    Bug(
        "a list keeps what is not in it",
        "3 no condition True that is not so",
        "kube/store.py",
        "            if self._restored or table._records[key].resource_version <= version:",
        "            if self._restored:",
        focus="outages",
    ),
    Bug(
        "what has the name already is taken for what was wanted",
        "1 no access before isolation",
        "apply/applier.py",
        "            return None  # made by another controller, or by us before a crash or a lost answer\n",
        '            return Applied(key, "unchanged")\n',
        focus="a policy engine",
        also=(_NOT_READ,),
    ),
    Bug(
        "a failure in the handling of failures ends the workers",
        "12 the process goes on",
        "engine/workers.py",
        "            wait = self._backoff.failed(key, first=CONFLICT_SECONDS, longest=longest)\n",
        "            wait = CONFLICT_SECONDS * 2.0 ** (1024 + self._backoff.failures(key))\n",
        also=(
            (
                "engine/workers.py",
                "            except Exception as error:  # noqa: BLE001 - a bug in handling",
                "            except ZeroDivisionError as error:  # a bug in handling",
            ),
        ),
    ),
    Bug(
        "a conflict is taken for success",
        "3 no condition True that is not so",
        "apply/applier.py",
        "                answer = await self._write(row, key, intent, live)\n",
        "                answer = await self._write(row, key, intent, live)\n"
        "            except Conflict:\n"
        '                return self._done(kind, key, content, live or intent, "updated")\n',
        focus="overtaken",
    ),
    Bug(
        "the finalizer goes before the deletion is through",
        "6 nothing left behind",
        "controllers/experiment/retire.py",
        "        return waiting(\n            reasons.DELETION_BLOCKED if blockers else reasons.DELETING,\n",
        "        return None if not blockers else waiting(\n            reasons.DELETION_BLOCKED if blockers else reasons.DELETING,\n",
    ),
    Bug(
        "what is deleted is said to be kept as before",
        "3 no condition True that is not so",
        "status/experiment.py",
        "            builder.mark_unknown(condition, reasons.DELETING, _NOT_KEPT)\n\n\ndef _unkept",
        "            pass\n\n\ndef _unkept",
        seeds=600,
        focus="deeds",
    ),
    Bug(
        "an older state replaces a newer one",
        "11b own writes are not forgotten",
        "kube/store.py",
        "            if not newer and version <= before.resource_version:\n",
        "            if False and version <= before.resource_version:\n",
        focus="outages",
    ),
    Bug(
        "a condition is True before the thing is there",
        "3 no condition True that is not so",
        "status/experiment_namespace.py",
        "        if outcome.verdict is Verdict.SKIPPED or is_held_back(seen, outcome):\n            return\n"
        "        answer: Answer = types.UNKNOWN if is_unanswered(seen, outcome) else types.FALSE\n"
        "        builder.mark(types.NAMESPACE_READY,",
        "        if outcome.verdict is Verdict.SKIPPED or is_held_back(seen, outcome):\n            return\n"
        "        answer: Answer = types.TRUE\n"
        "        builder.mark(types.NAMESPACE_READY,",
    ),
    Bug(
        "a seal is made twice",
        "4 one seal",
        "store/putting.py",
        '{"IfNoneMatch": "*"} if only_new else {}',
        "{}",
        focus="of the seal",
        also=(
            (
                "tasks/seal.py",
                "    if sealed is not None:\n        return _result(sealed, keys, judge)\n",
                "    if sealed is not None and False:\n        return _result(sealed, keys, judge)\n",
            ),
        ),
    ),
    Bug(
        "what is still open is sealed",
        "4b nothing is signed while it is open",
        "controllers/experiment/seal.py",
        "    why_open = _why_open(outcomes)\n",
        '    why_open = ""\n',
        focus="delete of secrets",
        also=(
            (
                "controllers/experiment/seal.py",
                "    if not why_open and not recorded_closed and not scope.experiment.is_deleting:\n",
                "    if why_open:\n",
            ),
        ),
    ),
    Bug(
        "a run that is gone is run again",
        "4 one run",
        "controllers/experiment/run.py",
        "    if recorded is not None and recorded.job_uid:\n",
        "    if False and recorded is not None:\n",
        # The record of the run in the store tells of it as well.
        also=(
            (
                "controllers/experiment/run.py",
                "    if before is not None:\n",
                "    if before is not None and False:\n",
            ),
        ),
    ),
    Bug(
        "nobody minds the lease",
        "3b only the leader writes",
        "kube/lease.py",
        "        if not self.leads:\n            raise Fenced(",
        "        if self._timing is None:\n            raise Fenced(",
        focus="replicas",
        also=(
            (
                "kube/lease.py",
                "        return self._held_until - _clock()\n",
                "        return 30.0\n",
            ),
        ),
    ),
    Bug(
        "a version that is too old is asked for again and again",
        "3 no condition True that is not so",
        "kube/reflector.py",
        "                again = not self._version or _clock() < self._listed_at + CALM_SECONDS\n"
        '                self._version = ""\n',
        "                again = True\n",
        focus="outages",
    ),
    Bug(
        "a gap in a watch is never noticed",
        "3 no condition True that is not so",
        "kube/reflector.py",
        "                if not self._version or _clock() >= self._relist_at:\n",
        "                if not self._version:\n",
        focus="gaps",
    ),
    Bug(
        "a namespace of others is deleted",
        "5 nothing of others is touched",
        "controllers/experiment/retire.py",
        "    return live if may_delete(retiring.namespace_uid, retiring.uid, live) else None\n",
        "    return live\n",
        focus="squatted",
    ),
    Bug(
        "a refused quota is reported as applied",
        "1 no access before isolation",
        "controllers/experiment/isolation.py",
        "    if failures:\n        return of_error(failures[0], applied=applied)\n",
        '    failures = tuple(each for each in failures if "resourcequotas" not in str(each))\n'
        "    if failures:\n        return of_error(failures[0], applied=applied)\n",
        focus="of resourcequotas get",
        also=(_NOT_READ,),
    ),
    Bug(
        "a repair deletes what it cannot change",
        "8b repair deletes nothing",
        "apply/applier.py",
        "            if not _cannot_change_in_place(row, intent, live):\n",
        "            if error is None:\n",
    ),
    Bug(
        "one lost answer makes an Experiment not Ready",
        "9 no hiccup in Ready",
        "status/experiment_seen.py",
        "    if not outcome.is_failed or outcome.definite or not seen.is_provisioned:\n        return False\n",
        "    if outcome.is_failed:\n        return False\n",
        focus="a hiccup",
    ),
    Bug(
        "the index alone says that nothing is in use",
        "12b what is in use is held",
        "controllers/in_use.py",
        "        users = await count_live_users(reader, obj)\n",
        "        users = 0\n",
        focus="another Experiment",
        also=(
            (
                "kube/resources.py",
                "            if not users:\n                del self._users[used]\n",
                "            if key not in users:\n                del self._users[used]\n",
            ),
        ),
    ),
    Bug(
        "nobody asks whether the Experiment of an orphan lives",
        "13 no live owner loses its namespace",
        "controllers/orphans.py",
        "if one is not None and one.owner_uid not in owner_uids)",
        "if one is not None)",
        also=(
            (
                "controllers/orphan_namespace.py",
                "    if orphan is None or not await _is_gone(ports, orphan):\n",
                "    if orphan is None:\n",
            ),
        ),
    ),
    Bug(
        "one refusal keeps an orphan open",
        "13b orphans are closed",
        "controllers/experiment/freeze.py",
        "            failure = failure or error\n",
        "            raise error from failure\n",
        focus="of namespaces get",
    ),
    Bug(
        "the namespace of a lost Experiment stays whatever was asked for",
        "13c orphans end by policy",
        "controllers/orphan_namespace.py",
        '    if sealed and policy == "Delete" and not',
        '    if sealed and policy == "Remove" and not',
        focus=" deeds",
    ),
    Bug(
        "new words are written at once",
        "6b new words wait",
        "controllers/reconcile.py",
        "    if only_words and (wait := ports.messages.seconds_to_wait(key)) > 0:\n",
        "    if only_words and (wait := ports.messages.seconds_to_wait(key)) > 1_000:\n",
    ),
    Bug(
        "what was refused is waited for as well",
        "5 not both Reconciling and Stalled",
        "status/experiment_ready.py",
        "        builder.mark_true(types.STALLED, refused.reason, refused.message)\n        return\n"
        "    if not seen.is_provisioned",
        "        builder.mark_true(types.STALLED, refused.reason, refused.message)\n"
        "    if not seen.is_provisioned",
        focus="squatted",
    ),
    Bug(
        "a pin is checked with every look",
        "7 a quiet cluster costs no write",
        "controllers/dataset_pin.py",
        "    return 0.0 if due is None else (due - ports.now()).total_seconds()\n",
        "    return 0.0 if due is None else -1.0\n",
        focus="pin",
    ),
    Bug(
        "a session is never renewed",
        "7 the same end",
        "controllers/experiment/artifact_credentials.py",
        "    if expire is not None and scope.now < expire - reserve:\n",
        "    if expire is not None:\n",
        focus="for long",
    ),
    Bug(
        "why something was refused is not said",
        "8 every refusal is reported",
        "status/outcome.py",
        "        error.reason,\n        error.message,\n        facts,\n        applied,\n        error=error,\n",
        "        error.reason,\n"
        '        "the API server did not take it",\n'
        "        facts,\n        applied,\n        error=error,\n",
        focus="to inf",
    ),
    Bug(
        "a message counts the seconds",
        "11 few writes",
        "controllers/experiment/run.py",
        "        pending=waits.message,\n",
        '        pending=f"{waits.message}, at {scope.now}",\n',
        focus="faults: none",
        also=(
            (
                "controllers/experiment/run.py",
                "    return done(facts, retry_seconds=earlier(waits.retry_seconds, noted_next))\n",
                "    return done(facts, retry_seconds=1.0)\n",
            ),
        ),
    ),
    Bug(
        "a prefix is listed last while a session may write there",
        "14 the last listing is the last",
        "tasks/after_seal.py",
        "    if now() < due:\n",
        "    if False and now() < due:\n",
        also=(
            (
                "controllers/experiment/seal.py",
                "    if left > 0:\n",
                "    if False and left > 0:\n",
            ),
        ),
    ),
    Bug(
        "a seal is never listed once more",
        "14b listed once more",
        "controllers/experiment/seal.py",
        "    if status.seal_supplement is not None or seal.sessions_end_time is None:\n",
        "    if seal.uri:\n",
        focus="for long",
    ),
    Bug(
        "a log is kept as it was printed",
        "15 no secret in a log",
        "data/redaction.py",
        '    text, redactions = redact(raw.decode("utf-8", "surrogateescape"), known, pause)\n',
        '    text, redactions = raw.decode("utf-8", "surrogateescape"), 0\n',
    ),
    Bug(
        "a note is taken away although its event was not delivered",
        "16 lineage is reported",
        "controllers/lineage_outbox.py",
        "            if not await self._post(to, event, body):\n                return\n",
        "            await self._post(to, event, body)\n",
        focus="consumer away",
    ),
    Bug(
        "an Experiment goes before its last event is written",
        "16 lineage is reported",
        "controllers/experiment/deletion.py",
        "    if untraced is not None:\n",
        "    if False and untraced is not None:\n",
        seeds=600,
        focus="lineage",
    ),
    Bug(
        "the end of what lost its Experiment is not reported",
        "16 lineage is reported",
        "controllers/orphan_namespace.py",
        "        and is_traced(ports, orphan, replace(bound, run=run), outcome, since)\n",
        "",
        seeds=600,
        focus="lineage",
    ),
    Bug(
        "an event is recorded as written that is not noted for delivery",
        "16 lineage is reported",
        "controllers/experiment/lineage.py",
        "        await leave_notes(ports, _about(obj, event, store.name, bucket))\n",
        "",
        focus="lineage",
    ),
    Bug(
        "an Experiment that took a use takes another one when it is bound later",
        "17 no use beyond a grant",
        "store/grant_uses.py",
        "    if mine is not None:\n        return mine, taken\n",
        "",
        seeds=600,
        focus="grants",
    ),
    Bug(
        "definitions of another namespace are used without a grant",
        "17 no use beyond a grant",
        "controllers/experiment/pins.py",
        "    return pin, require_grants(scope, asking, pin)\n",
        "    return pin, require_grants(scope, asking, pin) if reference.role else ()\n",
        focus="loans",
    ),
    Bug(
        "a distribution is compared with data of another namespace without its leave",
        "18 no comparison without leave",
        "controllers/statistics.py",
        "    if key.namespace != pin.namespace:\n        found: DatasetPin | None = await find_lent",
        "    if not key.namespace:\n        found: DatasetPin | None = await find_lent",
        focus="loans come later",
        also=(
            (
                "controllers/statistics.py",
                "        if other is not None and other.namespace != pin.namespace:\n",
                "        if other is not None and not other.namespace:\n",
            ),
        ),
    ),
    Bug(
        "a process signs for ever with the key that it read first",
        "19 a former key signs nothing",
        "controllers/signing_keys.py",
        "    signer = signer_of(secret)\n    key = trusted(signer.public)\n",
        "    signer = _FIRST.setdefault(id(ports), signer_of(secret))\n    key = trusted(signer.public)\n",
        focus="the key is rotated",
        also=(
            (
                "controllers/signing_keys.py",
                'URI: Final = "uri"\n',
                'URI: Final = "uri"\n_FIRST: dict[int, Signer] = {}\n',
            ),
        ),
    ),
    Bug(
        "a key that was replaced is taken off the list",
        "19b former keys go on counting",
        "evidence/rotation.py",
        "        for each in bundle.keys\n    )\n    if known is None:\n",
        "        for each in bundle.keys\n        if each.key_id == key.key_id\n    )\n    if known is None:\n",
        focus="the key is rotated",
    ),
)
