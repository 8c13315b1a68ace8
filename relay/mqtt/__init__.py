"""MQTT 5 for asyncio, over paho-mqtt.

    options = Options(host="mqtt.vrd.lan", port=8883, client_id="...", tls=context)
    connection = await mqtt.open(options, received)
    await connection.subscribe(topic("down", address))
    heard = await connection.publish(topic("up", address), payload)
    why = await connection.wait_ended()

Only `connection` imports paho. Codes of LinkError: errors.py.
"""

from relay.mqtt.connection import Connection, open
from relay.mqtt.message import Message, OnMessage
from relay.mqtt.options import Options, Will
from relay.mqtt.topics import ROOT, split_topic, topic

__all__ = [
    "ROOT",
    "Connection",
    "Message",
    "OnMessage",
    "Options",
    "Will",
    "open",
    "split_topic",
    "topic",
]
