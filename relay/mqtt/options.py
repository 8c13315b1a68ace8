"""What a connection to a broker is made with."""

from __future__ import annotations

import ssl

import msgspec

from relay.errors import ConfigError, Text
from relay.loopback import is_loopback

SEND_WINDOW = 32  # publishes without PUBACK
RECEIVE_MAX = 32  # messages that a broker may send us before we acknowledge one
KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 10.0


class Will(msgspec.Struct, frozen=True):
    """What the broker says, retained, when we vanish without a goodbye."""

    topic: str
    payload: bytes


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect, and as whom. Raises ConfigError for an open connection to another machine."""

    host: str
    port: int
    client_id: str
    tls: ssl.SSLContext | None = None  # None is for loopback, or
    foreign: bool = False  # for a device of the building that has a broker: we only listen to it
    password: str = ""  # of such a device; never of our own brokers, which ask for certificates
    will: Will | None = None
    send_window: int = SEND_WINDOW  # the broker may allow less
    receive_max: int = RECEIVE_MAX
    keepalive_s: int = KEEPALIVE_S
    connect_timeout_s: float = CONNECT_TIMEOUT_S

    def __post_init__(self) -> None:
        if self.tls is None and not self.foreign and not is_loopback(self.host):
            raise ConfigError(
                Text(
                    f"Zonder TLS alleen naar deze machine zelf, niet naar {self.host}",
                    f"Without TLS only to this machine itself, not to {self.host}",
                ),
                Text(
                    "Stel certificaten in (mqtt.ca, mqtt.certificate, mqtt.key)",
                    "Set certificates (mqtt.ca, mqtt.certificate, mqtt.key)",
                ),
            )
