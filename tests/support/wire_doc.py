"""The generated parts of docs/wire.md; `python -m tests.support.wire_doc` writes them."""

from __future__ import annotations

from pathlib import Path

from relay.core import fields
from tests.support import papers, vectors

PATH = Path(__file__).parents[2] / "docs" / "wire.md"


def fields_table() -> str:
    """The field table as Markdown."""
    lines = ["| number | name | value | nl | en | by | radio |", "|---|---|---|---|---|---|---|"]
    for row in fields.FIELDS:
        number = f"0, place {row.number}" if row.kind == "level" else str(row.number)
        radio = "yes" if row.radio else "no"
        lines.append(f"| {number} | `{row.name}` | {value(row)} | {row.nl} | {row.en} | {row.by} | {radio} |")
    return "\n".join(lines)


def value(row: fields.Field) -> str:
    """What a field can hold."""
    if row.kind == "integer":
        return f"{row.low} to {row.high} {row.unit}".rstrip()
    if row.kind == "text":
        return f"text, 1 to {row.high} bytes"
    return ", ".join(row.choices)


def vectors_list() -> str:
    """Keys, envelopes, batches, radio frames and papers in hexadecimal."""
    lines = [f"network id `{vectors.NETWORK.hex()}`", ""]
    for name, key in vectors.FILE["keys"].items():
        lines.append(f"{name}: seed `{key['seed']}`, public `{key['public']}`, address `{key['address']}`  ")
    for name, seed in papers.FILE["seeds"].items():
        lines.append(f"{name.replace('_', ' ')}: seed `{seed}`  ")
    lines += ["", "```", "dictionary", f"  {papers.FILE['dictionary']}"]
    lines += ["sealed channel", f"  {papers.FILE['sealed']['bytes']}"]
    for vector in [
        *vectors.ENVELOPES.values(),
        *vectors.BATCHES,
        *vectors.RADIO_FRAMES,
        *papers.PAPERS.values(),
    ]:
        lines += [vector["name"], f"  {vector['bytes']}"]
    return "\n".join([*lines, "```"])


def with_parts(text: str) -> str:
    """The document, with its generated parts as they should be."""
    for name, part in (("fields", fields_table()), ("vectors", vectors_list())):
        head, _, rest = text.partition(f"<!-- {name} -->\n")
        _, mark, tail = rest.partition(f"<!-- /{name} -->")
        assert mark, f"docs/wire.md has no place for {name}"
        text = f"{head}<!-- {name} -->\n{part}\n{mark}{tail}"
    return text


if __name__ == "__main__":
    PATH.write_text(with_parts(PATH.read_text()))
