"""The operators' room under load: 150 sites, 1,000,000 messages stored, 50 browsers, 1,000 messages an hour.

The messages are put in as intake does it, in their real encoding, but with empty signatures: nothing reads
those of stored messages, and signing a million would take minutes. What arrives during the measurement is
signed, goes over the real broker and is taken in; three hours of it in one minute.

Server time is what a client on loopback waits for a whole page, one request after the other.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import browsers
from bench.browsers import Browser, percentile
from bench.footprint import cpu_s, rss_mb
from bench.stack import Stack, stack, until
from relay import mqtt
from relay.broker import broker_options
from relay.core import payloads, wire
from relay.core.message import Clock, Entry, Header, Kind, Numbering
from relay.core.ranges import Ranges
from relay.core.receipts import Holding
from relay.inbox.operators.handling import Handling, State
from relay.inbox.operators.people import Account
from relay.inbox.operators.store import Operators
from relay.inbox.service import arrival
from relay.inbox.store import Arrival, Current, Store
from relay.inbox.watch import FOLLOW_UNTOLD_MAX
from relay.node.compose import identity_of
from relay.trust import keys
from relay.trust.authority import Place

SITES, MESSAGES = 150, 1_000_000
REPORT_EVERY = 10  # of ten messages one is a report, the others statuses
CALL_EVERY = 20  # of as many reports one is a request
OPEN_CALLS = 40
MUNICIPALITIES = 12
ROWS_AT_ONCE = 6_400
REQUESTS = 200
BROWSERS = 50
HOURS, PER_HOUR, LOAD_S = 3, 1000, 60.0
PASSWORD = "vier woorden op een rij"
STATUS_KINDS = ("open", "limited", "closed", "full")


class Load(msgspec.Struct, frozen=True):
    """One run's figures."""

    overview_p95_ms: float
    list_p95_ms: float
    site_p95_ms: float
    log_p95_ms: float
    watch_cpu_pct: float
    lag_max_s: float
    browsers_rss_mb: float
    browsers_cpu_pct: float
    browsers_overview_p95_ms: float


class Signer(NamedTuple):
    """A site that can go on where the store ends."""

    key: Ed25519PrivateKey
    address: bytes
    stored: int  # messages


def board() -> Load:
    """Fill, open, look, load."""
    with tempfile.TemporaryDirectory() as folder, stack(Path(folder)) as made:
        made.add_node("messenger")
        places = [
            Place("node", f"P{at:03}", f"Punt {at:03}", f"Gemeente {at % MUNICIPALITIES}")
            for at in range(SITES)
        ]
        signing = [keys.load(state / "node.key") for state in made.admit_sites(places)]
        state = made.folder / "inbox-state"
        signers = fill(state, signing)
        made.start("broker")
        inbox = made.start("inbox")
        clerk = accounts(state, made.pages_port)
        until(lambda: not behind(state), 120, every_s=0.5)
        resolve_old_calls(state)
        return measure(made, inbox.pid, clerk, signers)


def measure(made: Stack, pid: int, clerk: Browser, signers: list[Signer]) -> Load:
    """Alone, with messages arriving, and with browsers attached."""
    idle = cpu_share(pid, lambda: time.sleep(10))
    pages = {
        path: percentile([clerk.timed(path) for _ in range(REQUESTS)])
        for path in ("/", "/postvak", "/punt/P001", "/logboek")
    }
    lag_s = asyncio.run(take_in(made, clerk, signers))
    with browsers.attached(made.pages_port, clerk, BROWSERS) as crowd:
        until(lambda: crowd.attached == BROWSERS, 30)
        busy = threading.Thread(target=lambda: asyncio.run(take_in(made, clerk, signers, repeat=1)))
        used, began = cpu_s(pid), time.perf_counter()
        busy.start()
        seen = [clerk.timed("/") for _ in range(REQUESTS) if not time.sleep(0.2)]
        busy.join()
        share = 100 * (cpu_s(pid) - used) / (time.perf_counter() - began)
        memory = rss_mb(pid)
    return Load(*pages.values(), idle, lag_s, memory, share, percentile(seen))


def cpu_share(pid: int, work: Callable[[], object]) -> float:
    """How much of a core a process takes while `work` runs."""
    used, began = cpu_s(pid), time.perf_counter()
    work()
    return 100 * (cpu_s(pid) - used) / (time.perf_counter() - began)


# --- what is stored


