"""Who must hear from the inbox by radio, through which gateway, and when ("Radio: what goes when").

Pure: times and chance come in. Whoever brings what it heard by radio is a gateway, for the sites that it
heard. Each site has one at a time, the one that hears it best; a site that repeats itself after a receipt
was ordered did not hear that, and is given the next. Receipts share packets: urgent ones wait some seconds,
others minutes, and all that wait for the same gateway go along.

A status tells the low byte of the newest word of the inbox that its site heard. A site that goes on
repeating itself, and tells of none of ours, is deaf: it gets no packet of its own any more but for a probe
now and then, so that its airtime is bounded however long it lasts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

import msgspec

from relay.core.airtime import Preset
from relay.core.log import Chance
from relay.core.message import Address, Heard, Urgency
from relay.core.radio_plan import INTERVAL_MIN_S, interval_s, receipt_wait_s
from relay.inbox.air_share import Share

URGENT_WAIT_S = (3.0, 8.0)
NODES_AT_ONCE = 8  # so many waiting do not wait longer
NODES_MAX = 13  # in one packet
HOUR_S = 3600.0
WAY_LIFE_S = 3 * HOUR_S
ON_RADIO_S = 3 * HOUR_S  # a site heard by radio within this is on radio ...
MQTT_LIFE_S = 150.0  # ... unless its own MQTT was heard within this
GONE_S = 24 * HOUR_S
REPEAT_S = 10.0  # the same packet through another relay is no repeat
PROOFS = 32  # sequences ordered of late
DEAF_AFTER = 3  # receipts without proof
PROBES_DOUBLE_MAX = 5
QUIET_PCT = 20.0  # mean channel use of the gateways: below it a shorter interval is advised
FACTOR_MIN = 1 / 3
FACTOR_STEP = 0.8
FACTOR_EVERY_S = 600.0
FRAME_BASE_BYTES, FRAME_ENTRY_BYTES = 82, 11


class Way(msgspec.Struct, frozen=True):
    """How a gateway hears a site."""

    hops: int
    snr_db: int
    at_s: float


class Site(msgspec.Struct):
    """One node, as the air knows it. Times are of a clock that does not step."""

    ways: dict[str, Way] = msgspec.field(default_factory=dict)
    tried: set[str] = msgspec.field(default_factory=set)
    radio_s: float = -inf
    mqtt_s: float = -inf
    spoke_s: float = -inf  # when its last new message came by radio
    dark: bool = False  # it came by radio first: its own MQTT did not bring it
    low: int | None = None  # of our last word, as its last status told
    told: int | None = None  # low byte of the last sequence that was ordered for it
    due_s: float = inf  # when its receipt must go
    waits: bool = False
    urgent: bool = False
    tested: bool = False  # a test message by radio: it is answered by radio, whatever its own MQTT brings
    asked: bool = False  # a receipt was ordered, and it has not spoken since
    unheard: int = 0  # how often it spoke then as if it had not heard it
    ordered_s: float = -inf
    gateway: str = ""  # of the last order
    probes: int = 0

    @property
    def deaf(self) -> bool:
        """Whether it has let enough receipts pass ("hoort ons niet")."""
        return self.unheard >= DEAF_AFTER


class Order(msgspec.Struct, frozen=True):
    """One receipt to be transmitted."""

    gateway: str
    addresses: tuple[Address, ...]
    urgent: bool


class Air:
    """The planner. `sites` tells how many nodes may be on radio, by the roster."""

    def __init__(self, preset: Preset, chance: Chance, sites: Callable[[], int]) -> None:
        self.preset = preset
        self.sites: dict[Address, Site] = {}
        self._chance, self._roster_size = chance, sites
        self._waiting: dict[Address, None] = {}  # in the order in which they began to wait
        self._joined = False  # somebody began to wait since `due` looked
        self._alive: dict[str, float] = {}  # publishers, and when their own MQTT was heard
        self._sequences: deque[int] = deque(maxlen=PROOFS)
        self.share = Share(preset)
        self._use: dict[str, tuple[float, float]] = {}  # channel use that gateways measure, and when
        self._factor, self._factor_s = 1.0, -inf
        self._began_s: float | None = None

    # --- what is heard ---

    def direct(self, address: Address, now_s: float, channel_pct: float | None = None) -> None:
        """A node's own MQTT brought something: it needs no radio, and hears us."""
        self._begin(now_s)
        self._alive[address.hex()] = now_s
        site = self._site(address)
        site.mqtt_s, site.dark = now_s, False
        if not site.tested:
            self._settle(address)
        self._proved(site)
        if channel_pct is not None:
            self._use[address.hex()] = (channel_pct, now_s)

    def heard(
        self,
        address: Address,
        publisher: str,
        how: Heard,
        urgency: int,
        now_s: float,
        *,
        fresh: bool,
        inbox_low: int | None = None,
        age_s: float = 0.0,
        test: bool = False,
    ) -> None:
        """A relay brought a message of `address`, composed `age_s` ago.

        `inbox_low` is what a status tells of our last word. A `test` asks for its answer by radio and soon.
        """
        self._begin(now_s)
        site = self._site(address)
        before = site.ways.get(publisher)
        again = before is not None and before.at_s >= site.spoke_s  # else it may be a late copy of the first
        site.ways[publisher] = Way(how.hops, how.snr_db, now_s)
        site.radio_s = self._alive[publisher] = now_s
        repeats = not fresh and now_s > max(site.ordered_s, site.spoke_s) + REPEAT_S
        if fresh:
            site.spoke_s, site.dark = now_s, True
            self._judge_status(site, inbox_low, now_s - age_s)
        elif repeats and again and site.asked:
            self._not_heard(site)
        site.tested |= test and (fresh or repeats)
        urgency = Urgency.URGENT if test else urgency
        if (fresh or repeats) and (site.dark or test or now_s > site.mqtt_s + MQTT_LIFE_S):
            self._wait(address, site, urgency, now_s, fresh=fresh)

    def _judge_status(self, site: Site, low: int | None, said_s: float) -> None:
        """A word that was not its newest before, and is one of ours: proof. A deaf site's stays the same."""
        if low is None:
            return
        if low != site.low and (low in self._sequences or low == site.told):
            self._proved(site)
        elif site.asked and said_s > site.ordered_s + REPEAT_S:  # a relay may bring it hours later
            self._not_heard(site)
        site.low = low

    def _not_heard(self, site: Site) -> None:
        site.asked = False
        site.unheard += 1
        site.tried.add(site.gateway)

    def _wait(self, address: Address, site: Site, urgency: int, now_s: float, *, fresh: bool) -> None:
        self._joined |= not site.waits
        site.waits = True
        self._waiting[address] = None
        if site.deaf and not (fresh and urgency <= Urgency.URGENT):  # a new emergency is no recording
            pause_s = interval_s(1, self.preset) * 2 ** min(site.probes, PROBES_DOUBLE_MAX)
            site.due_s = min(site.due_s, max(now_s, site.ordered_s + pause_s))
        elif urgency <= Urgency.URGENT:
            site.urgent = True
            site.due_s = min(site.due_s, now_s + self._chance.uniform(*URGENT_WAIT_S))
        else:
            site.due_s = min(site.due_s, now_s + receipt_wait_s(self.preset))

    def _proved(self, site: Site) -> None:
        site.unheard = site.probes = 0
        site.asked = False
        site.tried.clear()

    def _settle(self, address: Address) -> None:
        site = self._site(address)
        site.waits = site.urgent = site.tested = False
        site.due_s = inf
        self._waiting.pop(address, None)

    def _site(self, address: Address) -> Site:
        return self.sites.get(address) or self.sites.setdefault(address, Site())

    def _begin(self, now_s: float) -> None:
        self._began_s = now_s if self._began_s is None else self._began_s

    # --- what is to be said ---

    def next_s(self) -> float:
        """When `due` should be asked if nothing more is heard; infinity while nobody waits."""
        waiting = list(self._waiting)  # in one step: another thread may add to them
        return min((self.sites[address].due_s for address in waiting), default=inf)

    def due(self, now_s: float) -> list[Order]:
        """The receipts to order now; each counts as ordered."""
        waiting: dict[str, list[tuple[Address, Site]]] = {}
        if not self._joined and self.next_s() > now_s:
            return []
        self._joined = False
        for address in list(self._waiting):
            site = self.sites[address]
            if site.waits:
                gateway = self._gateway(site, now_s)
                if gateway:
                    waiting.setdefault(gateway, []).append((address, site))
                elif site.due_s <= now_s:
                    self._settle(address)  # nobody can reach it: its next word may come through another
        orders = []
        for gateway, sites in waiting.items():
            hearing = sum(not site.deaf for _, site in sites)
            if hearing >= NODES_AT_ONCE or any(site.due_s <= now_s for _, site in sites):
                orders += self._order(gateway, sites, now_s)
        return orders

    def sent(self, order: Order, sequence: int, now_s: float) -> None:
        """The order went out under this sequence of the inbox."""
        self._sequences.append(sequence & 0xFF)
        for address in order.addresses:
            site = self._site(address)
            site.gateway, site.ordered_s, site.asked = order.gateway, now_s, True
            site.told = sequence & 0xFF
            site.probes += site.deaf

    def _order(self, gateway: str, sites: list[tuple[Address, Site]], now_s: float) -> list[Order]:
        sites.sort(key=lambda each: (not each[1].urgent, each[1].due_s))
        chosen = sites[:NODES_MAX]
        urgent = any(site.urgent and not site.deaf for _, site in chosen)
        size_bytes = FRAME_BASE_BYTES + FRAME_ENTRY_BYTES * len(chosen)
        if not urgent and not self.share.has_room(size_bytes, now_s):
            for _, site in chosen:
                site.due_s = max(site.due_s, now_s + receipt_wait_s(self.preset))
            return []
        self.share.spend(size_bytes, now_s)
        for address, _ in chosen:
            self._settle(address)
        return [Order(gateway, tuple(address for address, _ in chosen), urgent)]

    def _gateway(self, site: Site, now_s: float) -> str:
        """The one that hears the site best, of those that are there and were not tried in vain."""
        there = self._there(site, now_s)
        fresh = {name: way for name, way in there.items() if name not in site.tried}
        if there and not fresh:
            site.tried.clear()  # all in vain: from the start again
            fresh = there
        return min(fresh, key=lambda name: (fresh[name].hops, -fresh[name].snr_db), default="")

    def ways_to(self, now_s: float, *, only_dark: bool = True) -> dict[Address, str]:
        """Sites on radio (`only_dark`: without MQTT), and for each the gateway that hears it best."""
        ways = {each: self._nearest(site, now_s, only_dark) for each, site in list(self.sites.items())}
        return {address: name for address, name in ways.items() if name}

    def note_sequence(self, sequence: int) -> None:
        """Another word of ours is on the air: whose status tells of it hears us."""
        self._sequences.append(sequence & 0xFF)

    def _nearest(self, site: Site, now_s: float, only_dark: bool) -> str:
        by_mqtt = only_dark and not site.dark and now_s - site.mqtt_s <= MQTT_LIFE_S
        if by_mqtt or now_s - site.radio_s >= ON_RADIO_S:
            return ""
        there = self._there(site, now_s)
        return min(there, key=lambda name: (there[name].hops, -there[name].snr_db), default="")

    def _there(self, site: Site, now_s: float) -> dict[str, Way]:
        """Its ways through publishers whose own MQTT works."""
        return {
            name: way
            for name, way in list(site.ways.items())
            if way.at_s > now_s - WAY_LIFE_S and self._alive.get(name, -inf) > now_s - MQTT_LIFE_S
        }

    # --- advice ---

    def on_radio(self, now_s: float) -> int:
        """How many sites share the channel.

        In the first hours nobody can have heard them all, so whoever is not on MQTT counts as on radio.
        """
        heard = sum(
            now_s - site.radio_s < ON_RADIO_S and now_s - site.mqtt_s > MQTT_LIFE_S
            for site in self.sites.values()
        )
        began_s = now_s if self._began_s is None else self._began_s
        absent = [
            site
            for site in self.sites.values()
            if now_s - site.mqtt_s > MQTT_LIFE_S and now_s - max(site.mqtt_s, site.radio_s) < GONE_S
        ]
        if now_s - began_s < ON_RADIO_S:
            here = sum(now_s - site.mqtt_s <= MQTT_LIFE_S for site in self.sites.values())
            return max(1, heard, self._roster_size() - here)
        return max(1, heard, len(absent))

    def advised_min(self, now_s: float) -> float:
        """The interval between two statuses by radio, in minutes; 0 while nobody is on radio."""
        if not any(now_s - site.radio_s < ON_RADIO_S for site in self.sites.values()):
            return 0.0
        self._adapt(now_s)
        return max(INTERVAL_MIN_S, interval_s(self.on_radio(now_s), self.preset) * self._factor) / 60

    def _adapt(self, now_s: float) -> None:
        """Shorter while the gateways measure a quiet channel, back when they do not."""
        if now_s < self._factor_s + FACTOR_EVERY_S:
            return
        self._factor_s = now_s
        measured = [pct for pct, at_s in self._use.values() if at_s > now_s - 2 * FACTOR_EVERY_S]
        quiet = bool(measured) and sum(measured) / len(measured) < QUIET_PCT
        factor = self._factor * FACTOR_STEP if quiet else self._factor / FACTOR_STEP
        self._factor = min(1.0, max(FACTOR_MIN, factor))

    def facts(self, address: Address, now_s: float) -> dict[str, Any] | None:
        """How a site is heard by radio, for screens; None when it was not of late."""
        site = self.sites.get(address)
        if site is None or now_s - site.radio_s > ON_RADIO_S:
            return None
        # in one step: a page asks from another thread
        ways = [each for each in list(site.ways.items()) if each[1].at_s > now_s - WAY_LIFE_S]
        if not ways:
            return None
        gateway, way = min(ways, key=lambda each: (each[1].hops, -each[1].snr_db))
        return {
            "through": gateway,
            "snr_db": way.snr_db,
            "hops": way.hops,
            "age_s": round(now_s - site.radio_s),
            "hears_us": not site.deaf,
        }
