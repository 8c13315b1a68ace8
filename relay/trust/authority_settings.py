"""`authority.toml` on a laptop: who we are, who the other is, what to print. No secret.

Whom nodes must believe comes from the signed roster, not from here; this file only adds to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from relay import files, toml, toml_text
from relay.config import NetworkId
from relay.errors import ConfigError, Text
from relay.trust.authority_file import Public
from relay.trust.authority_share import Introduction

FILE_NAME = "authority.toml"
EXTRA_BROKERS_MAX, EXTRA_PINS_MAX = 2, 1

_Key = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")]
_Name = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9-]{0,15})?$")]
_HostPort = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:-]{1,64}:[0-9]{1,5}$")]


class Who(msgspec.Struct, frozen=True):
    """An authority's public half; all empty: there is none yet."""

    name: _Name = ""
    sign_key: _Key = ""
    seal_key: _Key = ""

    @property
    def public(self) -> Public:
        """Its keys as bytes."""
        return Public(bytes.fromhex(self.sign_key), bytes.fromhex(self.seal_key))

    def __bool__(self) -> bool:
        return bool(self.sign_key)


class Self(Who, frozen=True):
    """This laptop's own authority."""

    network_id: NetworkId = ""


class Broker(msgspec.Struct, frozen=True):
    """Announced besides the inbox's own."""

    also: Annotated[tuple[_HostPort, ...], msgspec.Meta(max_length=EXTRA_BROKERS_MAX)] = ()
    pins: Annotated[tuple[_Key, ...], msgspec.Meta(max_length=EXTRA_PINS_MAX)] = ()

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each."""
        split = (each.rpartition(":") for each in self.also)
        return tuple((host, int(port)) for host, _, port in split)


class Sheet(msgspec.Struct, frozen=True):
    """For install sheets and labels."""

    phone: Annotated[str, msgspec.Meta(max_length=32)] = ""
    page: Annotated[str, msgspec.Meta(max_length=64)] = "http://10.42.0.1"  # relay.wifi.point


class Settings(msgspec.Struct, frozen=True):
    """The whole file."""

    authority: Self = Self()
    other: Who = Who()
    broker: Broker = Broker()
    sheet: Sheet = Sheet()


def load(folder: Path) -> Settings:
    """The settings in the laptop's folder; raises ConfigError when there are none, or bad ones."""
    path = folder / FILE_NAME
    if not path.exists():
        raise ConfigError(
            Text(f"In {folder} is geen gezag ingericht", f"There is no authority in {folder}"),
            Text(
                "naober authority init, of noem de map met --dir", "naober authority init, or name it: --dir"
            ),
        )
    found = toml.load(path, Settings)
    if not (found.authority and found.authority.seal_key and found.authority.network_id):
        raise ConfigError(
            Text(f"{path} is onvolledig", f"{path} is incomplete"),
            Text("Zet de map terug van een kopie", "Restore the folder from a copy"),
        )
    return found


def write_self(folder: Path, who: Introduction) -> None:
    """Says who we are; what a person wrote stays. Raises ConfigError, StorageError."""
    _fill(folder, "authority", {**_lines(who), "network_id": who.network_id.hex()})


def write_other(folder: Path, who: Introduction | None) -> None:
    """Says who the other authority is; None: there is none any more."""
    _fill(folder, "other", _lines(who) if who else {"name": "", "sign_key": "", "seal_key": ""})


def _lines(who: Introduction) -> dict[str, str]:
    return {"name": who.name, "sign_key": who.sign_key.hex(), "seal_key": who.seal_key.hex()}


def _fill(folder: Path, section: str, values: dict[str, str]) -> None:
    path = folder / FILE_NAME
    text = toml.read_text(path if path.exists() else files.shipped(FILE_NAME))
    filled = toml_text.fill(text, {(section, key): value for key, value in values.items()})
    files.replace(path, filled.encode())
