"""Setting the radio as part of setup and enrol: one line of what came of it, or of what is the matter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from relay.errors import LinkError, NaoberError, Text

if TYPE_CHECKING:
    from relay.config import NodeConfig
    from relay.links.meshtastic.where import Where


def set_and_tell(folder: Path, state: Path, where: Where | None = None) -> tuple[Text, NaoberError | None]:
    """Sets the radio of the node in `folder` by its grant, and without one by its settings alone.

    `where`: this radio, whatever node.toml says. An error is handed back: what was done before stays done.
    """
    from relay.cli.radio_choice import spoken
    from relay.node.radio_setting import set_radio
    from relay.trust import channel

    node = _config(folder, state)
    try:
        outcome = set_radio(node, channel.load(node), _nobody, where=where)
    except NaoberError as error:
        shown = spoken(error) if isinstance(error, LinkError) else error
        return Text("niet gelukt", "failed"), shown
    facts = outcome.facts
    shown_channel = f" · kanaal {facts.channel_name}" if facts.channel_name else ""
    head = f"{facts.region}, {facts.preset}{shown_channel}, "
    if not outcome.changes:
        return Text(f"{head}was al goed", f"{head}right already"), None
    took = f"({outcome.took_s:.0f} s)"
    restarts = bool(outcome.restarts)
    return Text(
        f"{head}rol {facts.role}" + (" · radio herstart" if restarts else "") + f" · klaar {took}",
        f"{head}role {facts.role}" + (" · radio restarted" if restarts else "") + f" · done {took}",
    ), None


def _config(folder: Path, state: Path) -> NodeConfig:
    import msgspec

    from relay import config

    file = folder / config.NODE_FILE
    node = config.load_node(file) if file.exists() else config.NodeConfig()
    return msgspec.structs.replace(node, node=msgspec.structs.replace(node.node, state=state))


def _nobody(_line: Text) -> None:
    """How far it is, is not told here."""
