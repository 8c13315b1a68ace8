"""What points to somebody with a wrong key: told as findings, which raise an alarm until they are ended.

- A second card, a revoked key that speaks, a replaced box that still sends: filing sees those one by one.
- Messages in a node's name that its key did not sign: BAD_MANY within BAD_WITHIN_S. One may be a fault on the
  way, ten are somebody.
- A device that nobody admitted: from the STRANGER_MANYth message of one address.

Source: experience, section 3, "Veiligheid".
"""

from __future__ import annotations

from collections import deque

from relay.core.message import Address
from relay.errors import Text

BAD_SIGNATURES, STRANGER = "bad_signatures", "stranger"
OF_A_NODE = ("clone", BAD_SIGNATURES)  # while it counts
OF_A_FALLEN_NODE = ("revoked", "replaced_speaks")  # which must not speak any more
SECURITY = (*OF_A_NODE, *OF_A_FALLEN_NODE, STRANGER)
LABELS = {
    "clone": Text("twee kaarten met een sleutel", "two cards with one key"),
    "rollback": Text("oude kaart teruggezet", "old card image"),
    "clock": Text("klok wijkt af", "clock is off"),
    "epoch": Text("nieuwe, oude of tweede kaart", "new, old or second card"),
    "revoked": Text("zendt met ingetrokken sleutel", "sends with a revoked key"),
    "replaced_speaks": Text("vervangen, maar zendt nog", "replaced, but still sends"),
    BAD_SIGNATURES: Text("berichten met valse handtekening", "messages with a forged signature"),
    STRANGER: Text("onbekend apparaat meldt zich", "an unknown device speaks"),
}
BAD_MANY, BAD_WITHIN_S = 10, 600.0
STRANGER_MANY = 3
STRANGERS_KEPT_MAX = 1_000  # addresses that are counted; anybody can make up more
STRANGERS_TOLD_MAX = 100  # of which there is a finding


class Suspicions:
    """Counts in memory; lives as long as the process. Times are of a clock that does not step."""

    def __init__(self) -> None:
        self._bad: dict[Address, deque[float]] = {}
        self._strangers: dict[Address, int] = {}

    def is_forged(self, address: Address, now_s: float) -> bool:
        """One more message that the key of a known node did not sign: whether that makes too many.

        Then the count begins anew.
        """
        times = self._bad.setdefault(address, deque(maxlen=BAD_MANY))
        times.append(now_s)
        if len(times) < BAD_MANY or now_s - times[0] > BAD_WITHIN_S:
            return False
        times.clear()
        return True

    def is_stranger(self, address: Address) -> bool:
        """One more message of an address that nobody knows: whether it has come often enough to be told."""
        count = self._strangers.pop(address, 0) + 1
        self._strangers[address] = count
        if len(self._strangers) > STRANGERS_KEPT_MAX:
            del self._strangers[next(iter(self._strangers))]
        return count >= STRANGER_MANY
