"""The page's servers within the daemon's loop: one for each address, each begun when its address is there.

The Wi-Fi may come up minutes after the daemon, and another program may hold the port: the node goes on
without its page, says so once, and tries again.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from relay.codes import fault
from relay.config import PageSection
from relay.errors import Text
from relay.node.desk.access import LOOPBACK, Access
from relay.node.desk.app import application
from relay.processes import listeners
from relay.web.patience import PatientProtocol
from relay.web.serving import server

if TYPE_CHECKING:
    from relay.node.desk.work import DeskWork

AGAIN_S = 5.0  # between two tries to listen
CONNECTIONS_MAX = 120
CONNECTIONS_OF_ONE_MAX = 24
STALLED_S = 30  # whoever takes nothing of an answer for so long is let go of
FREE_THE_PORT = Text(
    "stop dat programma, of kies een andere page.port in /etc/naober/node.toml",
    "stop that program, or choose another page.port in /etc/naober/node.toml",
)

log = logging.getLogger("naober.desk")


class PageServer:
    """Serves one site's page until `run` is cancelled."""

    def __init__(self, desk: DeskWork, page: PageSection, pin_file: Path) -> None:
        self._page = page
        self._application = application(desk, page, Access(page, pin_file))
        self._wanted = [each for each in dict.fromkeys((page.host, page.lan_host)) if each]
        self._codes: dict[str, str] = {}  # by address: why it is not served; "" when it is
        self._servers: list[uvicorn.Server] = []
        self._waiting: set[asyncio.Task[socket.socket]] = set()

    @property
    def facts(self) -> dict[str, Any]:
        """For `status` and the doctor. `code` is P01 when another program holds the port."""
        codes = [self._codes.get(address, "starting") for address in self._wanted]
        return {
            "host": self._page.host,
            "lan_host": self._page.lan_host,
            "port": self._page.port,
            "serving": not any(codes),
            "code": next((code for code in codes if code), ""),
        }

    async def run(self) -> None:
        """Listen on the page's addresses, and on loopback for the machine's own screen."""
        self._servers.clear()
        addresses = dict.fromkeys([*self._wanted, LOOPBACK])
        serving = [asyncio.create_task(self._serve(address)) for address in addresses]
        try:
            done, _ = await asyncio.wait(serving, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:  # in peace: what is being answered is answered
            for each in self._servers:
                each.should_exit = True
            for waiting in self._waiting:
                waiting.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, address: str) -> None:
        waiting = asyncio.create_task(self._listen(address))
        self._waiting.add(waiting)
        listener = await waiting
        self._waiting.discard(waiting)
        self._codes[address] = ""
        web = server(self._application, address, self._page.port, protocol=_Protocol)
        self._servers.append(web)
        log.info("the page is at http://%s:%d", address, self._page.port)
        await web.serve([listener])

    async def _listen(self, address: str) -> socket.socket:
        """A listening socket, as soon as there can be one."""
        while True:
            try:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                return socket.create_server((address, self._page.port), family=family)
            except OSError as error:
                self._tell(address, error)
            await asyncio.sleep(AGAIN_S)

    def _tell(self, address: str, error: OSError) -> None:
        """Say once what keeps the page at `address` away."""
        code = {errno.EADDRINUSE: "P01", errno.EADDRNOTAVAIL: "no_address", errno.EACCES: "refused"}.get(
            error.errno or 0, "failed"
        )
        if self._codes.get(address) == code:
            return
        self._codes[address] = code
        holder = next(listeners(self._page.port), None) if code == "P01" else None
        if holder is None:
            log.warning("the page can't be served at %s:%d yet: %s", address, self._page.port, error)
            return
        told = fault("P01", port=self._page.port, by=holder, stop=FREE_THE_PORT)
        log.error("%s Do: %s", told.what.en, told.do.en)


class _Protocol(PatientProtocol):
    """A few connections for each device, and none that only takes up room."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody connects; one too many is let go of."""
        super().connection_made(transport)
        peers = [each.client[0] for each in self.connections if isinstance(each, _Protocol) and each.client]
        of_one = peers.count(self.client[0]) if self.client else 0
        if len(peers) > CONNECTIONS_MAX or of_one > CONNECTIONS_OF_ONE_MAX:
            transport.abort()
            return
        link = transport.get_extra_info("socket")
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_S * 1000)
