"""The end of a log: bounded whatever its length, and what each refusal means."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from glovebox.errors import GloveboxError, InvalidInput, NotFound, Unavailable
from glovebox.kube.client import Client
from glovebox.kube.transport import TransportError
from support.scripted_transport import User, Wire, answered
from support.virtual_time import run


def tail(
    *chunks: bytes, most: int = 100, code: int = 0, breaks: bool = False
) -> tuple[bytes, bool]:
    async def said() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        if breaks:
            raise TransportError("reset")

    wire = Wire(lambda _: answered(200), watch=lambda _: code or said())

    async def main() -> tuple[bytes, bool]:
        async with Client(lambda: User("u"), transport=wire.transport) as client:
            return await client.log_tail("gbx-a", "run-1", "run", most=most)

    found = run(main())
    (asked,) = wire.asked[:1]
    assert asked.path == "/api/v1/namespaces/gbx-a/pods/run-1/log"
    assert asked.params["container"] == "run"
    return found


def test_a_short_log_is_read_whole() -> None:
    assert tail(b"epoch 1\n", b"epoch 2\n") == (b"epoch 1\nepoch 2\n", False)


def test_of_a_long_one_the_end_is_kept_in_whatever_pieces_it_comes() -> None:
    whole = b"".join(b"%06d\n" % number for number in range(1000))
    for size in (1, 7, 99, 1000, 7000):
        pieces = [whole[place : place + size] for place in range(0, len(whole), size)]
        assert tail(*pieces) == (whole[-100:], True), size


@pytest.mark.parametrize(
    ("code", "error"), [(404, NotFound), (400, InvalidInput), (500, Unavailable)]
)
def test_a_refusal_is_an_error_of_its_kind(code: int, error: type[GloveboxError]) -> None:
    with pytest.raises(error):
        tail(code=code)


def test_half_a_log_is_none() -> None:
    with pytest.raises(Unavailable, match="reset"):
        tail(b"epoch 1\n", breaks=True)
