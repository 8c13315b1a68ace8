"""A radio on a USB serial line, by the kernel's own means: no library is needed for 115200 8N1.

Order matters. 1. Who else has the device open is asked first, since a second reader steals bytes from the
first, and so does opening it. 2. It is opened and locked for others (advisory lock and TIOCEXCL; root passes
both). 3. HUPCL is cleared, so that neither our end nor our next opening pulls DTR: some boards reset by it.
4. What the kernel still holds from before is thrown away.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import termios
from pathlib import Path

from relay import processes
from relay.errors import LinkError
from relay.links.meshtastic import errors
from relay.links.meshtastic.stream import READ_BYTES, UNSENT_BYTES_MAX, AsyncioStream, Stream

SPEED = termios.B115200
GONE = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO}
LOCKED = {errno.EBUSY, errno.EAGAIN}


async def open_serial(device: str) -> Stream:
    """Opens the radio at `device` for us alone. Raises LinkError: `R01`, `R04`, `no_access`."""
    holder = await asyncio.to_thread(holder_of, device)
    if holder:
        raise errors.in_use(device, holder)
    try:
        fd = _open(device)
    except (OSError, termios.error) as error:
        raise _explain(device, error.args[0], str(error.args[-1])) from error
    return await _stream(device, fd)


def holder_of(device: str, proc: Path = processes.PROC) -> str:
    """The other program that has `device` open, as in `meshtasticd (pid 911)`; empty when none is seen.

    Of other users' programs only root sees what they hold.
    """
    return str(next(processes.holders(device, proc), ""))


def _open(device: str) -> int:
    fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.ioctl(fd, termios.TIOCEXCL)
        _set_raw(fd)
        termios.tcflush(fd, termios.TCIOFLUSH)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _set_raw(fd: int) -> None:
    """115200 8N1, no flow control, no HUPCL, every byte as it is."""
    characters = termios.tcgetattr(fd)[6]
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL
    termios.tcsetattr(fd, termios.TCSANOW, [0, 0, flags, 0, SPEED, SPEED, characters])


def _explain(device: str, code: object, why: str) -> LinkError:
    if code in GONE:
        return errors.no_device(device)
    if code in LOCKED:
        return errors.in_use(device)
    return errors.no_access(device, why)


async def _stream(device: str, fd: int) -> Stream:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(READ_BYTES)
    incoming = os.fdopen(fd, "rb", buffering=0)
    outgoing = os.fdopen(os.dup(fd), "wb", buffering=0)
    reading, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), incoming)
    # A reader of its own for the writing side: its end must not look like the end of what is read.
    side = asyncio.StreamReader(READ_BYTES)
    writing, protocol = await loop.connect_write_pipe(lambda: asyncio.StreamReaderProtocol(side), outgoing)
    writing.set_write_buffer_limits(high=UNSENT_BYTES_MAX)
    writer = asyncio.StreamWriter(writing, protocol, None, loop)
    return AsyncioStream(device, reader, writer, reading.close)
