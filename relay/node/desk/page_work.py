"""The site's page in a running node: what it knows, and the server that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relay.config import NodeConfig
from relay.node.courier_work import CourierWork
from relay.node.desk import pin
from relay.node.desk.server import PageServer
from relay.node.desk.work import DeskWork
from relay.node.entered import Entered
from relay.node.exercise_work import ExerciseWork
from relay.node.shell import Shell
from relay.sensors.base import SensorBoard

if TYPE_CHECKING:
    from relay.node.radio_work import RadioWork


class PageWork:
    """Of one daemon; `start` it when the station is open."""

    def __init__(
        self,
        shell: Shell,
        config: NodeConfig,
        address: bytes,
        exercise: ExerciseWork,
        board: SensorBoard,
        entered: Entered,
        courier: CourierWork,
        radio: RadioWork | None,
    ) -> None:
        self._shell = shell
        self._desk = DeskWork(shell, config, address, exercise, board, entered, courier, radio)
        self._server = PageServer(self._desk, config.page, config.node.state / pin.NAME)

    async def start(self) -> None:
        """Begin; a port that is taken or an address that is not up yet holds nothing else up."""
        await self._desk.start()
        self._shell.start("page", self._server.run)

    def facts(self) -> dict[str, Any]:
        """For `naober status`."""
        return self._server.facts
