"""Who is connected to the broker as whom, from what the broker logs; and how a session is cut.

Mosquitto applies a new access list to sessions that exist, but ends none of them. A second client with the
same client id does: the broker closes the first (MQTT 5, 3.1.4-3). The inbox may do that, and needs no root.
The user name in a log line is the common name of a certificate, so no node can pass for another; client ids
are whatever a client likes, so a line is read from its end, and one that the broker had to cut off is not
read at all: its end may be the client's own words. Whoever can't be cut by name is ended with all others.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable

import msgspec

from relay import mqtt
from relay.errors import LinkError

TOPICS = ("$SYS/broker/log/N", "$SYS/broker/log/I")
LINE_BYTES_MAX = 998  # Mosquitto cuts longer ones off, in the middle of a client id (2.0.11)
SESSIONS_PER_USER_MAX = 64
SESSIONS_MAX = 4096

_CONNECTED = re.compile(
    r"(?:\S+: )?New client connected from \S+ as (?P<client>.*) \(p\d+, c\d+, k\d+, u'(?P<user>[^']*)'\)\.",
    re.DOTALL,
)
_CAME = re.compile(rb"(?:\S+: )?New client connected ")
_GONE = re.compile(
    r"(?:\S+: )?Client (?P<client>.*) (?:closed its connection|disconnected(?:: [^:]*| due to [^:]*)?"
    r"|has exceeded timeout, disconnecting)\.",
    re.DOTALL,
)
_RELOADED = re.compile(r"(?:\S+: )?Reloading config\.")


class Sessions:
    """Client ids by user, the newest last, as far as they connected while somebody listened."""

    def __init__(self) -> None:
        self._by_user: dict[str, dict[str, None]] = {}
        self._user_of: dict[str, str] = {}
        self._unseen: set[str] = set()  # users who have, or may have, a session that we can't name
        self._someone_unseen = False  # and we can't even say who

    def hear(self, line: bytes) -> bool:
        """Take in one line of the broker's log; True when it says that the access list was read again."""
        if len(line) > LINE_BYTES_MAX:
            self._someone_unseen |= _CAME.match(line) is not None
            return False
        text = line.decode("utf-8", "replace")
        if connected := _CONNECTED.fullmatch(text):
            self._add(connected["user"], connected["client"])
        elif gone := _GONE.fullmatch(text):
            self._remove(gone["client"])
        return bool(_RELOADED.fullmatch(text))

    def of(self, users: Iterable[str]) -> list[str]:
        """The client ids of `users`."""
        return [client for user in users for client in self._by_user.get(user, ())]

    def spoke(self, user: str) -> None:
        """Something came from `user`: if it has no session that we know of, it has one that we don't."""
        if user not in self._by_user and len(self._unseen) < SESSIONS_MAX:
            self._unseen.add(user)

    def has_unseen(self, users: frozenset[str]) -> bool:
        """Whether any of them may have a session that can't be cut by its name."""
        return bool(users) and (self._someone_unseen or not users.isdisjoint(self._unseen))

    def missed_some(self) -> None:
        """For a while nobody listened: who is known may have come again meanwhile."""
        self._unseen.update(self._by_user)

    def _add(self, user: str, client: str) -> None:
        self._remove(client)  # the broker threw out whoever had this name before
        if user not in self._by_user and len(self._by_user) >= SESSIONS_MAX:
            self._someone_unseen = True
            for each in list(self._by_user[next(iter(self._by_user))]):
                self._remove(each)
        clients = self._by_user.setdefault(user, {})
        clients[client] = None
        self._user_of[client] = user
        if len(clients) > SESSIONS_PER_USER_MAX:
            self._unseen.add(user)
            self._remove(next(iter(clients)))

    def _remove(self, client: str) -> None:
        user = self._user_of.pop(client, None)
        if user is not None:
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
