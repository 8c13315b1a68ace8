"""What lies on a stick: names, half-written files, and what a hostile stick may try."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from relay.errors import StorageError
from relay.links.courier import (
    BATCH_BYTES_MAX,
    COUNTER_MAX,
    Batch,
    CourierStick,
    free_counters,
    pieces,
)
from relay.trust.stick import Stick

BEILEN, ASSEN = "3f9a21c4", "77b009de"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def stick(root: Path) -> CourierStick:
    return CourierStick(Stick(root))


def messages(root: Path) -> Path:
    folder = root / "naober" / "berichten"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_batches_are_found_by_writer_epoch_and_counter_and_read_back(stick: CourierStick) -> None:
    written = [Batch(BEILEN, 3, 1), Batch(ASSEN, 9, 10), Batch(ASSEN, 10, 2, 60_000_000)]
    for batch in reversed(written):
        stick.put(batch, batch.name.encode())
    stick.put_receipts(BEILEN, b"receipts")
    found, strange = stick.batches()
    assert found == written and strange == 0
    assert [stick.read(each) for each in found] == [each.name.encode() for each in written]
    assert stick.receipts() == ([BEILEN], 0)
    assert stick.read_receipts(BEILEN) == b"receipts"


def test_a_new_batch_never_takes_the_name_of_an_old_one_or_of_another_node(stick: CourierStick) -> None:
    stick.put(Batch(BEILEN, 3, 7), b"old")
    stick.put(Batch(ASSEN, 3, 40), b"other")
    assert next(free_counters(stick.batches()[0], BEILEN)) == 8
    assert next(free_counters(stick.batches()[0], "00000000")) == 1


def test_when_the_counters_run_out_those_that_are_free_are_used(stick: CourierStick) -> None:
    used = [Batch(BEILEN, 3, 1), Batch(BEILEN, 4, 2), Batch(BEILEN, 3, COUNTER_MAX - 1)]
    counters = free_counters(used, BEILEN)
    assert [next(counters) for _ in range(3)] == [COUNTER_MAX, 3, 4]
    assert next(free_counters([Batch(BEILEN, 3, COUNTER_MAX)], BEILEN)) == 1


@pytest.mark.parametrize(
    "name",
    [
        "3f9a21c4-3-01",  # a second name for the same batch
        "3F9A21C4-3-1",
        "3f9a21c4-3",
        "3f9a21c4-3-1-",
        "3f9a21c4-3-1.part",
        "verslag.docx",
        "3f9a21c4-99999999999-1",
    ],
)
def test_a_name_that_we_would_not_write_is_passed_over_and_counted(
    stick: CourierStick, root: Path, name: str
) -> None:
    (messages(root) / name).write_bytes(b"x")
    assert stick.batches() == ([], 1)


def test_a_file_that_was_being_written_when_the_stick_was_pulled_out_is_not_seen(
    stick: CourierStick, root: Path
) -> None:
    (messages(root) / ".3f9a21c4-3-1.part").write_bytes(b"half")
    assert stick.batches() == ([], 0)
    stick.put(Batch(BEILEN, 3, 1), b"whole")
    assert [each.name for each in messages(root).iterdir()] == ["3f9a21c4-3-1"]


@pytest.mark.parametrize("sort", ["link", "pipe", "folder", "huge", "device"])
def test_what_is_no_file_of_ours_is_refused_at_once_and_left_alone(
    stick: CourierStick, root: Path, sort: str
) -> None:
    secret = root / "secret"
    secret.write_text("of this machine")
    here = messages(root) / "3f9a21c4-3-1"
    if sort == "link":
        here.symlink_to(secret)
    elif sort == "pipe":
        os.mkfifo(here)
    elif sort == "folder":
        here.mkdir()
    elif sort == "device":
        try:
            os.mknod(here, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero: for ever
        except PermissionError:
            pytest.skip("making devices is not allowed here")
    else:
        with here.open("wb") as file:
            file.truncate(10 * 1024**3)
    [batch], _ = stick.batches()
    with pytest.raises(StorageError) as refused:
        stick.read(batch)
    assert refused.value.code == ("too_large" if sort == "huge" else "unsafe")
    assert secret.read_text() == "of this machine"


def test_a_folder_that_is_a_link_leads_nowhere(stick: CourierStick, root: Path) -> None:
    (root / "elsewhere").mkdir()
    (root / "naober").mkdir()
    (root / "naober" / "berichten").symlink_to(root / "elsewhere")
    with pytest.raises(StorageError):
        stick.put(Batch(BEILEN, 3, 1), b"x")
    assert list((root / "elsewhere").iterdir()) == []


def test_an_empty_stick_has_nothing_and_says_no_more(stick: CourierStick) -> None:
    assert stick.batches() == ([], 0)
    assert stick.receipts() == ([], 0)
    assert stick.grants() == []
    stick.drop(Batch(BEILEN, 3, 1))


def test_pieces_hold_all_in_order_and_none_is_larger_than_it_may_be() -> None:
    sizes = [10, 90, 1, 200, 50, 50, 1]
    found = list(pieces(sizes, lambda size: size, 100))
    assert found == [[10, 90], [1], [200], [50, 50], [1]]
    assert list(pieces([], len, 100)) == []


def test_the_file_format_fits_what_the_documents_promise() -> None:
    assert BATCH_BYTES_MAX == 128 * 1024
    assert re.fullmatch(r"[0-9a-f]{8}-\d+-\d+-\d+", Batch(BEILEN, 3, 1, 5).name)
