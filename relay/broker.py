"""How a node and the inbox reach the broker, made from the same section of either's configuration."""

from __future__ import annotations

from relay import mqtt
from relay.config import MqttSection
from relay.mqtt.options import RECEIVE_MAX


def broker_options(
    section: MqttSection,
    *,
    client_id: str = "",
    send_window: int,
    receive_max: int = RECEIVE_MAX,
    will: mqtt.Will | None = None,
    pins: tuple[str, ...] = (),
) -> mqtt.Options:
    """Options for `mqtt.open`; `pins` are the broker keys that the grant names, if any.

    Raises ConfigError or KeyFileError for certificates that can't be used.
    """
    context = None
    if section.tls:
        from relay.trust.certificates import client_context

        context = client_context(section.ca, section.certificate, section.key, pins=pins)
    return mqtt.Options(
        host=section.host,
        port=section.port,
        client_id=client_id,
        tls=context,
        will=will,
        send_window=send_window,
        receive_max=receive_max,
        keepalive_s=section.keepalive_s,
        connect_timeout_s=float(section.connect_timeout_s),
    )
