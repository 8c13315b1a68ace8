"""TOML files as msgspec structs, with errors that a technician can act on.

What stands in a file but not in its struct is refused with its place and the nearest name there is: a
misspelt option that is silently ignored is found out on the day it is needed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from relay.errors import ConfigError, Text

Kind = TypeVar("Kind", bound=msgspec.Struct)

FILE_BYTES_MAX = 4 * 1024 * 1024  # a roster of the whole country is about one MiB
CHECK = Text(
    "Verbeter het bestand en kijk het na met naober config check",
    "Correct it; naober config check looks it over",
)

_WORDS = {
    "int": Text("een geheel getal", "a whole number"),
    "float": Text("een getal met een komma", "a decimal number"),
    "str": Text('tekst tussen "aanhalingstekens"', 'text in "quotes"'),
    "bool": Text("true of false", "true or false"),
    "array": Text("een lijst tussen [ ]", "a list between [ ]"),
    "object": Text("een blok met eigen regels", "a table of its own"),
}
_EXPECTED = re.compile(r"Expected `(?P<want>\w+)`(?:, got `(?P<got>\w+)`)?(?P<limit>.*)")
_NUMBER_LIMIT = re.compile(r"^ (?P<sign>>=|<=|>|<) (?P<limit>-?\d+)")
_LENGTH_LIMIT = re.compile(r"of length (?P<sign>>=|<=|>|<) (?P<limit>\d+)")
_HEX_LIMIT = re.compile(r"matching regex .*\{(?P<digits>\d+)\}")


def read_text(path: Path) -> str:
    """The text of a configuration file; raises ConfigError when it cannot be had."""
    try:
        with path.open("rb") as file:
            return decode(file.read(FILE_BYTES_MAX + 1), path)
    except FileNotFoundError:
        raise ConfigError(
            Text(f"Bestand ontbreekt: {path}", f"File is missing: {path}"),
            Text(
                "Maak het met naober setup, of noem een ander bestand",
                "Make it with naober setup, or name another",
            ),
        ) from None
    except OSError as error:
        raise ConfigError(
            Text(f"Kan niet lezen: {path}: {error.strerror}", f"Cannot read {path}: {error.strerror}"),
            Text("Kijk naar eigenaar en rechten, of gebruik sudo", "Look at owner and mode, or use sudo"),
        ) from error


def decode(data: bytes, path: Path) -> str:
    """What was read from `path`, as text; raises ConfigError for too much of it, or for no text."""
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(
            Text(f"{path} is te groot", f"{path} is too large"),
            Text(f"Hoogstens {FILE_BYTES_MAX} bytes", f"At most {FILE_BYTES_MAX} bytes"),
        )
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigError(
            Text(f"{path} is geen UTF-8-tekst", f"{path} is not UTF-8 text"),
            Text("Bewaar het bestand als UTF-8", "Save the file as UTF-8"),
        ) from None


def load(path: Path, kind: type[Kind]) -> Kind:
    """The file at `path` as a `kind`; raises ConfigError."""
    return parse(read_text(path), kind, path)


def parse(text: str, kind: type[Kind], path: Path) -> Kind:
    """`text` as a `kind`; `path` is what errors call it. Raises ConfigError.

    Fields of type Path, defaults too, are taken from the folder of `path` when they are relative.
    """
    tables = _tables(text, path)
    for at, name, known in _unknown(tables, kind):
        raise _unknown_key(path, tables, at, name, known)
    try:
        return _placed(msgspec.convert(tables, kind, dec_hook=_as_path), path.parent)
    except msgspec.ValidationError as error:
        raise _wrong_value(path, tables, kind, str(error)) from None


def _tables(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            Text(f"{path} is geen geldige TOML: {error}", f"{path} is not valid TOML: {error}"), CHECK
        ) from None


def place(tables: object, at: str) -> str:
    """`.mqtt.port` as a technician sees it: `[mqtt] port`; in a list, which entry: `[[node]] 2 key`."""
    section, rest = "", [step for step in at.split(".") if step]
    while rest:
        name, _, index = rest[0].partition("[")
        inner = tables.get(name) if isinstance(tables, dict) else None
        if isinstance(inner, list) and index and isinstance(inner[int(index.rstrip("]"))], dict):
            whole = f"{section}.{name}" if section else name
            return " ".join([f"[[{whole}]] {int(index.rstrip(']')) + 1}", *rest[1:]])
        if not isinstance(inner, dict):
            break
        section = f"{section}.{name}" if section else name
        tables, rest = inner, rest[1:]
    return " ".join([f"[{section}]"] * bool(section) + [".".join(rest)] * bool(rest))


def _unknown(tables: Mapping[str, object], kind: type, at: str = "") -> Iterator[tuple[str, str, list[str]]]:
    """Every key that `kind` has no field for: where, its name, and the names there are."""
    known = _fields(kind)
    for name, value in tables.items():
        if name not in known:
            yield at, name, list(known)
        else:
            yield from _unknown_below(value, known[name], f"{at}.{name}")


def _unknown_below(value: object, kind: Any, at: str) -> Iterator[tuple[str, str, list[str]]]:
    if isinstance(value, dict) and _is_struct(kind):
        yield from _unknown(value, kind, at)
    elif isinstance(value, list):
        inner = next(filter(_is_struct, get_args(kind)), None)
        for index, item in enumerate(value):
            if inner is not None and isinstance(item, dict):
                yield from _unknown(item, inner, f"{at}[{index}]")


def _fields(kind: type) -> dict[str, Any]:
    """Names as they stand in the file, and the type of each."""
    types = get_type_hints(kind)
    return {field.encode_name: types[field.name] for field in msgspec.structs.fields(kind)}


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _unknown_key(path: Path, tables: object, at: str, name: str, known: list[str]) -> ConfigError:
    where = place(tables, f"{at}.{name}")
    from difflib import get_close_matches  # only a mistake needs it

    near = get_close_matches(name, known, 1)
    names = ", ".join(known)
    return ConfigError(
        Text(f"{path}: onbekend: {where}", f"{path}: unknown: {where}"),
        Text(
            f"Bedoelde u {near[0]}?" if near else f"Hier passen alleen: {names}",
            f"Did you mean {near[0]}?" if near else f"Only these fit here: {names}",
        ),
    )


def _wrong_value(path: Path, tables: object, kind: type, problem: str) -> ConfigError:
    """What msgspec says about a value, in words that need no knowledge of programming."""
    message, _, at = problem.partition(" - at `$")
    at = at.rstrip("`")
    where = place(tables, at)
    expected = _EXPECTED.match(message)
    if expected is None:
        choices = ", ".join(_choices(kind, at))
        do = Text(f"Kies uit: {choices}", f"One of: {choices}") if choices else CHECK
        return ConfigError(Text(f"{path}: {where} past niet", f"{path}: {where} does not fit"), do)
    got = _WORDS.get(expected["got"] or "")
    want = _WORDS.get(expected["want"], Text(expected["want"], expected["want"]))
    what = Text(f"{path}: {where} past niet", f"{path}: {where} does not fit")
    if got is not None:
        what = Text(f"{path}: {where} is {got.nl}", f"{path}: {where} is {got.en}")
    limit = _limit(expected["limit"])
    return ConfigError(what, Text(f"Geef {want.nl}{limit.nl}", f"Give {want.en}{limit.en}"))


def _choices(kind: Any, at: str) -> tuple[str, ...]:
    """The words allowed at `at`, when it is a field with a fixed list of them."""
    for step in at.split("."):
        if step and _is_struct(kind):
            kind = _fields(kind).get(step.partition("[")[0])
            if "[" in step:  # an entry of a list
                kind = next(filter(_is_struct, get_args(kind)), kind)
    return get_args(kind) if get_origin(kind) is Literal else ()


def _limit(text: str) -> Text:
    if digits := _HEX_LIMIT.search(text):
        count = digits["digits"]
        return Text(f": {count} tekens 0-9 en a-f", f": {count} characters 0-9 and a-f")
    found = _NUMBER_LIMIT.search(text) or _LENGTH_LIMIT.search(text)
    if found is None:
        return Text("", "")
    low = found["sign"].startswith(">")
    long = Text("", "") if found.re is _NUMBER_LIMIT else Text(" tekens", " characters")
    return Text(
        f" van {'minstens' if low else 'hoogstens'} {found['limit']}{long.nl}",
        f" of {'at least' if low else 'at most'} {found['limit']}{long.en}",
    )


def _as_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError("Expected `str`")


def _placed(found: Kind, folder: Path) -> Kind:
    """`found` with every relative path taken from `folder`."""
    changes: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(found).items():
        if isinstance(value, Path):
            changes[name] = folder / value
        elif isinstance(value, msgspec.Struct):
            changes[name] = _placed(value, folder)
    return msgspec.structs.replace(found, **changes) if changes else found
