"""The first day of an authority: a network founded, or a second laptop that joins it.

Two laptops, VRD-A and VRD-B, sign one network. B learns A's public keys from a stick and keeps them only when
the control numbers on both screens are the same; A then does so with B's (authority_sync).
"""

from __future__ import annotations

from pathlib import Path

from relay import files
from relay.errors import ConfigError, NaoberError, StorageError, Text
from relay.trust import authority_file, authority_settings, authority_share, keys, sites
from relay.trust.authority import new_shared
from relay.trust.authority_file import COST_LOG2, PASSPHRASE_CHARACTERS_MIN, Secrets
from relay.trust.authority_laptop import KEY_FILE, VERSION_FILE, Laptop
from relay.trust.authority_share import Introduction
from relay.trust.seal import Channel
from relay.trust.stick import Stick, read_file


def must_be_free(folder: Path) -> None:
    """Raises ConfigError when there is an authority in `folder` already: it is never replaced."""
    for name in (KEY_FILE, authority_settings.FILE_NAME):
        if (folder / name).exists() or (folder / name).is_symlink():
            raise ConfigError(
                Text(f"Er is al een gezag in {folder}", f"There is an authority in {folder} already"),
                Text("Kies een andere map met --dir", "Choose another folder with --dir"),
            )


def judge_passphrase(passphrase: str) -> None:
    """Raises ConfigError for one that is too short to protect a network."""
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        least = PASSPHRASE_CHARACTERS_MIN
        raise ConfigError(
            Text(
                f"Wachtwoord is te kort (minstens {least} tekens)", f"Too short (at least {least} characters)"
            ),
            Text("Neem vier of vijf willekeurige woorden", "Take four or five random words"),
        )


def found(
    folder: Path,
    name: str,
    passphrase: str,
    *,
    channel: Channel | None = None,
    cost_log2: int = COST_LOG2,
) -> Laptop:
    """Founds a network: keys, a certificate authority and a radio channel, all new, in one closed file.

    Raises ConfigError (there is one, bad name or passphrase), StorageError. A lower cost is for tests.
    """
    return _write(
        folder, name, passphrase, authority_file.new_secrets(shared=new_shared(1, channel)), cost_log2
    )


def join(
    folder: Path, name: str, passphrase: str, other: Introduction, *, cost_log2: int = COST_LOG2
) -> Laptop:
    """A second authority in the network of `other`, whose control number people have compared."""
    if name == other.name:
        raise ConfigError(
            Text(f"De andere laptop heet al {name}", f"The other laptop is called {name} already"),
            Text("Geef --name VRD-B", "Give --name VRD-B"),
        )
    laptop = _write(folder, name, passphrase, authority_file.new_secrets(other.network_id), cost_log2)
    authority_settings.write_other(laptop.folder, other)
    return Laptop(folder)


def restore(folder: Path, data: bytes, passphrase: str) -> Laptop:
    """An authority anew from its closed file, such as the paper copy; its roster comes by `sync`."""
    must_be_free(folder)
    name = authority_file.read_header(data, KEY_FILE).name
    secrets = authority_file.unlock(data, passphrase, KEY_FILE)
    laptop = _write_files(folder, name, secrets, data)
    files.replace(
        folder / VERSION_FILE, b"1\n", files.PRIVATE
    )  # there was a roster: nothing is signed before it
    return laptop


def introduction(name: str, secrets: Secrets) -> Introduction:
    """How this authority presents itself."""
    public = secrets.public
    return Introduction(1, name, public.sign_key, public.seal_key, secrets.network_id)


def own_introduction(laptop: Laptop) -> Introduction:
    """The same, for which no passphrase is needed."""
    own = laptop.settings.authority
    return Introduction(1, own.name, own.public.sign_key, own.public.seal_key, laptop.network_id)


def find_introduction(source: Path) -> Introduction:
    """The other authority's, from a file, a stick, or its folder itself. Raises StorageError, WireError."""
    if source.is_dir() and (source / authority_settings.FILE_NAME).exists():
        return own_introduction(Laptop(source))
    if not source.is_dir():
        return authority_share.read_introduction(read_file(source, authority_share.INTRODUCTION_BYTES_MAX))
    found = introductions(Stick(source))
    if len(found) != 1:
        raise ConfigError(
            Text(
                f"Op {source} staan {len(found)} kennismakingen van een andere laptop, het moet er een zijn",
                f"{source} has {len(found)} introductions of another laptop, must be one",
            ),
            Text(
                "Op de eerste laptop: naober authority sync STICK; noem anders het bestand zelf",
                "On the first laptop: naober authority sync STICK; or name the file itself",
            ),
        )
    return found[0]


def introductions(stick: Stick) -> list[Introduction]:
    """All that can be read on a stick."""
    found = []
    for name in stick.names(authority_share.FOLDER).found:
        if not name.endswith(authority_share.SEALED_SUFFIX):
            try:
                data = stick.read(f"{authority_share.FOLDER}/{name}", authority_share.INTRODUCTION_BYTES_MAX)
                found.append(authority_share.read_introduction(data))
            except NaoberError:
                continue
    return found


def _write(folder: Path, name: str, passphrase: str, secrets: Secrets, cost_log2: int) -> Laptop:
    must_be_free(folder)
    judge_passphrase(passphrase)
    try:
        data = authority_file.lock(secrets, name, passphrase, cost_log2=cost_log2)
        authority_file.read_header(data, KEY_FILE)
    except NaoberError:
        raise ConfigError(
            Text(f"Dit kan geen naam zijn: {name!r}", f"This cannot be a name: {name!r}"),
            Text("Geef letters, cijfers en -, zoals VRD-A", "Give letters, digits and -, such as VRD-A"),
        ) from None
    return _write_files(folder, name, secrets, data)


def _write_files(folder: Path, name: str, secrets: Secrets, data: bytes) -> Laptop:
    files.make_folder(folder, 0o700)
    if not keys.create_private(folder / KEY_FILE, data):
        raise StorageError(Text(f"{KEY_FILE} is er al", f"{KEY_FILE} is there already"))
    register = folder / sites.FILE_NAME
    if not register.exists():
        files.replace(register, files.shipped(sites.FILE_NAME).read_bytes())
    authority_settings.write_self(folder, introduction(name, secrets))
    laptop = Laptop(folder)
    laptop.write_ca(secrets)
    return laptop
