"""Who is connected to the broker as whom, from what the broker logs; and how a session is cut.

Mosquitto applies a new access list to sessions that exist, but ends none of them. A second client with the
same client id does: the broker closes the first (MQTT 5, 3.1.4-3). The inbox may do that, and needs no root.
The user name in a log line is the common name of a certificate, so no node can pass for another; client ids
are whatever a client likes, so a line is read from its end.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable

import msgspec

from relay import mqtt
from relay.errors import LinkError

TOPICS = ("$SYS/broker/log/N", "$SYS/broker/log/I")
LINE_BYTES_MAX = 66_000  # a client id may be as long as MQTT allows
SESSIONS_PER_USER_MAX = 64
SESSIONS_MAX = 4096

_CONNECTED = re.compile(
    r"(?:\S+: )?New client connected from \S+ as (?P<client>.*) \(p\d+, c\d+, k\d+, u'(?P<user>[^']*)'\)\.",
    re.DOTALL,
)
_GONE = re.compile(r"(?:\S+: )?Client (?P<client>.*?) (?:closed its|disconnected|has exceeded)", re.DOTALL)
_RELOADED = re.compile(r"(?:\S+: )?Reloading config\.")


class Sessions:
    """Client ids by user, the newest last, as far as they connected while somebody listened."""

    def __init__(self) -> None:
        self._by_user: dict[str, dict[str, None]] = {}
        self._unseen: set[str] = set()  # users who speak, and were there before we listened

    def hear(self, line: bytes) -> bool:
        """Take in one line of the broker's log; True when it says that the access list was read again."""
        if len(line) > LINE_BYTES_MAX:
            return False
        text = line.decode("utf-8", "replace")
        if connected := _CONNECTED.fullmatch(text):
            self._add(connected["user"], connected["client"])
        elif gone := _GONE.match(text):
            for user in [user for user, clients in self._by_user.items() if gone["client"] in clients]:
                self._remove(user, gone["client"])
        return bool(_RELOADED.fullmatch(text))

    def of(self, users: Iterable[str]) -> list[str]:
        """The client ids of `users`."""
        return [client for user in users for client in self._by_user.get(user, ())]

    def spoke(self, user: str) -> None:
        """Something came from `user`: if it has no session that we know of, it has one that we don't."""
        if user not in self._by_user and len(self._unseen) < SESSIONS_MAX:
            self._unseen.add(user)

    def has_unseen(self, users: frozenset[str]) -> bool:
        """Whether any of them has a session that can't be cut by its name."""
        return not users.isdisjoint(self._unseen)

    def _add(self, user: str, client: str) -> None:
        self._unseen.discard(user)
        if user not in self._by_user and len(self._by_user) >= SESSIONS_MAX:
            del self._by_user[next(iter(self._by_user))]
        clients = self._by_user.setdefault(user, {})
        clients.pop(client, None)
        clients[client] = None
        if len(clients) > SESSIONS_PER_USER_MAX:
            del clients[next(iter(clients))]

    def _remove(self, user: str, client: str) -> None:
        del self._by_user[user][client]
        if not self._by_user[user]:
            del self._by_user[user]


async def cut(broker: mqtt.Options, client: str) -> bool:
    """End the session of `client` by taking its place for a moment; False when the broker did not let us."""
    with contextlib.suppress(LinkError, ValueError):
        options = msgspec.structs.replace(broker, client_id=client, will=None)
        connection = await mqtt.open(options, lambda message: message.ack())
        await connection.close()
        return True
    return False
