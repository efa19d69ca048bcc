"""The task that holds the versions of a pin: a legal hold on each, on record in the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from glovebox.data.digest import digest_of
from glovebox.status.text import format_time
from glovebox.store.connection import Stop, Store
from glovebox.store.hold_sessions import holding
from glovebox.store.holding import Held, Wanted, hold_versions
from glovebox.store.manifests import ManifestLocation
from glovebox.store.source_access import Location, SourceAccess
from glovebox.tasks.context import Progress, TaskContext

HOLD: str = "hold"


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Versions to hold.

    Attributes:
        store: Where the data and the manifest are.
        manifest: As the pin was made.
        holder: `<cluster>.<uid of the pin>`.
        words: Who that is, for a person.
        locations: Where the versions lie.
        access: Where the platform lets versions be held.
        objects: How many there are, for the progress.
        after: When the record was read before, as recorded: what was found then is no answer.
    """

    store: Store
    manifest: ManifestLocation
    holder: str
    words: str
    locations: tuple[Location, ...]
    access: SourceAccess
    objects: int | None = None
    after: str = ""

    @property
    def basis(self) -> str:
        """What the result depends on."""
        return digest_of([self.manifest.version_id, self.holder, self.access.document, self.after])


def _now() -> datetime:
    return datetime.now(UTC)


async def hold_dataset(
    context: TaskContext, request: HoldRequest, *, now: Callable[[], datetime] = _now
) -> Held:
    """Hold every version of a pin; going on where an earlier attempt was.

    Raises:
        GloveboxError: As `hold_versions`.
    """
    wanted = Wanted(
        request.holder,
        request.words,
        request.manifest,
        request.locations,
        request.access,
        format_time(now()),
    )

    def tell(done: int) -> None:
        context.report(Progress(objects_done=done, objects_total=request.objects, phase="Holding"))

    def job(stop: Stop) -> Held:
        access = request.access
        narrow = holding(request.store, request.locations, access.role_arn, access.namespace)
        return hold_versions(request.store, narrow, wanted, lambda: format_time(now()), tell, stop)

    return await request.store.run_job(job, context.stop)
