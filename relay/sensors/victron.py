"""A Victron installation with Venus OS (GX device), by its own MQTT broker.

Venus tells each change at once, and everything for a minute after a keep-alive; it gets one each half minute.
So the connection stays open, on a thread of its own, and a read takes what was heard. A value that was not
repeated in time, or whose device is gone (null), is not known. Topics and numbers: Victron's "dbus-flashmq"
and its register list for Modbus.

    power         the source of the active AC input: grid or shore is mains, generator is generator, inverting
                  is battery. Not told while Venus is told to ignore its AC input: nobody knows then
    battery_pct   the system's battery, else the lowest of the battery monitors
    runtime_min   the same, without AC input only
    generator     of Venus' own start/stop function
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from pathlib import Path

import msgspec

from relay import mqtt
from relay.core.fields import Value
from relay.errors import NaoberError, Text
from relay.sensors.base import SensorError
from relay.sensors.mains import Rank

KEEPALIVE_S = 30.0
HEARD_AGE_S_MAX = 75.0  # two keep-alives and some: a value is repeated after each
CONNECTION_KEEPALIVE_S = 10
RETRY_S = 5.0
FIRST_ANSWER_S = 1.0  # the burst after the first keep-alive
FIRST_READ_S = 4.0
IDLE_S = 30.0  # nobody reads any more: the thread ends
TOPICS_MAX = 64
PAYLOAD_BYTES_MAX = 1024
VALUE_MAX = 1e9
TIME_TO_GO_S_MAX = 10 * 24 * 3600  # Venus writes its maximum for "not known"

SOURCE, IGNORED = "system/+/Ac/ActiveIn/Source", "vebus/+/Ac/State/IgnoreAcIn1"
CHARGES = ("system/+/Dc/Battery/Soc", "battery/+/Soc")
TIMES = ("system/+/Dc/Battery/TimeToGo", "battery/+/TimeToGo")
GENERATOR = "generator/+/State"
WANTED = (SOURCE, IGNORED, *CHARGES, *TIMES, GENERATOR)

SOURCES = {1: "mains", 2: "generator", 3: "mains", 240: "battery"}  # 0: not available
GENERATOR_STATES = {0: "standby", 1: "running", 2: "running", 3: "running", 4: "running", 10: "fault"}


class _Told(msgspec.Struct):
    value: float | None = None


class VictronSensor:
    """power, battery_pct, runtime_min and generator, as the head of this module says."""

    name = "victron"
    interval_s = 2.0
    timeout_s = FIRST_READ_S + 1.0
    max_age_s = 20.0
    mains_rank = Rank.SITE

    def __init__(self, host: str, port: int, portal: str, password_file: str = "") -> None:
        """`portal` is the VRM portal ID that stands in the GX device's menu; with a password TLS is used."""
        self._host, self._port, self._portal = host, port, portal
        self._where = f"{host}:{port}"
        self._password_file = password_file
        self._thread: threading.Thread | None = None
        self._read_s = 0.0
        self._answered = threading.Event()
        self._fault: NaoberError | None = None
        self._heard: dict[str, tuple[float, float]] = {}  # topic below the portal: value, when

    def read(self) -> dict[str, Value]:
        """What is known now; raises SensorError while Venus does not answer or tells nothing of use."""
        self._read_s = time.monotonic()
        if self._thread is None or not self._thread.is_alive():
            self._answered.clear()
            self._thread = threading.Thread(target=self._work, name="victron", daemon=True)
            self._thread.start()
        self._answered.wait(FIRST_READ_S)
        if self._fault is not None:
            raise SensorError(
                Text(f"Victron: {self._fault.what.nl}", f"Victron: {self._fault.what.en}"), self._fault.do
            )
        since_s = time.monotonic() - HEARD_AGE_S_MAX
        fresh = {topic: value for topic, (value, at_s) in self._heard.copy().items() if at_s >= since_s}
        if not fresh:
            raise SensorError(
                Text(
                    f"Victron op {self._where} zegt niets over {self._portal or 'zijn installatie'}",
                    f"Victron at {self._where} says nothing of {self._portal or 'its installation'}",
                ),
                Text(
                    "Vergelijk portal met het VRM-portal-ID in het menu van het GX-apparaat",
                    "Compare portal with the VRM portal ID in the menu of the GX device",
                ),
            )
        return values_of(fresh)

    # --- on the thread ---

    def _work(self) -> None:
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        while self._is_read():
            try:
                await self._listen()
            except NaoberError as error:
                self._fault = error
            self._heard.clear()
            self._answered.set()
            await asyncio.sleep(RETRY_S if self._is_read() else 0)

    def _is_read(self) -> bool:
        return time.monotonic() - self._read_s < IDLE_S

    async def _listen(self) -> None:
        """Until the connection ends, which raises NaoberError, or nobody reads any more."""
        connection = await mqtt.open(self._options(), self._receive)
        try:
            await connection.subscribe(*(f"N/{self._portal}/{topic}" for topic in WANTED))
            while self._is_read():
                await connection.publish(f"R/{self._portal}/keepalive", b"")
                if not self._answered.is_set() or self._fault is not None:
                    await asyncio.sleep(FIRST_ANSWER_S)
                    self._fault = None
                    self._answered.set()
                try:
                    async with asyncio.timeout(KEEPALIVE_S):
                        raise await connection.wait_ended()
                except TimeoutError:
                    continue
        finally:
            await connection.close()

    def _options(self) -> mqtt.Options:
        """Read anew for each connection; raises SensorError when the password can't be had."""
        password, tls = "", None
        if self._password_file:
            try:
                password = Path(self._password_file).read_text().strip()
            except (OSError, ValueError):
                raise SensorError(
                    Text(f"kan {self._password_file} niet lezen", f"can't read {self._password_file}"),
                    Text("Geef het aan naober: sudo chown naober", "Give it to naober: sudo chown naober"),
                ) from None
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE  # it has made its certificate itself
        return mqtt.Options(
            host=self._host,
            port=self._port,
            client_id=f"naober-{os.urandom(4).hex()}",
            keepalive_s=CONNECTION_KEEPALIVE_S,
            tls=tls,
            foreign=True,
            password=password,
        )

    def _receive(self, message: mqtt.Message) -> None:
        message.ack()
        topic = message.topic.removeprefix(f"N/{self._portal}/")
        try:
            told = msgspec.json.decode(message.payload[:PAYLOAD_BYTES_MAX], type=_Told)
        except (msgspec.DecodeError, RecursionError):
            told = _Told()
        if told.value is None or not abs(told.value) < VALUE_MAX:
            self._heard.pop(topic, None)
        elif topic in self._heard or len(self._heard) < TOPICS_MAX:
            self._heard[topic] = told.value, time.monotonic()


