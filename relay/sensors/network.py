"""How far the network reaches, layer by layer, so that a person knows where it is broken.

    router     works: the default route's router answers (a refusal is an answer) or the kernel, just after
               we knocked, still has its hardware address; out: it doesn't, or there is no default route
    dns        works: a nameserver of resolv.conf answers our query; limited: they only say that they
               cannot tell; out: none speaks. Absent while no name to ask for is configured
    internet   works: the page that was asked for came (see portal) or, while none is configured, one of the
               probes accepts a connection; limited: a portal answers in its place, or the router but
               nobody behind it; out: nothing answers. Absent while nothing is configured

The access point of our own that telephones use is no way out, whatever the kernel's table says.

A grade gets worse after two readings in a row (the second follows soon) and better after one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from relay.core.fields import Value
from relay.errors import ConfigError, Text
from relay.sensors.base import SensorError
from relay.sensors.probe import address_of, knock, parse_address, resolve, wire_name
from relay.sensors.routes import Route, default_routes, device_with, nameservers, neighbour_known

if TYPE_CHECKING:
    from relay.sensors.portal import Portal

INTERVAL_S = 30.0
PROBES_MAX = 8
FAILURES_BEFORE_WORSE = 2
CONFIRM_AFTER_S = 5.0  # also gives the kernel time to give up a neighbour that has gone
WAIT_S = 2.0  # for each layer, and for each of a page's two steps; all stay within timeout_s
DNS_PORT = 53
ROUTER_PORT = 53  # open or refused at most routers; where it is dropped the neighbour table decides


class Steady:
    """One grade that gets worse only when two readings in a row agree that it is worse."""

    def __init__(self) -> None:
        self.grade: str | None = None
        self.failures = 0

    @property
    def doubtful(self) -> bool:
        """Whether the next reading decides."""
        return 0 < self.failures < FAILURES_BEFORE_WORSE

    def take(self, grade: str | None) -> str | None:
        """The grade to believe, now that `grade` was read; the first reading may be a failing one, too."""
        if grade is None or grade == "works":
            self.grade, self.failures = grade, 0
            return grade
        self.failures = min(self.failures + 1, FAILURES_BEFORE_WORSE)
        if self.failures == FAILURES_BEFORE_WORSE:
            self.grade = grade
        return self.grade


class NetworkSensor:
    """router, dns and internet, as the head of this module says.

    `probes` are addresses with ports ("192.0.2.1:443"), `dns_name` is what nameservers are asked for,
    `portal_url` a page in which `portal_expect` must stand. `own_wifi` is our address on our own Wi-Fi.
    Nothing is ever sent with `active=False`: only what the kernel knows by itself is told, which is less.
    Raises ConfigError for an address or name that cannot be used.
    """

    name = "network"
    timeout_s = 14.0

    def __init__(
        self,
        *,
        probes: Iterable[str] = (),
        dns_name: str = "",
        portal_url: str = "",
        portal_expect: str = "",
        own_wifi: str = "",
        active: bool = True,
        interval_s: float = INTERVAL_S,
        root: Path = Path("/"),
        dns_port: int = DNS_PORT,
        router_port: int = ROUTER_PORT,
        wait_s: float = WAIT_S,
    ) -> None:
        self._probes = [parse_address(probe) for probe in probes]
        if len(self._probes) > PROBES_MAX:
            raise ConfigError(
                Text(f"meer dan {PROBES_MAX} proefadressen", f"more than {PROBES_MAX} probes"),
                Text("Twee of drie is genoeg", "Two or three are enough"),
            )
        self._name = wire_name(dns_name) if dns_name else b""
        self._portal: Portal | None = None
        if portal_url:
            from relay.sensors.portal import parse_portal

            self._portal = parse_portal(portal_url, portal_expect)
        self._own_wifi = own_wifi
        self._active = active
        self._interval_s = interval_s
        self.max_age_s = 3 * interval_s + self.timeout_s
        self._root = root
        self._dns_port = dns_port
        self._router_port = router_port
        self._wait_s = wait_s
        self._steady = {"router": Steady(), "dns": Steady(), "internet": Steady()}

    @property
    def interval_s(self) -> float:
        """As configured, and at most 5 s while a failure waits to be confirmed."""
        doubtful = any(one.doubtful for one in self._steady.values())
        return min(CONFIRM_AFTER_S, self._interval_s) if doubtful else self._interval_s

    def read(self) -> dict[str, Value]:
        """What is known of router, dns and internet; raises SensorError without the kernel's route table."""
        routes = default_routes(self._root)
        if routes is None:
            raise SensorError(Text("/proc/net/route is niet te lezen", "/proc/net/route cannot be read"))
        ours = device_with(self._root, self._own_wifi)
        routes = [route for route in routes if route.device != ours]
        router = self._router(routes)
        grades = {"router": router, "dns": self._dns(), "internet": self._internet(routes, router)}
        steady = {name: self._steady[name].take(grade) for name, grade in grades.items()}
        return {name: grade for name, grade in steady.items() if grade is not None}

    def _router(self, routes: list[Route]) -> str | None:
        if not routes:
            return "out"
        through = {
            address: route
            for route in routes
            if (address := address_of(route.gateway, self._router_port)) is not None
        }
        if not through:
            return None  # a link without a router
        if not self._active:
            return _router_grade([neighbour_known(self._root, route) for route in through.values()])
        outcomes = knock(list(through), self._wait_s, lambda outcome: outcome in ("answered", "refused"))
        return _router_grade(
            [
                outcome in ("answered", "refused")
                or (outcome == "silent" and bool(neighbour_known(self._root, through[address])))
                for address, outcome in outcomes.items()
            ]
        )

    def _dns(self) -> str | None:
        if not self._name:
            return None
        servers = nameservers(self._root, self._dns_port)
        if not servers:
            return "out"
        if not self._active:
            return None
        outcome = resolve(self._name, servers, self._wait_s)
        return {"answered": "works", "refused": "limited"}.get(outcome, "out")

    def _internet(self, routes: list[Route], router: str | None) -> str | None:
        if not self._probes and self._portal is None:
            return None
        if not self._active:
            return None if routes else "out"
        servers = nameservers(self._root, self._dns_port)
        if self._portal is not None and self._portal.asked_by(servers, self._wait_s):
            return "works"
        outcomes = knock(self._probes, self._wait_s, lambda outcome: outcome == "answered")
        if "answered" in outcomes.values():
            return "works" if self._portal is None else "limited"
        return "limited" if router == "works" else "out"


def _router_grade(judged: list[bool | None]) -> str | None:
    """One router that is there will do; `out` needs certainty about each of them."""
    if any(judged):
        return "works"
    return None if None in judged else "out"
