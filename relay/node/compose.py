"""A node's parts, made from its configuration. Imports what is configured and nothing else."""

from __future__ import annotations

from relay.config import NodeConfig
from relay.core.forwarder import Settings
from relay.core.log import Identity
from relay.core.message import Clock
from relay.kernel_clock import clock_is_synchronised
from relay.links.mqtt import MqttLink, MqttLinkOptions
from relay.node.chance import SystemChance
from relay.node.clocks import machine_clocks
from relay.node.room import Retention
from relay.node.station import Station
from relay.sensors.base import Sensor
from relay.trust import keys


def identity_of(config: NodeConfig) -> Identity:
    """Who this node is; raises KeyFileError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    private = keys.load(config.signing_key)
    inboxes = {keys.address_of(raw): Ed25519PublicKey.from_public_bytes(raw) for raw in config.inbox_keys}
    address = keys.address_of(keys.public_bytes(private))
    return Identity(address, config.network_id, private.sign, inboxes)


def open_station(config: NodeConfig, identity: Identity) -> Station:
    """The station of `config`; the one that opens it must be the only one (see `lock`)."""
    return Station(
        config.node.state,
        identity,
        keys.EpochFile(config.epoch_file),
        machine_clocks(_clock_quality),
        SystemChance(),
        settings=Settings(backfill_spread_s=float(config.mqtt.backfill_spread_s)),
        retention=Retention(
            config.outbox.quota_mb * 1024 * 1024, config.outbox.report_days, config.outbox.status_days
        ),
    )


def _clock_quality() -> Clock:
    return Clock.NTP if clock_is_synchronised() else Clock.NONE


def make_link(config: NodeConfig, identity: Identity) -> MqttLink:
    """The MQTT link of `config`; raises ConfigError or KeyFileError for its certificates."""
    from relay import mqtt

    context = None
    if config.mqtt.tls:
        from relay.trust.certificates import client_context

        context = client_context(config.mqtt.ca, config.mqtt.certificate, config.mqtt.key)
    broker = mqtt.Options(
        host=config.mqtt.host,
        port=config.mqtt.port,
        client_id="",
        tls=context,
        send_window=config.mqtt.window,
        keepalive_s=config.mqtt.keepalive_s,
        connect_timeout_s=float(config.mqtt.connect_timeout_s),
    )
    chance = SystemChance()
    return MqttLink(MqttLinkOptions(address=identity.address.hex(), broker=broker), chance.random)


def sensors_of(config: NodeConfig) -> list[Sensor]:
    """Made here and nowhere else; imported only when switched on."""
    chosen: list[Sensor] = []
    if config.sensors.power:
        from relay.sensors.power import PowerSensor

        chosen.append(PowerSensor())
    if config.sensors.host:
        from relay.sensors.host import DiskSensor, FirmwareSensor, HostSensor

        chosen += [HostSensor(), FirmwareSensor(), DiskSensor(config.node.state)]
    from relay.sensors.network import NetworkSensor

    network = config.sensors.network
    chosen.append(
        NetworkSensor(
            probes=network.probes,
            dns_name=network.dns_name,
            active=network.active,
            interval_s=float(network.interval_s),
        )
    )
    return chosen
