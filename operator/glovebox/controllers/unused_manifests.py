"""Lets go of manifests that nobody uses any more, the versions that they name first."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from glovebox.data.hold_states import Term
from glovebox.errors import GloveboxError
from glovebox.store.connection import Stop, Store
from glovebox.store.hold_records import HoldRecord, HoldRecords, hex_of
from glovebox.store.hold_sessions import holding
from glovebox.store.letting_go import let_go
from glovebox.store.manifest_holds import Users, read_users, release, unused_since
from glovebox.store.pin_checks import is_store_wide

log = structlog.get_logger(__name__)

# So many thousand versions of a manifest are let go in one round: others have their turn.
_SEGMENTS: Final = 50


@dataclass(frozen=True, slots=True)
class UnusedManifests:
    """The manifests in one bucket of artifacts. All of it blocks, in the thread of a job.

    Attributes:
        store: Of the bucket.
        bucket: The bucket of artifacts.
        role_arn: The role whose sessions take holds off; empty where the store issues none.
        needed: Digests of manifests that pins and Experiments of this cluster name, whatever the
            store has on record: a restored cluster has pins again that were called gone.
        before: Who went later is waited for.
        time: The present time, RFC 3339.
    """

    store: Store
    bucket: str
    role_arn: str
    needed: frozenset[str]
    before: datetime
    time: str

    def let_go(self, users: Mapping[str, Users], stop: Stop) -> bool:
        """Return whether nothing is left to do.

        Raises:
            GloveboxError: The store as a whole does not answer, or one manifest could not be let
                go. All others were.
        """
        terms = HoldRecords(self.store, self.bucket, stop).terms()
        failures: list[GloveboxError] = []
        is_all = True
        for digest, each in users.items():
            last = terms.get(hex_of(digest), (None,))[-1]
            # What was begun is ended, or given up for who uses it again and waits for that.
            is_begun = last is not None and last.state == "Releasing"
            if not is_begun and not self._is_unused(digest, each, stop):
                continue
            try:
                is_all = self._let_one_go(digest, last, _of_its_own(stop)) and is_all
            except GloveboxError as error:
                if is_store_wide(error):
                    raise
                failures.append(error)
        if failures:
            raise failures[0]
        return is_all

    def _let_one_go(self, digest: str, last: Term | None, stop: Stop) -> bool:
        """Return whether that was all of it, or somebody uses it again."""
        if last is not None and not self._let_versions_go(digest, last, stop):
            return False
        # Without the manifest nobody would know what there is to let go.
        is_unused = last is None or self._look_again(digest, stop)
        if is_unused and release(self.store, self.bucket, digest, stop):
            log.info("took the legal hold off a manifest that nobody uses", manifest=digest)
        return True

    def _let_versions_go(self, digest: str, last: Term, stop: Stop) -> bool:
        """Return whether none is held any more, or somebody uses them again."""
        if last.state == "Released":
            return True
        return let_go(
            self.store,
            self.bucket,
            digest,
            is_unused=functools.partial(self._look_again, digest, stop),
            narrow=self._session,
            time=self.time,
            most=_SEGMENTS,
            stop=stop,
        )

    def _is_unused(self, digest: str, users: Users, stop: Stop) -> bool:
        if not users.is_unused or digest in self.needed:
            return False
        since = unused_since(self.store, self.bucket, digest, users, stop)
        return since != "" and datetime.fromisoformat(since) <= self.before

    def _look_again(self, digest: str, stop: Stop) -> bool:
        """Return whether nobody uses it, by what the store has on record now."""
        found = read_users(self.store, self.bucket, stop, digest).get(digest)
        return found is not None and self._is_unused(digest, found, stop)

    def _session(self, record: HoldRecord) -> Store:
        return holding(self.store, record.locations, self.role_arn, record.holder)


def _of_its_own(stop: Stop) -> Stop:
    """Return a stop that ends with another one, which does not end with it: a failure sets it."""
    own = Stop()
    own.give_way = stop.check
    return own
