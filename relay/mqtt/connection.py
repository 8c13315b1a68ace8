"""One MQTT 5 connection for asyncio, over paho-mqtt. The only module that imports paho.

How it works. `open` dials (dial.py) and gives paho the connected socket; from then on the event
loop tells paho when to read and write, and a timer lets it keep the connection alive. One paho client
per connection: nothing of a dead connection, above all no unsent message, leaks into the next. Sessions
are clean, since what must arrive is kept in the outbox, not here and not in the broker.

What paho does not do, and this does: a publish waits for its own PUBACK and fails with the broker's
reason; no more are on their way than both sides allow; whatever waits fails at once when the connection
ends; a message is acknowledged when its receiver says so.

Codes of LinkError: errors.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from relay.errors import LinkError, Text
from relay.lean import postponed
from relay.mqtt.dial import Tap, dial
from relay.mqtt.errors import (
    ASK_FOR_ACL,
    again,
    closed,
    explain,
    lost,
    publish_refused,
    silent,
    turned_away,
)
from relay.mqtt.message import Message, OnMessage
from relay.mqtt.options import Options

with postponed():
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode
    from paho.mqtt.subscribeoptions import SubscribeOptions

PACKET_BYTES_MAX = 300 * 1024  # what a broker may send us at once; config/mosquitto has the same
HEADER_BYTES = 16  # of a publish, beside topic and payload
HELD_FACTOR = 4  # Mosquitto 2.0.11 exceeds our Receive Maximum: at so many times it we read no more
CLOSE_TIMEOUT_S = 2.0
TICK_S = 5.0  # how often paho looks at its keepalive
NO_MATCHING_SUBSCRIBERS = 0x10
USER = "naober"  # for a device that asks for a password: it takes any name


class Connection:
    """An open connection; made by `open`. Ends once, for good."""

    def __init__(self, options: Options, tap: Tap, on_message: OnMessage) -> None:
        self.error: LinkError | None = None  # why it ended
        self._options = options
        self._tap = tap
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._window = options.send_window
        self._packet_bytes_max = 0  # no limit known
        self._held = 0  # received and not acknowledged
        self._reading = False
        self._slots = asyncio.Semaphore(0)  # opened by the CONNACK
        self._pending: dict[int, asyncio.Future[ReasonCode]] = {}
        self._early: dict[int, ReasonCode] = {}
        self._receiver_error: Exception | None = None
        self._closing = False
        self._client = _Client(options, tap)
        self._client.on_connect = self._connected
        self._client.on_publish = self._published
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._received
        self._client.on_disconnect = self._disconnected
        self._client.on_socket_register_write = self._want_write
        self._client.on_socket_unregister_write = self._no_write

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Waits for a place in the window and then for the PUBACK; says whether anyone was subscribed.

        Raises LinkError: `publish_refused` with the broker's reason, or why the connection ended; ValueError
        for a wildcard. A cancelled publish may arrive all the same, and holds its place until it has.
        """
        if 0 < self._packet_bytes_max < len(payload) + len(topic.encode()) + HEADER_BYTES:
            raise publish_refused(topic, "Packet too large")  # sent, it would cost the connection
        reason = await self._exchange(lambda: self._client.publish(topic, payload, qos=1, retain=retain).mid)
        if reason.is_failure:
            raise publish_refused(topic, str(reason))
        return reason.value != NO_MATCHING_SUBSCRIBERS

    async def subscribe(self, *topics: str) -> None:
        """Raises LinkError when the broker refuses any of them. (Mosquitto 2.0 refuses by silence.)"""
        wanted = [(topic, SubscribeOptions(qos=1)) for topic in topics]
        reason = await self._exchange(lambda: self._client.subscribe(wanted)[1] or 0)
        if reason.is_failure:
            raise LinkError(
                Text(f"Broker weigert abonnement: {reason}", f"Broker refuses subscription: {reason}"),
                ASK_FOR_ACL,
                code="subscribe_refused",
            )

    def room(self) -> int:
        """How many publishes would leave at once, without waiting for another's PUBACK."""
        return 0 if self.error is not None else self._window - len(self._pending)

    async def wait_ended(self) -> LinkError:
        """Waits for the end and says why; raises what `on_message` raised, if that was the reason."""
        await asyncio.shield(self._ended)
        assert self.error is not None
        if self._receiver_error is not None:
            raise self._receiver_error
        return self.error

    async def close(self) -> None:
        """Says goodbye, so that the will is not sent; what waits fails with `closed`."""
        if self.error is None:
            self._closing = True
            self._client.disconnect()
            try:
                await asyncio.wait([self._ended], timeout=CLOSE_TIMEOUT_S)
            finally:
                self._end(closed())

    async def _start(self) -> None:
        """Sends CONNECT and waits for the CONNACK; raises LinkError."""
        wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wishes.ReceiveMaximum = self._options.receive_max
        wishes.MaximumPacketSize = PACKET_BYTES_MAX
        to = self._options
        self._client.connect(to.host, to.port, to.keepalive_s, properties=wishes)
        self._regulate()
        self._tick()
        await self._opened

    async def _exchange(self, send: Callable[[], int]) -> ReasonCode:
        """Sends one packet when the window has a place for it, and waits for its answer."""
        await self._slots.acquire()
        if self.error is not None:
            self._slots.release()  # the next in the queue must hear of it, too
            raise again(self.error)
        self._early.clear()
        try:
            mid = send()
        except ValueError:  # not a topic
            self._slots.release()
            raise
        answered = self._early.pop(mid, None)
        if answered is not None:
            self._slots.release()
            return answered
        answer: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._pending[mid] = answer
        self._regulate()
        return await answer

    def _answered(self, mid: int, reason: ReasonCode) -> None:
        waiting = self._pending.pop(mid, None)
        if waiting is None:
            self._early[mid] = reason  # paho may call back before its publish() has returned
            return
        self._slots.release()
        if not waiting.done():
            waiting.set_result(reason)
        self._regulate()

    def _ack(self, mid: int) -> None:
        if self.error is None:
            self._client.ack(mid, 1)
            self._held -= 1
            self._regulate()

    def _regulate(self) -> None:
        """Stops reading while too much is unacknowledged: the broker then keeps it, within its limits.

        Not while we wait for an answer ourselves: a receiver may publish before it acknowledges.
        """
        reading = self._held < HELD_FACTOR * self._options.receive_max or bool(self._pending)
        if self.error is not None or reading == self._reading:
            return
        self._reading = reading
        if reading:
            self._loop.add_reader(self._tap.number, self._readable)
            self._loop.call_soon(self._readable)
        else:
            self._loop.remove_reader(self._tap.number)

    def _end(self, error: LinkError, cause: BaseException | None = None) -> None:
        """The first reason counts. Everything that waits fails now."""
        if self.error is not None:
            return
        self.error = error
        error.__cause__ = cause
        self._tap.close()
        if self._timer is not None:
            self._timer.cancel()
        if not self._opened.done():
            self._opened.set_exception(again(error))
        for waiting in self._pending.values():
            self._slots.release()
            if not waiting.done():
                waiting.set_exception(again(error))
        self._pending.clear()
        self._ended.set_result(None)

    def _run(self, step: Callable[[], object]) -> None:
        """Lets paho do something. What goes wrong in it, or in `on_message`, ends the connection."""
        try:
            step()
        except Exception as error:
            self._end(lost(self._options.host), error)

    def _readable(self) -> None:
        if self.error is None and self._reading:
            self._run(self._client.loop_read)
            if self._tap.pending():
                self._loop.call_soon(self._readable)

    def _tick(self) -> None:
        self._run(self._client.loop_misc)
        if self.error is None:
            self._timer = self._loop.call_later(TICK_S, self._tick)

    def _want_write(self, client: paho.Client, userdata: object, sock: object) -> None:
        if not self._tap.closed:
            self._loop.add_writer(self._tap.number, self._run, client.loop_write)

    def _no_write(self, client: paho.Client, userdata: object, sock: object) -> None:
        if not self._tap.closed:
            self._loop.remove_writer(self._tap.number)

    def _connected(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._end(turned_away(self._options.host, reason.value, str(reason), at_the_door=True))
            return
        granted = getattr(properties, "ReceiveMaximum", self._window)
        self._window = min(self._window, granted)
        self._packet_bytes_max = getattr(properties, "MaximumPacketSize", 0)
        for _ in range(self._window):
            self._slots.release()
        if not self._opened.done():
            self._opened.set_result(None)

    def _published(
        self, client: paho.Client, userdata: object, mid: int, reason: ReasonCode, properties: Properties
    ) -> None:
        self._answered(mid, reason)

    def _subscribed(
        self,
        client: paho.Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        self._answered(mid, max(reasons, key=lambda reason: reason.value))

    def _received(self, client: paho.Client, userdata: object, raw: paho.MQTTMessage) -> None:
        forget = partial(self._ack, raw.mid) if raw.qos > 0 else None
        message = Message(raw.topic, bytes(raw.payload), raw.retain, forget)
        if forget is not None:
            self._held += 1
            self._regulate()
        try:
            self._on_message(message)
        except Exception as error:
            self._receiver_error = error
            raise

    def _disconnected(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        host = self._options.host
        if self._closing:
            self._end(closed())
        elif flags.is_disconnect_packet_from_server:
            self._end(turned_away(host, reason.value, str(reason), at_the_door=False))
        elif self._tap.failure is not None:
            self._end(explain(self._tap.failure, host), self._tap.failure)
        elif str(reason) == "Keep alive timeout":
            self._end(silent(host))
        else:
            self._end(lost(host))


async def open(options: Options, on_message: OnMessage) -> Connection:
    """Connects; raises LinkError. `on_message` is called in the event loop, and must not take long.

    Nothing is received before `Connection.subscribe`. Cancelling leaves nothing behind.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + options.connect_timeout_s
    sock = await dial(options.host, options.port, options.tls, options.connect_timeout_s)
    connection = Connection(options, Tap(sock), on_message)
    try:
        async with asyncio.timeout_at(deadline):
            await connection._start()
    except TimeoutError:
        connection._end(silent(options.host))
        raise silent(options.host) from None
    except BaseException:
        connection._end(closed())
        raise
    return connection


class _Client(paho.Client):
    """A paho client that uses a socket that is connected already."""

    def __init__(self, options: Options, tap: Tap) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, options.client_id, protocol=paho.MQTTv5, manual_ack=True
        )
        self._tap = tap
        self.max_inflight_messages_set(0)  # the window is ours: paho would queue what exceeds its own
        if options.password:
            self.username_pw_set(USER, options.password)
        if options.will is not None:
            self.will_set(options.will.topic, options.will.payload, qos=1, retain=True)

    def _create_socket(self) -> Tap:
        return self._tap
