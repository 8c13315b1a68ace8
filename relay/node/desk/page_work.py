"""The site's page in a running node: what it knows, and the server that shows it."""

from __future__ import annotations

from typing import Any

from relay.config import NodeConfig
from relay.node.desk import pin
from relay.node.desk.server import PageServer
from relay.node.desk.work import DeskWork
from relay.node.shell import Shell


class PageWork:
    """Of one daemon; `start` it when the station is open."""

    def __init__(self, shell: Shell, config: NodeConfig, desk: DeskWork) -> None:
        self._shell, self._desk = shell, desk
        self._server = PageServer(self._desk, config.page, config.node.state / pin.NAME)

    async def start(self) -> None:
        """Begin; a port that is taken or an address that is not up yet holds nothing else up."""
        await self._desk.start()
        self._shell.start("page", self._server.run)

    def facts(self) -> dict[str, Any]:
        """For `naober status`."""
        return self._server.facts
