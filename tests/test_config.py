"""Configuration: what is shipped, what is refused, and in which words."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay import config, files, toml, toml_text
from relay.core.airtime import Preset
from relay.errors import ConfigError, StorageError
from relay.inbox.alarms.thresholds import Thresholds
from relay.trust import sites

SHIPPED = Path(__file__).parents[1] / "config"
HERE = Path("/etc/naober/node.toml")


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config.parse_node(text, HERE)
    return caught.value


def values(section: Any, at: str = "") -> Iterator[tuple[str, str, object]]:
    """Every value of a configuration: section, key, value as TOML has it."""
    for name, value in msgspec.structs.asdict(section).items():
        if isinstance(value, msgspec.Struct):
            yield from values(value, f"{at}.{name}".lstrip("."))
        else:
            plain = list(value) if isinstance(value, tuple) else value
            yield at, name, str(plain) if isinstance(plain, Path) else plain


# --- what is shipped


@pytest.mark.parametrize(
    ("name", "kind"),
    [("node.toml", config.NodeConfig), ("inbox.toml", config.InboxConfig), ("alarms.toml", Thresholds)],
)
def test_a_shipped_file_names_every_key_with_its_default(name: str, kind: type[msgspec.Struct]) -> None:
    text = (SHIPPED / name).read_text(encoding="utf-8")
    written = tomllib.loads(text)
    for section, key, default in values(kind()):
        found: Any = written
        for step in (*section.split("."), key):
            assert step in found, f"[{section}] {key} is not in {name}"
            found = found[step]
        assert found == default, f"[{section}] {key} in {name}"


def test_the_shipped_files_load() -> None:
    config.load_node(SHIPPED / "node.toml")
    config.load_inbox(SHIPPED / "inbox.toml")
    assert sites.load(SHIPPED / "sites.toml") == ()


@pytest.mark.parametrize("name", ["node.toml", "inbox.toml", "alarms.toml"])
def test_every_key_of_a_shipped_file_is_explained_above_it(name: str) -> None:
    lines = (SHIPPED / name).read_text(encoding="utf-8").splitlines()
    for section in [at for at, line in enumerate(lines) if line.startswith("[")]:
        assert lines[section + 1].startswith("#"), f"{name}: nothing is said below {lines[section]}"


def test_shipped_files_are_found_beside_the_source() -> None:
    assert files.shipped("node.toml") == SHIPPED / "node.toml"


# --- what is taken


def test_an_empty_file_means_the_defaults() -> None:
    loaded = config.parse_node("", HERE)
    assert loaded.status.interval_s == 60
    assert loaded.mqtt.tls
    assert loaded.network_id == b""


def test_a_node_has_a_radio_when_the_file_says_where() -> None:
    assert not config.parse_node("", HERE).radio.is_configured
    assert not config.parse_node('[radio]\npreset = "MEDIUM_FAST"\n', HERE).radio.is_configured
    assert config.parse_node('[radio]\ndevice = "/dev/ttyACM0"\n', HERE).radio.is_configured
    assert config.parse_node('[radio]\nhost = "10.0.0.9"\n', HERE).radio.is_configured


def test_the_presets_of_the_file_are_those_whose_airtime_is_known() -> None:
    for preset in Preset:
        assert config.parse_node(f'[radio]\npreset = "{preset}"\n', HERE).radio.preset == preset


def test_an_inbox_is_asked_nothing_that_only_nodes_do() -> None:
    for name in ("window", "retry_max_s", "backfill_spread_s"):
        with pytest.raises(ConfigError, match=name):
            config.parse_inbox(f"[mqtt]\n{name} = 4\n", HERE)


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "node.toml"
    file.parent.mkdir()
    file.write_text('[node]\nstate = "state"\n[mqtt]\nca = "../ca.pem"\nkey = "/keys/tls.key"\n')
    loaded = config.load_node(file)
    assert loaded.signing_key == file.parent / "state" / "node.key"
    assert loaded.epoch_file.parent == loaded.signing_key.parent
    assert loaded.mqtt.ca == file.parent / "../ca.pem"
    assert loaded.mqtt.key == Path("/keys/tls.key")
    # a default path is taken from there as well
    assert loaded.mqtt.certificate == file.parent / "node.pem"


def test_keys_and_network_are_given_as_bytes() -> None:
    loaded = config.parse_node(f'[node]\nnetwork_id = "{"ab" * 8}"\ninbox_keys = ["{"cd" * 32}"]\n', HERE)
    assert loaded.network_id == b"\xab" * 8
    assert loaded.inbox_keys == (b"\xcd" * 32,)


# --- what is refused, and in which words


def test_a_misspelt_key_is_refused_with_its_place_and_the_right_one() -> None:
    error = refusal('[mqtt]\nhots = "127.0.0.1"\n')
    assert error.what.nl == f"{HERE}: onbekend: [mqtt] hots"
    assert error.do.nl == "Bedoelde u host?"
    assert error.do.en == "Did you mean host?"


def test_a_misspelt_section_is_refused() -> None:
    error = refusal("[sensor]\npower = true\n")
    assert "[sensor]" in error.what.nl
    assert error.do.nl == "Bedoelde u sensors?"


def test_a_misspelt_key_deep_down_is_refused_with_its_section() -> None:
    assert "[sensors.network] activ" in refusal("[sensors.network]\nactiv = false\n").what.nl


@pytest.mark.parametrize(
    ("text", "place", "do"),
    [
        ('[mqtt]\nport = "8883"\n', "[mqtt] port is tekst", "Geef een geheel getal"),
        ("[mqtt]\ntls = 1\n", "[mqtt] tls is een geheel getal", "Geef true of false"),
        ("[mqtt]\nport = 70000\n", "[mqtt] port past niet", "hoogstens 65535"),
        ("[mqtt]\nca = 3\n", "[mqtt] ca", ""),
        ("[outbox]\nreport_days = 3\n", "[outbox] report_days past niet", "minstens 30"),
        ('[node]\ninbox_keys = "abc"\n', "[node] inbox_keys is tekst", "een lijst tussen [ ]"),
        ('[node]\nnetwork_id = "xyz"\n', "[node] network_id past niet", "16 tekens 0-9 en a-f"),
        ('[log]\nlevel = "loud"\n', "[log] level past niet", "Kies uit: "),
        ("mqtt = 3\n", "mqtt is een geheel getal", "een blok met eigen regels"),
        ('[mqtt]\nothers = ["mqtt.vrd.lan"]\n', "[mqtt] others", '"adres:poort"'),
        ('[sensors.network]\nprobes = ["9.9.9.9"]\n', "[sensors.network] probes", '"adres:poort"'),
        ('[sensors.network]\nportal_url = "https://a.example"\n', "[sensors.network] portal_url", "http://"),
        ('[sensors.victron]\nhost = "192.0.2.7"\n', "[sensors.victron]", "VRM-portal-ID"),
        ('[[sensors.gpio]]\nname = "x"\nline = 3\nmeans = "fire"\n', "[[sensors.gpio]] 1 means", "power"),
        ('[mqtt]\nhost = ""\n', "[mqtt] host is leeg", "broker"),
        ('[radio]\npreset = "LONGFAST"\n', "[radio] preset past niet", "LONG_FAST"),
        ('[radio]\nregion = "US"\n', "[radio] region past niet", "EU_868"),
        ("[radio]\nhop_limit = 8\n", "[radio] hop_limit past niet", "hoogstens 7"),
        ('[radio]\nto = "!12"\n', "[radio] to past niet", "8 tekens 0-9 en a-f"),
        ('[radio]\nchannel_key = "geheim"\n', "[radio] channel_key past niet", "16 tekens 0-9 en a-f"),
        ('[radio]\nchannel_name = "veel te lange naam"\n', "[radio] channel_name past niet", "hoogstens 11"),
        ("[radio]\npayload_bytes_max = 232\n", "[radio] payload_bytes_max past niet", "hoogstens 231"),
        ("[radio]\nsites = 0\n", "[radio] sites past niet", "minstens 1"),
        ('[radio]\ndevice = "/dev/ttyACM0"\nhost = "10.0.0.9"\n', "device en host", "Maak er een leeg"),
        ('[radio]\ndevice = "ttyACM0"\n', '[radio] device "ttyACM0"', "/dev/serial/by-id/"),
        ("[radio]\nwant_ack = true\n", "[radio] want_ack zonder to", "want_ack = false"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_fit(text: str, place: str, do: str) -> None:
    error = refusal(text)
    assert place in error.what.nl
    assert do in error.do.nl
    for line in (*error.what, *error.do):
        assert "`" not in line and "$" not in line, "no words of a library"


def test_broken_toml_is_refused_with_its_line() -> None:
    assert "line 2" in refusal("[mqtt]\nhost = \n").what.nl


@pytest.mark.parametrize("host", ["mqtt.vrd.lan", "10.0.0.1", "127.0.0.1.vrd.lan", "127.evil.lan", "::2"])
def test_no_tls_is_refused_for_a_broker_elsewhere(host: str) -> None:
    assert "tls = false" in refusal(f'[mqtt]\nhost = "{host}"\ntls = false\n').what.nl


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_no_tls_is_taken_for_a_broker_on_this_machine(host: str) -> None:
    assert not config.parse_node(f'[mqtt]\nhost = "{host}"\ntls = false\n', HERE).mqtt.tls


def test_another_broker_of_a_node_is_not_reached_without_tls_either() -> None:
    text = '[mqtt]\ntls = false\nothers = ["localhost:1884", "mqtt.vrd.lan:1883"]\n'
    assert "tls = false" in refusal(text).what.nl and "mqtt.vrd.lan" in refusal(text).what.nl
    assert config.parse_node(text.replace("mqtt.vrd.lan", "127.0.0.1"), HERE).mqtt.others


def test_a_page_that_others_can_reach_is_refused() -> None:
    with pytest.raises(ConfigError, match="web"):
        config.parse_inbox('[web]\nhost = "0.0.0.0"\n', HERE)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="File is missing"):
        config.load_node(tmp_path / "node.toml")


def test_a_folder_or_a_picture_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Cannot read"):
        config.load_node(tmp_path)
    picture = tmp_path / "node.toml"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        config.load_node(picture)


def test_an_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="too large"):
        toml.read_text(Path("/dev/zero"))


# --- changing single values


def test_filling_in_a_value_leaves_all_else_as_it_was() -> None:
    before = '# mine\n[mqtt]\nhost = "a"  # the old one\nport = 1\n\n[log]\nhost = "other"\n'
    after = toml_text.fill(before, {("mqtt", "host"): "b#c"})
    assert after == before.replace('"a"', '"b#c"', 1)


def test_filling_in_adds_missing_keys_and_sections() -> None:
    after = toml_text.fill(
        "[mqtt]\nport = 1\n", {("mqtt", "tls"): False, ("node", "keys"): ["x", "y"], ("", "top"): 1}
    )
    assert tomllib.loads(after) == {"top": 1, "mqtt": {"tls": False, "port": 1}, "node": {"keys": ["x", "y"]}}


def test_filling_in_what_is_there_changes_nothing() -> None:
    text = "[mqtt]\nport=8883 # as it was\n"
    assert toml_text.fill(text, {("mqtt", "port"): 8883}) == text


def test_an_example_that_was_filled_in_is_no_example_any_more() -> None:
    assert "example" not in toml_text.fill('id = "0"  # example\n', {("", "id"): "1"})


def test_a_layout_that_cannot_be_changed_safely_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be changed"):
        toml_text.fill('[node]\nkeys = [\n  "a",\n]\n', {("node", "keys"): ["b"]})


@pytest.mark.parametrize("text", ['"quoted"', "back\\slash", "tab\tline\nend", "delete\x7f", "ë漢"])
def test_any_text_survives_being_written(text: str) -> None:
    assert tomllib.loads(f"x = {toml_text.write(text)}")["x"] == text


# --- files


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    file = tmp_path / "key"
    files.write_new(file, b"one")
    with pytest.raises(FileExistsError):
        files.write_new(file, b"two")
    assert file.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [file], "nothing temporary is left"


def test_a_file_in_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        files.replace(tmp_path / "no" / "file", b"x")


def test_a_full_disk_says_so() -> None:
    error = files.storage_error(OSError(28, "No space left on device"), Path("/x"))
    assert error.code == "full"
    assert files.storage_error(OSError(30, "Read-only file system"), Path("/x")).code == "read_only"
