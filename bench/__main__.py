"""`make bench`: every figure with its limit or peer, printed and written to bench/results.json.

python -m bench            all
python -m bench sizes      only those: sizes, enqueue, footprint, failover, simulation, drain, board, desk
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")

Figure = tuple[str, float, str, str]  # name, value, unit, against


def sizes() -> list[Figure]:
    """Bytes of envelopes."""
    from bench.sizes import sizes as measure

    found = measure()
    for name, size in found.items():
        print(f"  {name:<24}{size:>5} bytes")
    return [
        ("status_bytes", found["status, 12 fields"], "bytes", "limit 100"),
        ("status20_bytes", found["status, 20 fields"], "bytes", "limit 102"),
    ]


def enqueue() -> list[Figure]:
    """Durable messages a second."""
    from bench.enqueue import enqueue as measure

    rates, enqueued, submitted = measure()
    peer = f"append+fdatasync on the same disk, {rates.appended:.0f}/s"
    return [
        ("enqueue_ratio", round(enqueued, 2), "ratio", f"{peer} (ours {rates.enqueued:.0f}/s); at least 0.6"),
        ("submit_ratio", round(submitted, 2), "ratio", f"{peer} (ours {rates.submitted:.0f}/s), signing too"),
    ]


def footprint() -> list[Figure]:
    """Memory, start, CPU, card."""
    from bench.footprint import footprint as measure

    found = measure()
    return [
        ("node_rss_mb", round(found.node_rss_mb, 1), "MB", "limit 36"),
        ("inbox_rss_mb", round(found.inbox_rss_mb, 1), "MB", "limit 60"),
        ("node_start_s", round(found.node_start_s, 2), "s", "limit 1, to the first publish"),
        ("node_idle_cpu_pct", round(found.node_idle_cpu_pct, 2), "% of a core", "limit 0.5"),
        ("node_disk_mb_day", round(found.node_disk_mb_day, 1), "MB a day", "limit 25, a status a minute"),
    ]


def failover() -> list[Figure]:
    """MQTT in a black hole: six emergencies, and what a node with a radio takes."""
    from bench.failover import failover as measure

    found = measure()
    told = ", ".join(f"{each:.1f}" for each in sorted(found.urgent_s))
    return [
        ("urgent_failover_s", round(max(found.urgent_s), 1), "s", f"limit 15, to the air, longest of {told}"),
        ("node_radio_rss_mb", round(found.node_rss_mb, 1), "MB", "limit 50"),
    ]


def simulation() -> list[Figure]:
    """Fifty sites, 72 h dark, MEDIUM_FAST, 10 gateways; and the airtime of a status on LONG_FAST."""
    from bench.simulation import simulation as measure

    found = measure()
    dark = found.dark
    duty_pct = max(spot.worst_hour_pct for spot in dark.spots)
    peers = "at its senders, receipts included; LXMF 2994, BPv7+Ed25519 1911"
    return [
        ("sim_50_urgent_delivered_pct", round(dark.urgent.arrived_pct, 2), "%", "target 100"),
        ("sim_50_urgent_p95_s", round(dark.urgent.latency_s.p95, 1), "s", "limit 60"),
        ("sim_50_status_age_p95_min", round(dark.status_age_s.p95 / 60, 1), "min", "limit 60"),
        ("sim_50_channel_pct", round(dark.channel_mean_pct, 1), "%", "limit 25, mean of all radios"),
        ("sim_50_duty_max_pct", round(duty_pct, 2), "%", "limit 10, the law's, fullest hour of any radio"),
        ("sim_50_seconds", round(found.cpu_s, 1), "s", "limit 60, of one core"),
        ("airtime_ms_status", round(found.status_ms), "ms", "limit 1200, 12 fields"),
        ("airtime_ms_delivered", round(found.delivered_ms), "ms", peers),
    ]


def drain() -> list[Figure]:
    """Backlog of 50,000 messages."""
    from bench.drain import drain as measure

    ours, peer = measure()
    against = f"Ed25519 verification on two threads, {peer:.0f}/s (ours {ours:.0f}/s); at least 0.7"
    return [("drain_ratio", round(ours / peer, 2), "ratio", against)]


def board() -> list[Figure]:
    """The operators' room: 150 sites, 1,000,000 messages stored, three hours of load, 50 browsers."""
    from bench.board import board as measure

    found = measure()
    return [
        ("overview_p95_ms", round(found.overview_p95_ms, 1), "ms", "limit 100, asked over loopback"),
        ("list_p95_ms", round(found.list_p95_ms, 1), "ms", "limit 100, asked over loopback"),
        ("site_p95_ms", round(found.site_p95_ms, 1), "ms", "no limit; 24 hours of a status a minute"),
        ("watch_cpu_pct", round(found.watch_cpu_pct, 1), "% of a core", "no limit; a look a second, idle"),
        ("list_lag_s", round(found.lag_max_s, 1), "s", "limit 5; 1,000 an hour for 3 h, in a minute"),
        ("inbox_50_browsers_rss_mb", round(found.browsers_rss_mb, 1), "MB", "limit 120"),
        ("inbox_50_browsers_cpu_pct", round(found.browsers_cpu_pct, 1), "% of a core", "no limit; that load"),
    ]


def desk() -> list[Figure]:
    """A node with its site's page."""
    from bench.desk import REQUESTS
    from bench.desk import desk as measure

    found = measure()
    kb = f"limit 60, the heaviest ({found.heaviest}) with all that it loads"
    return [
        ("desk_rss_mb", round(found.rss_mb, 1), "MB", f"limit 60, after {REQUESTS} requests"),
        ("desk_page_kb", round(found.page_kb, 1), "kB", kb),
    ]


def main(wanted: list[str]) -> None:
    """Measure, print, keep."""
    every = (sizes, enqueue, footprint, failover, simulation, drain, board, desk)
    known = {each.__name__: each for each in every}
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in wanted or known:
        print(f"{name}: {known[name].__doc__}", flush=True)
        for figure, value, unit, against in known[name]():
            results[figure] = {"value": value, "unit": unit, "against": against}
            print(f"  {figure:<28}{value:>8} {unit:<12} {against}", flush=True)
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
