"""A drafted corpus card as text: what is guessed carries a comment."""

import json
import re
from pathlib import Path
from typing import Any

from paralbench.corpora.draft_table import Reading
from paralbench.corpora.draft_tasks import Proposal
from paralbench.corpora.draft_words import Role

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def render(
    name: str, root: Path, reading: Reading, languages: list[str] | None, proposals: list[Proposal]
) -> str:
    """The card.

    Args:
        name: the corpus's name.
        root: its folder, absolute.
        reading: how it is read.
        languages: codes; None where they are not known.
        proposals: its tasks.
    """
    roles = reading.roles
    speaker = next((role for role in roles.values() if role.column == "speaker"), None)
    lines = [
        "kind: corpus",
        f"name: {_scalar(name)}",
        _line("access: open", "open, form, agreement or paid"),
        _line("licence: unknown", "the owners' licence"),
        f"root: {_scalar(str(root))}",
    ]
    if speaker is None:
        lines += [
            "speakers: unknown  # check: no column or part of the names tells who speaks; tasks",
            "# need it, to keep a speaker out of both train and test. If the corpus tells it, add",
            "# it to the reader and say `speakers: known`, without `resample`.",
            "resample: utterance",
        ]
    else:
        lines.append(_line("speakers: known", speaker.check))
    if languages:
        lines.append(f"languages: [{', '.join(map(_scalar, languages))}]")
    elif languages is None:
        lines.append("# languages: [en]  # check: codes of the languages that are spoken")
    lines += [*_reader(reading), "labels:"]
    for role in roles.values():
        if role.kind is not None:
            lines.append(_line(f"  {_scalar(role.column)}: {_label(role)}", role.check))
    return "\n".join([*lines, *_tasks(proposals)]) + "\n"


def _reader(reading: Reading) -> list[str]:
    lines = ["reader:", f"  name: {reading.reader['name']}", "  options:"]
    for key, value in reading.reader["options"].items():
        written = str(value).lower() if isinstance(value, bool) else _scalar(value)
        lines.append(_line(f"    {key}: {written}", reading.checks.get(key, "")))
    if reading.reader["name"] == "csv":
        pairs = {role.column: name for name, role in reading.roles.items() if role.column != name}
        pairs |= dict.fromkeys(reading.not_read, "")
        if pairs:
            lines.append("    columns:")
            lines += [f"      {_scalar(column)}: {_scalar(name)}" for column, name in pairs.items()]
    maps = {role.column: role for role in reading.roles.values() if role.values}
    if maps:
        lines.append("    values:")
        lines += [
            _line(
                f"      {_scalar(name)}: {_flow(role.values)}",
                "" if role.kind else role.check,
            )
            for name, role in maps.items()
        ]
    return lines


def _label(role: Role) -> str:
    if role.kind == "class":
        return f"{{kind: class, values: [{', '.join(map(_scalar, role.classes))}]}}"
    unit = ", unit: years" if role.column == "age" else ""
    return f"{{kind: number, low: {role.low:g}, high: {role.high:g}{unit}}}"


def _tasks(proposals: list[Proposal]) -> list[str]:
    there = [one for one in proposals if one.split is not None]
    lines = ["tasks:"] if there else ["# tasks:"]
    for one in proposals:
        task = f"  - {{label: {_scalar(one.label)}, split: {one.split or 'speaker-k-fold'}}}"
        lines.append(task if one.split else _line(f"# {task[2:]}", one.why_not))
    return lines


def _flow(values: dict[str, str]) -> str:
    return "{" + ", ".join(f"{_scalar(a)}: {_scalar(b)}" for a, b in values.items()) + "}"


def _line(text: str, check: str) -> str:
    return f"{text}  # check: {' '.join(check.split())}" if check else text


def _scalar(value: Any) -> str:
    """A string as YAML reads it back."""
    text = str(value)
    if _BARE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text)
