"""A node's parts, made from its configuration. Imports what is configured and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from relay.broker import broker_options
from relay.config import NodeConfig
from relay.core.forwarder import Settings
from relay.core.log import Identity
from relay.core.message import Address
from relay.core.papers import Papers, Pinned
from relay.kernel_clock import clock_is_synchronised
from relay.links.mqtt import MqttLink, MqttLinkOptions
from relay.node.chance import SystemChance
from relay.node.clocks import Satellites, machine_clocks
from relay.node.papers import NodePapers
from relay.node.room import Retention
from relay.node.station import Station
from relay.sensors.base import Sensor
from relay.sensors.mains import Rank
from relay.trust import keys

if TYPE_CHECKING:
    from relay.core.radio import RadioSettings
    from relay.links.radio import RadioLink
    from relay.node.courier_work import CourierWork
    from relay.node.desk.page_work import PageWork
    from relay.node.entered import Entered
    from relay.node.exercise_work import ExerciseWork
    from relay.node.radio_work import RadioWork
    from relay.node.shell import Shell
    from relay.sensors.base import SensorBoard

log = logging.getLogger("naober.node")

KINDS = ("down", "inbox", "roster")
GATEWAY_KINDS = (*KINDS, "air")  # a node without a radio does not listen there: the broker tells the inbox
GPSD_PORT = 2947
UNICAST_BYTES_MAX = 219  # beside public-key encryption
UNICAST_EXTRA_BYTES = 12


def identity_of(config: NodeConfig) -> Identity:
    """Who this node is; raises KeyFileError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    private = keys.load(config.signing_key)
    inboxes = {keys.address_of(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in config.inbox_keys}
    address = keys.address_of(keys.public_bytes(private))
    return Identity(address, config.network_id, private.sign, inboxes)


def open_station(config: NodeConfig, identity: Identity, satellites: Satellites | None = None) -> Station:
    """The station of `config`; the one that opens it must be the only one (see `lock`)."""
    return Station(
        config.node.state,
        identity,
        keys.EpochFile(config.epoch_file),
        machine_clocks(clock_is_synchronised, satellites),
        SystemChance(),
        radio=radio_settings(config),
        papers=papers_of(config, identity),
        settings=Settings(backfill_spread_s=float(config.mqtt.backfill_spread_s)),
        retention=Retention(
            config.outbox.quota_mb * 1024 * 1024, config.outbox.report_days, config.outbox.status_days
        ),
    )


def papers_of(config: NodeConfig, identity: Identity) -> Papers:
    """What authorities said, as it is kept beside the keys. Without an authority: the pinned inbox keys."""
    if not config.authority_keys:
        return Pinned(identity.inboxes)
    public_key = keys.public_bytes(keys.load(config.signing_key))
    return NodePapers(
        config.node.state, public_key, config.network_id, config.authority_keys, config.inbox_keys
    )


def make_link(config: NodeConfig, identity: Identity) -> MqttLink:
    """The MQTT link of `config`; raises ConfigError or KeyFileError for its certificates."""
    options = MqttLinkOptions(
        address=identity.address.hex(),
        broker=broker_options(config.mqtt, send_window=config.mqtt.window, pins=config.mqtt.broker_keys),
        others=tuple(
            (host, int(port)) for host, _, port in (each.rpartition(":") for each in config.mqtt.others)
        ),
        kinds=GATEWAY_KINDS if config.radio.is_configured else KINDS,
        retry_max_s=float(config.mqtt.retry_max_s),
    )
    return MqttLink(options, SystemChance().random)


def make_page(
    shell: Shell,
    config: NodeConfig,
    address: Address,
    exercise: ExerciseWork,
    board: SensorBoard,
    entered: Entered,
    courier: CourierWork,
    radio: RadioWork | None,
) -> PageWork | None:
    """The site's page; None without one. A node whose page lacks a package goes on, and says what."""
    if not config.page.is_configured:
        return None
    try:
        from relay.node.desk.page_work import PageWork
        from relay.node.desk.work import DeskWork
    except ImportError as error:
        log.error("the page needs a package that is not here: %s. Do: sudo make install-node", error.name)
        return None
    desk = DeskWork(shell, config, address, exercise, board, entered, courier, radio)
    return PageWork(shell, config, desk)


def radio_settings(config: NodeConfig) -> RadioSettings | None:
    """What the core must know of the radio; None without one."""
    radio = config.radio
    if not radio.is_configured:
        return None
    from relay.core.airtime import Preset
    from relay.core.radio import RadioSettings

    most = UNICAST_BYTES_MAX if radio.to else radio.payload_bytes_max
    return RadioSettings(
        preset=Preset(radio.preset),
        extra_bytes=radio.extra_bytes + (UNICAST_EXTRA_BYTES if radio.to else 0),
        payload_bytes_max=min(radio.payload_bytes_max, most),
        sites=radio.sites,
    )


def make_radio(config: NodeConfig, settings: RadioSettings) -> RadioLink:
    """The radio link of `config`. What it needs is loaded when it runs, so it can't fail here."""
    from functools import partial

    from relay.core.airtime import airtime_ms
    from relay.links.meshtastic import MeshtasticLink, MeshtasticOptions
    from relay.links.meshtastic.packets import BROADCAST
    from relay.node.radio_setting import wanted_of

    radio = config.radio
    options = MeshtasticOptions(
        airtime_ms=partial(airtime_ms, settings.preset, extra_bytes=settings.extra_bytes),
        device=radio.device,
        host=radio.host,
        port=radio.port,
        wanted=wanted_of(radio),
        to=int(radio.to.removeprefix("!"), 16) if radio.to else BROADCAST,
        want_ack=radio.want_ack,
        payload_bytes_max=settings.payload_bytes_max,
    )
    return MeshtasticLink(options, SystemChance().random)


def satellites_of(sensors: Sequence[Sensor]) -> Satellites | None:
    """The time that one of them brings, if any does."""
    return next((sensor.time for sensor in sensors if hasattr(sensor, "time")), None)


def sensors_of(config: NodeConfig) -> list[Sensor]:
    """Made here and nowhere else, in the order in which they count; imported only when switched on."""
    return [*_of_the_site(config), *_of_this_machine(config)]


def _of_the_site(config: NodeConfig) -> list[Sensor]:
    chosen: list[Sensor] = []
    if (victron := config.sensors.victron).host:
        from relay.sensors.victron import VictronSensor

        chosen.append(VictronSensor(victron.host, victron.port, victron.portal, victron.password_file))
    for contact in config.sensors.gpio:
        from relay.sensors.gpio import GpioSensor

        chosen.append(
            GpioSensor(
                contact.name,
                contact.chip,
                contact.line,
                contact.means,
                active_low=contact.active_low,
                pull=contact.pull,
                debounce_ms=contact.debounce_ms,
            )
        )
    if config.sensors.nut:
        from relay.sensors.nut import PORT, NutSensor

        ups, _, where = config.sensors.nut.partition("@")
        host, _, port = where.partition(":")
        chosen.append(NutSensor(ups, host or "127.0.0.1", int(port or PORT)))
    if config.sensors.power:
        from relay.sensors.power import PowerSensor

        chosen.append(PowerSensor())
    if config.sensors.temperature:
        from relay.sensors.temperature import TemperatureSensor

        chosen.append(TemperatureSensor(config.sensors.temperature))
    for each in config.sensors.command:
        from relay.sensors.command import CommandSensor

        rank = Rank[each.measures.upper()]
        chosen.append(
            CommandSensor(each.name, each.command, float(each.interval_s), float(each.timeout_s), rank)
        )
    return chosen


def _of_this_machine(config: NodeConfig) -> list[Sensor]:
    chosen: list[Sensor] = []
    if config.sensors.host:
        from relay.sensors.host import DiskSensor, FirmwareSensor, HostSensor

        chosen += [HostSensor(own_wifi=config.page.host), FirmwareSensor(), DiskSensor(config.node.state)]
    if config.sensors.gpsd:
        from relay.sensors.gpsd import GpsdSensor

        host, _, port = config.sensors.gpsd.partition(":")
        chosen.append(GpsdSensor(host, int(port or GPSD_PORT)))
    from relay.sensors.network import NetworkSensor

    network = config.sensors.network
    chosen.append(
        NetworkSensor(
            probes=network.probes,
            dns_name=network.dns_name,
            portal_url=network.portal_url,
            portal_expect=network.portal_expect,
            own_wifi=config.page.host,
            active=network.active,
            interval_s=float(network.interval_s),
        )
    )
    return chosen