def values_of(heard: dict[str, float]) -> dict[str, Value]:
    """What the fields of a status are, given the newest value of each topic below the portal."""
    source = next(iter(_of(heard, SOURCE)), None)
    power = None if source is None else SOURCES.get(int(source))
    if power == "battery" and any(_of(heard, IGNORED)):
        power = None
    found: dict[str, Value | None] = {"power": power}
    charges = _of(heard, CHARGES[0]) or _of(heard, CHARGES[1])
    if charges and 0 <= min(charges) <= 100:
        found["battery_pct"] = int(min(charges))
    left_s = [each for each in _of(heard, TIMES[0]) or _of(heard, TIMES[1]) if 0 <= each < TIME_TO_GO_S_MAX]
    if left_s and power == "battery":
        found["runtime_min"] = int(min(left_s) // 60)
    states = [GENERATOR_STATES.get(int(each)) for each in _of(heard, GENERATOR)]
    found["generator"] = next((word for word in ("running", "fault", "standby") if word in states), None)
    return {name: value for name, value in found.items() if value is not None}


def _of(heard: dict[str, float], pattern: str) -> list[float]:
    """The values of all topics that fit `pattern`, in which one level may be anything."""
    service, _, path = pattern.partition("/+/")
    return [
        value
        for topic, value in heard.items()
        if topic.startswith(f"{service}/") and topic.partition("/")[2].partition("/")[2] == path
    ]
