"""The statistics of a pin of another namespace, by leave of that one.

What describes a distribution is less than the rows, and not nothing: whoever compares their own
data with it again and again learns how it is shaped. So the owner of the data says yes by an
AccessGrant in the role `statistics`, and the platform by `lend: true`, as for the data themselves.
Without both a pin reads the same, whether there is anything to compare with or not.

A comparison takes no use: uses are of Experiments. It is recorded once, and stays when the grant
ends; none is recorded after that.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from glovebox.api import reasons
from glovebox.api.access_grant import STATISTICS
from glovebox.api.dataset_pin import DatasetPin
from glovebox.api.input_status import InputGrant
from glovebox.controllers.experiment.grants import grants_in, require_live
from glovebox.controllers.pin_sources import ready_store, source_of, why_at_home
from glovebox.controllers.ports import Ports
from glovebox.controllers.store_access import source_access
from glovebox.desired.grants import Wanted, choose_grant, not_lending
from glovebox.errors import Refused
from glovebox.kube.resources import Key

_FIELD: Final = "`spec.distribution.against`"
_WHY: Final = "`namespace` names another namespace"


async def find_lent(ports: Ports, pin: DatasetPin, key: Key) -> DatasetPin:
    """Return a pin of another namespace that a pin may be compared with.

    Args:
        ports: The outside world.
        pin: Who compares.
        key: Of the other one.

    Raises:
        Refused: `NotGranted`, whether it is there or not; `GrantExpired`, `GrantRevoked`,
            `StoreNotLending`.
        NotReady: The grant is not Ready, or the store is not.
        GloveboxError: The labels of the namespace cannot be read.
    """
    try:
        other = ports.resources.parsed(key, DatasetPin)
    except ValidationError:
        other = None
    _grant_of(ports, pin, key, other.status.digest if other is not None else "")
    # Without a digest there was no grant.
    assert other is not None  # noqa: S101
    await _require_lending(ports, other)
    return other


async def require_still_lent(ports: Ports, pin: DatasetPin, other: DatasetPin) -> None:
    """Accept that the leave stands as the API server has it now: what is recorded then stays.

    Raises:
        Refused, NotReady, GloveboxError: As `find_lent`.
    """
    key = Key(DatasetPin.KIND, other.namespace, other.name)
    grant = _grant_of(ports, pin, key, other.status.digest)
    await require_live(ports, grant, ports.now())


def _grant_of(ports: Ports, pin: DatasetPin, key: Key, root: str) -> InputGrant:
    wanted = Wanted(
        what=_FIELD,
        root=root,
        role=STATISTICS,
        team=pin.namespace,
        uid=pin.uid,
        owner=key.namespace,
        why=_WHY,
        takes_use=False,
    )
    return choose_grant(wanted, grants_in(ports, key.namespace), ports.now())


async def _require_lending(ports: Ports, other: DatasetPin) -> None:
    """Accept that all of a pin lies where its namespace may lend; a grant may be of content alone.

    Raises:
        Refused: `StoreNotLending`.
        NotReady: The store is not there, or not Ready.
        GloveboxError: The labels of the namespace cannot be read.
    """
    source = other.spec.source
    home = why_at_home(source)
    if source.manifest is not None:
        # Its lines may name what the namespace may pin and not lend.
        home = "of the objects that a manifest lists, which are"
    if home:
        raise Refused(
            reasons.STORE_NOT_LENDING,
            f"{_FIELD}: DatasetPin '{other.namespace}/{other.name}' is {home} compared with in its"
            " own namespace alone: name another one",
        )
    store = ready_store(ports, other)
    access = await source_access(ports, store, other.namespace, lends=True)
    try:
        access.check_source(source_of(source))
    except Refused:
        raise not_lending(store.name, other.namespace) from None