def fill(state: Path, signing: list[Ed25519PrivateKey]) -> list[Signer]:
    """A million rows, holdings and current states, as intake leaves them."""
    store, now = Store(state), arrival()
    signers = [
        Signer(key, keys.address_of(keys.public_bytes(key)), MESSAGES // SITES + index % REPORT_EVERY)
        for index, key in enumerate(signing)
    ]  # each at another place among its ten: reports come one by one
    rows = []
    most = max(each.stored for each in signers)
    for at in range(most):
        rows += [row_of(each.address, at, each.stored, now.unix_s) for each in signers if at < each.stored]
        if len(rows) >= ROWS_AT_ONCE or at == most - 1:
            with store.write():
                store.insert(rows)
            rows.clear()
    with store.write():
        for each in signers:
            save_state(store, each, now)
    store.close()
    return signers


def save_state(store: Store, signer: Signer, now: Arrival) -> None:
    """What is held of a site, and its newest status."""
    reports = (signer.stored + REPORT_EVERY - 1) // REPORT_EVERY
    states = signer.stored - reports
    store.save_holding(signer.address, 1, Holding(Ranges([(1, reports)]), Ranges([(1, states)])))
    store.save_heard(signer.address, now, signer.address.hex(), "mqtt")
    last = signer.stored - 1 if (signer.stored - 1) % REPORT_EVERY else signer.stored - 2
    status = envelope_of(signer.address, last, now.unix_s)[1]
    store.save_current(signer.address, Current(1, states), status, now, 0)


def row_of(address: bytes, at: int, of_site: int, now_s: int) -> tuple:
    """Message `at` of a site: one a minute, the last one now."""
    received_s = now_s - (of_site - at) * 60
    header, envelope = envelope_of(address, at, received_s)
    numbering = Numbering.STATE if header.kind == Kind.STATUS else Numbering.REPORT
    named = (address, header.epoch, numbering, header.number, 0, 0, header.kind, header.urgency)
    return (*named, header.time, received_s, 0, address.hex(), None, None, envelope)


def envelope_of(
    address: bytes, at: int, unix_s: int, key: Ed25519PrivateKey | None = None, network: bytes = bytes(8)
) -> tuple[Header, bytes]:
    """A report or a status, and its header."""
    is_report = at % REPORT_EVERY == 0
    before = (at + REPORT_EVERY - 1) // REPORT_EVERY  # reports
    if is_report:
        kind = Kind.REQUEST if before % CALL_EVERY == 0 else Kind.REPORT
        payload = payloads.message_payload({"text": f"melding {before} van hier, alles verder rustig"})
    else:
        kind = Kind.STATUS
        values = {
            "opening": STATUS_KINDS[at % 4],
            "visitors": at % 200,
            "battery_pct": 50 + at % 50,
            "runtime_min": 400,
            "indoor_c": 19,
            "water": "ok",
        }
        payload = payloads.message_payload(values, status=(before & 0xFF, 15.0, 0))
    header = Header(
        kind=kind,
        address=address,
        number=before + 1 if is_report else at + 1 - before,
        payload_at=0,
        urgency=3,
        clock=Clock.NTP,
        confidence=0,
        exercise=False,
        sealed=False,
        epoch=1,
        time=unix_s - wire.EPOCH_2025_UNIX_S,
    )
    return header, wire.sign(header, payload, network, key.sign if key else lambda _: bytes(64))


def accounts(state: Path, port: int) -> Browser:
    """Somebody who is logged in."""
    operators = Operators(state)
    operators.save_account(Account("els", "operator"), PASSWORD, "bench")
    operators.close()
    clerk = Browser(port)
    clerk.log_in("els", PASSWORD)
    return clerk


def behind(state: Path) -> bool:
    """Whether the watch has not taken over every report yet; it does not write down how far, row by row."""
    operators = Operators(state)
    left = operators.followed() < MESSAGES // SITES * SITES - FOLLOW_UNTOLD_MAX
    operators.close()
    return left


def resolve_old_calls(state: Path) -> None:
    """All requests are resolved, but for the last ones; in one write, which is not what is measured."""
    operators = Operators(state)
    calls = operators.open_reports()[:-OPEN_CALLS]
    done = Handling(State.RESOLVED, 1, "els", int(time.time()), result="gebracht")
    with operators.write() as db:
        db.executemany(
            "INSERT INTO handling VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*msgspec.structs.astuple(each.id), *msgspec.structs.astuple(done)) for each in calls],
        )
    operators.close()


# --- what arrives


async def take_in(made: Stack, clerk: Browser, signers: list[Signer], repeat: int = 0) -> float:
    """Three hours of messages in a minute; the longest that one took to be in the list."""
    config = made.node_config("messenger")
    messenger = identity_of(config).address.hex()
    options = broker_options(config.mqtt, client_id=f"{messenger}-bench", send_window=64)
    connection = await mqtt.open(options, lambda message: message.ack())
    pending: dict[str, float] = {}
    lags: list[float] = []
    watching = asyncio.create_task(look_for(pending, lags, clerk))
    try:
        began = time.monotonic()
        for at, frame, told in messages(signers, config.network_id, repeat):
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            if told:
                pending[told] = time.monotonic()
            await connection.publish(mqtt.topic("up", messenger), frame)
        await asyncio.sleep(5)
        if watching.done():
            watching.result()  # raises why
        assert not pending, f"{len(pending)} are not shown"
    finally:
        watching.cancel()
        await connection.close()
    return max(lags)


def messages(signers: list[Signer], network: bytes, repeat: int) -> Iterator[tuple[float, bytes, str]]:
    """When, the frame, and the report in it if it is one."""
    count = HOURS * PER_HOUR
    offset = count // SITES * repeat
    for at in range(count):
        signer = signers[at % SITES]
        number = signer.stored + offset + at // SITES
        header, envelope = envelope_of(signer.address, number, int(time.time()), signer.key, network)
        told = "" if header.kind == Kind.STATUS else f"{signer.address.hex()}-1-{header.number}"
        yield at * LOAD_S / count, wire.encode_batch([Entry(envelope, 0)]), told


async def look_for(pending: dict[str, float], lags: list[float], clerk: Browser) -> None:
    """Sees reports in the list as an operator would who reloads it all the time."""
    while True:
        await asyncio.sleep(0.2)
        if pending:
            text = await asyncio.to_thread(clerk.get, "/postvak")
            for told in [each for each in pending if each in text]:
                lags.append(time.monotonic() - pending.pop(told))


if __name__ == "__main__":
    print(msgspec.json.format(msgspec.json.encode(board())).decode())
