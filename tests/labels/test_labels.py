"""Install sheets and labels, as a printer and a phone see them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from relay import codes
from relay.labels import Box, Facts, labels_pdf, sheets_pdf
from relay.labels.key_copy import key_copy_pdf
from relay.labels.paper import printable
from relay.labels.sheet import CODES

BEILEN = Box(
    "Kazerne Beilen", "VRD-BEI-01 · Midden-Drenthe", "", "3f9a-21c4", "48213 90567 11824 70359 66120"
)
LONG = Box(
    "Multifunctioneel Gemeenschapscentrum De Boerhoorn Rolde-Noord-Oost", "VRD-ROL-01 · Aa en Hunze",
    "zolder", "77b0-09de", "11111 22222 33333 44444 55555",
)  # fmt: skip
FACTS = Facts(42, "24-11-2026", "0592-123456", "http://10.42.0.1")


def text_of(pdf: bytes, tmp_path: Path) -> str:
    (tmp_path / "x.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-layout", tmp_path / "x.pdf", "-"], check=True, capture_output=True)
    return re.sub(r"[ \t]+", " ", done.stdout.decode())


def codes_of(pdf: bytes, tmp_path: Path) -> list[set[str]]:
    """What a phone reads from each page."""
    import zxingcpp
    from PIL import Image

    (tmp_path / "x.pdf").write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", "150", "-gray", tmp_path / "x.pdf", tmp_path / "page"], check=True)
    return [
        {code.text for code in zxingcpp.read_barcodes(Image.open(page))}
        for page in sorted(tmp_path.glob("page*"))
    ]


def sizes_of(pdf: bytes, tmp_path: Path) -> set[tuple[int, int]]:
    """Width and height of the pages, in mm."""
    (tmp_path / "x.pdf").write_bytes(pdf)
    said = subprocess.run(
        ["pdfinfo", "-l", "9", tmp_path / "x.pdf"], check=True, capture_output=True, text=True
    )
    found = re.findall(r"size: +([\d.]+) x ([\d.]+) pts", said.stdout)
    return {(round(float(x) * 25.4 / 72), round(float(y) * 25.4 / 72)) for x, y in found}


def test_a_sheet_says_all_that_is_needed(tmp_path: Path) -> None:
    text = text_of(sheets_pdf([BEILEN], FACTS), tmp_path)
    for said in (
        "NOOIT AANZETTEN ZONDER ANTENNE", BEILEN.title, BEILEN.place, BEILEN.address, BEILEN.control,
        "Antenne", "Voeding", "noodstroomgroep", "vast licht", "langzaam knipperen", "snel knipperen",
        "Werkt het? Lees de code voor aan 0592-123456", "Bij diefstal of verhuizing: bel 0592-123456",
        "Versie 42 · 24-11-2026", "Paraaf", "Raspberry Pi", "wifi naober-3f9a", "kaart in de kast",
    ):  # fmt: skip
        assert said in text, said
    assert all(code in text for code, _ in CODES)


def test_the_ten_codes_of_the_sheet_are_codes_of_ours() -> None:
    assert len(CODES) == 10
    assert {code for code, _ in CODES} <= set(codes.CODES)


def test_pages_have_the_size_of_their_paper(tmp_path: Path) -> None:
    assert sizes_of(sheets_pdf([BEILEN, LONG], FACTS), tmp_path) == {(210, 297)}
    assert sizes_of(labels_pdf([BEILEN, LONG], FACTS), tmp_path) == {(62, 29)}


def test_a_phone_reads_which_box_it_is_and_where_its_page_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for at, box in enumerate((BEILEN, LONG)):
        box_code = f"NAOBER {box.address.upper()}"
        assert codes_of(labels_pdf([BEILEN, LONG], FACTS), tmp_path / "a")[at] == {box_code}
        assert codes_of(sheets_pdf([BEILEN, LONG], FACTS), tmp_path / "b")[at] == {box_code, FACTS.page}


def test_without_a_number_there_is_a_line_to_write_it_on_and_without_a_page_no_code(tmp_path: Path) -> None:
    pdf = sheets_pdf([BEILEN], Facts(42, "24-11-2026"))
    assert re.search(r"Lees de code voor aan _{10,}", text_of(pdf, tmp_path))
    assert codes_of(pdf, tmp_path) == [{"NAOBER 3F9A-21C4"}]


def test_a_long_name_stays_on_its_label(tmp_path: Path) -> None:
    text = text_of(labels_pdf([LONG], FACTS), tmp_path)
    assert "Multifunctioneel" in text and "77b0-09de" in text and "VRD 0592-123456" in text
    assert "11111 22222 33333" in text and "44444 55555" in text


@pytest.mark.parametrize(
    ("given", "printed"),
    [("Café ’t Hoekje – Coevorden", "Café 't Hoekje - Coevorden"), ("Škoda", "Skoda"), ("東京", "??")],
)
def test_letters_that_printers_lack_are_written_otherwise(given: str, printed: str) -> None:
    assert printable(given) == printed
    labels_pdf([BEILEN._replace(title=given)], FACTS)


def test_the_paper_copy_holds_the_same_as_code_and_as_text(tmp_path: Path) -> None:
    content = "ABCDEFGHIJ234567" * 58  # as long as a key file
    pdf = key_copy_pdf("VRD-A", "8d2a-071b", "24-11-2026", content)
    assert codes_of(pdf, tmp_path) == [{content}]
    text = text_of(pdf, tmp_path)
    assert "naober authority init --restore" in text
    groups = "".join(line for line in text.splitlines() if re.fullmatch(r" ?([A-Z2-7]{1,5} ?)+", line))
    assert re.sub(r"\s", "", groups) == content
