"""Small steps that tests of a broker's clients share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from relay import mqtt
from relay.errors import LinkError
from relay.mqtt import Message, Options

DEADLINE_S = 15.0


def change(options: Options, **changes: Any) -> Options:
    """The same options but for `changes`."""
    fields = {name: getattr(options, name) for name in options.__struct_fields__}
    return Options(**{**fields, **changes})


async def until(true: Callable[[], bool]) -> None:
    """Waits until `true`; TimeoutError after DEADLINE_S."""
    async with asyncio.timeout(DEADLINE_S):
        while not true():
            await asyncio.sleep(0.005)


async def fails(attempt: Awaitable[object]) -> LinkError:
    """The LinkError that `attempt` ends in, which must read as one line."""
    with pytest.raises(LinkError) as caught:
        async with asyncio.timeout(DEADLINE_S):
            await attempt
    error = caught.value
    assert error.what.nl and error.do.nl and "\n" not in error.what.nl + error.do.nl
    return error


async def opening_fails(options: Options) -> LinkError:
    return await fails(mqtt.open(options, ignore))


def ignore(message: Message) -> None:
    message.ack()
