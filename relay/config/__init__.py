"""What a technician may set, for a node and for the inbox: one struct per section of the file.

Every field has a default; `config/node.toml` and `config/inbox.toml` explain each of them and are
tested to say the same as this module. Paths in a file are relative to the folder of that file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.config.common import FOLDER, INBOX_FILE, NODE_FILE, STATE, MqttSection, NetworkId, PresetName
from relay.config.node import (
    CHANNEL_NAME_LENGTH_MAX,
    NodeConfig,
    PageSection,
    RadioSection,
    load_node,
    parse_node,
)

if TYPE_CHECKING:
    from relay.config.inbox import InboxConfig, NotifySection, load_inbox, parse_inbox
else:

    def __getattr__(name: str) -> object:
        """What is the inbox's: a node does not load it."""
        if name not in ("InboxConfig", "NotifySection", "load_inbox", "parse_inbox"):
            raise AttributeError(name)
        from relay.config import inbox

        return getattr(inbox, name)


__all__ = [
    "CHANNEL_NAME_LENGTH_MAX",
    "FOLDER",
    "INBOX_FILE",
    "NODE_FILE",
    "STATE",
    "InboxConfig",
    "MqttSection",
    "NetworkId",
    "NodeConfig",
    "NotifySection",
    "PageSection",
    "PresetName",
    "RadioSection",
    "load_inbox",
    "load_node",
    "parse_inbox",
    "parse_node",
]
