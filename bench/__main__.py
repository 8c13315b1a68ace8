"""`make bench`: every figure with its limit or peer, printed and written to bench/results.json.

python -m bench            all
python -m bench sizes      only those: sizes, enqueue, footprint, failover, drain
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


def drain() -> list[Figure]:
    """Backlog of 50,000 messages."""
    from bench.drain import drain as measure

    ours, peer = measure()
    against = f"Ed25519 verification on two threads, {peer:.0f}/s (ours {ours:.0f}/s); at least 0.7"
    return [("drain_ratio", round(ours / peer, 2), "ratio", against)]


def main(wanted: list[str]) -> None:
    """Measure, print, keep."""
    known = {each.__name__: each for each in (sizes, enqueue, footprint, failover, drain)}
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in wanted or known:
        print(f"{name}: {known[name].__doc__}", flush=True)
        for figure, value, unit, against in known[name]():
            results[figure] = {"value": value, "unit": unit, "against": against}
            print(f"  {figure:<20}{value:>8} {unit:<12} {against}", flush=True)
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
