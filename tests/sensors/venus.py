"""A Victron GX device as far as MQTT shows it: a real Mosquitto, and what dbus-flashmq says over it.

Told by keep-alives as Venus is: everything after one, each change as long as the last one is no older than a
minute.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from relay.cli.ports import free_port
from tests.support.certs import Authority
from tests.support.process import until

PORTAL = "c0619ab4a6b1"
ALIVE_S = 60.0


class Venus:
    """One GX device; `tell` is what happens to it."""

    def __init__(self, folder: Path, *, password: str = "") -> None:
        """With a password it is secured: TLS with a certificate of its own making."""
        self.port = free_port()
        self.keepalives = 0
        self._folder, self._password = folder, password
        self._values: dict[str, Any] = {}
        self._alive_until_s = 0.0
        self._broker: subprocess.Popen[bytes] | None = None
        self._client: paho.Client | None = None

    def tell(self, topic: str, value: Any) -> None:
        """A change."""
        self._values[topic] = value
        if time.monotonic() < self._alive_until_s:
            self._say(topic)

    def say_raw(self, topic: str, payload: bytes) -> None:
        """What no Venus should say."""
        assert self._client is not None
        self._client.publish(f"N/{PORTAL}/{topic}", payload)

    def start(self) -> None:
        """Switched on, on the same address."""
        config = self._folder / "venus.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nuser root\n{self._security()}")
        self._broker = subprocess.Popen(
            ["mosquitto", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        client = paho.Client(CallbackAPIVersion.VERSION2, "venus", protocol=paho.MQTTv5)
        if self._password:
            client.username_pw_set("any", self._password)
            client.tls_set(cert_reqs=ssl.CERT_NONE)
            client.tls_insecure_set(True)
        client.on_message = self._kept_alive
        client.on_connect = lambda client, *_: client.subscribe(f"R/{PORTAL}/keepalive", qos=1)
        until(lambda: self._connects(client), 10, "Mosquitto listens")
        client.loop_start()
        self._client = client
        until(client.is_connected, 10, "Venus is on")

    def _security(self) -> str:
        if not self._password:
            return "allow_anonymous true\n"
        if not (self._folder / "own").exists():
            pair, users = Authority(self._folder / "own").server(), self._folder / "users"
            for user in ("any", "naober"):
                made = [] if users.exists() else ["-c"]
                subprocess.run(["mosquitto_passwd", "-b", *made, users, user, self._password], check=True)
            self._files = f"certfile {pair.cert}\nkeyfile {pair.key}\npassword_file {users}\n"
        return f"allow_anonymous false\n{self._files}"

    def stop(self) -> None:
        """Its plug is pulled."""
        assert self._client is not None and self._broker is not None
        self._broker.kill()
        self._broker.wait()
        self._client.loop_stop()
        self._client = None

    def _connects(self, client: paho.Client) -> bool:
        try:
            client.connect("127.0.0.1", self.port, keepalive=10)
        except OSError:
            return False
        return True

    def _kept_alive(self, *_: object) -> None:
        self.keepalives += 1
        self._alive_until_s = time.monotonic() + ALIVE_S
        for topic in list(self._values):
            self._say(topic)

    def _say(self, topic: str) -> None:
        if self._client is not None:
            self._client.publish(f"N/{PORTAL}/{topic}", json.dumps({"value": self._values[topic]}))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self.stop()
