"""Recognising a corpus whose labels are in the names of its folders and files."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pandas as pd

from paralbench.corpora.draft_table import Reading
from paralbench.corpora.draft_words import (
    MOST_CLASSES,
    Role,
    gender,
    is_emotion,
    is_level,
    label,
    number,
    split,
)
from paralbench.corpora.readers.files import AudioFiles

_SEPARATORS = r"([_\-. ]+)"
_ENOUGH = 0.5  # of the files have names of one form
_SPEAKER = re.compile(
    r"(?i)(spk|spkr|speaker|actor|sub|subj|subject|participant|talker|id|p|s|f|m)[_-]?[0-9]+"
)
_COUNTER = re.compile(
    r"(?i)(clip|utt|utterance|file|sample|audio|rec|recording|track|sent|sentence|seg|segment|wav|"
    r"take|rep|line|item|part)[_-]?[0-9]+"
)
_ALIKE = 0.99  # of the files, for two parts that say the same
_AGES = (3, 110)


@dataclass(eq=False)
class _Part:
    """A folder's name, a field of the file's name, or a run of letters or digits in a field."""

    where: str
    values: list[str]
    pattern: str
    runs: "list[_Part]" = field(default_factory=list)
    role: Role | None = None

    @property
    def distinct(self) -> int:
        return len(set(self.values))

    def every(self) -> "Iterator[_Part]":
        yield self
        yield from self.runs

    def written(self) -> str:
        """The part of the pattern."""
        inner = self.pattern
        if self.runs and any(run.role for run in self.runs):
            inner = "".join(run.written() for run in self.runs)
        return inner if self.role is None else f"(?P<{self.role.column}>{inner})"


def from_names(audio: AudioFiles, looked_at: list[str]) -> Reading | None:
    """What most files' names say, cut at ``_``, ``-``, ``.`` and blanks; None if no label."""
    names = [name for name, _ in audio]
    forms = Counter(map(_form, names))
    form, count = forms.most_common(1)[0]
    if count < _ENOUGH * len(names):
        looked_at.append(
            f"the names of {len(names)} files have {len(forms)} forms, such as "
            f"{names[0]!r} and {names[-1]!r}"
        )
        return None
    chosen = [name for name in names if _form(name) == form]
    folders, fields = _parts(chosen, form)
    parts = [*folders, *fields]
    _assign(parts)
    roles = {p.role.column: p.role for part in parts for p in part.every() if p.role}
    if not any(role.kind for role in roles.values()):
        looked_at.append(
            f"{len(chosen)} file names such as {chosen[0]!r}: no part has 2 to {MOST_CLASSES} "
            "values that many files share"
        )
        return None
    separators = [_escape(one) for one in form[1]]
    stem = "".join(
        part.written() + after for part, after in zip(fields, [*separators, ""], strict=True)
    )
    used = [n for n, one in enumerate(folders) if one.role]
    above = [one.written() + "/" for one in folders[used[0] :]] if used else []
    found = [f"{len(chosen)} of {len(names)} file names are like {chosen[0]!r}"]
    options = {"pattern": "".join(above) + stem}
    over = [
        f"{part.where}: {part.distinct} values, such as {part.values[0]!r}"
        for part in parts
        if part.distinct > 1 and not any(one.role for one in part.every())
    ]
    if len(chosen) < len(names):
        over.append(f"{len(names) - len(chosen)} files whose names have another form")
    return Reading({"name": "filename", "options": options}, roles, found, over)


def _form(name: str) -> tuple[int, tuple[str, ...]]:
    """How many folders, and what separates the fields of the file's name."""
    *folders, stem = name.split("/")
    return len(folders), tuple(re.split(_SEPARATORS, stem)[1::2])


def _parts(names: list[str], form: tuple[int, tuple[str, ...]]) -> tuple[list[_Part], list[_Part]]:
    above = [name.split("/")[:-1] for name in names]
    stems = [re.split(_SEPARATORS, name.rpartition("/")[2])[::2] for name in names]
    chars = {char for one in form[1] for char in one}
    outside = "".join(sorted(chars, key=lambda char: (char == "-", char)))  # no range
    folders = [
        _part(f"folder {n + 1}", [one[n] for one in above], "[^/]+", inside=False)
        for n in range(form[0])
    ]
    fields = [
        _part(f"field {n + 1} of the name", [one[n] for one in stems], f"[^/{outside}]+")
        for n in range(len(form[1]) + 1)
    ]
    return folders, fields


def _part(where: str, values: list[str], pattern: str, inside: bool = True) -> _Part:
    if len(set(values)) == 1:
        return _Part(where, values, _escape(values[0]))
    if "" in values:
        return _Part(where, values, pattern.removesuffix("+") + "*")
    if all(value.isdecimal() and value.isascii() for value in values):
        return _Part(where, values, "[0-9]+")
    part = _Part(where, values, pattern)
    if inside:
        part.runs = _runs(where, values)
    return part


def _runs(where: str, values: list[str]) -> list[_Part]:
    """Runs of digits and of letters in a code such as SM1 or 03a01Fa, if all are built alike."""
    for letters in ("[A-Za-z]+", "[A-Z]+|[a-z]+"):
        every = [re.findall(rf"[0-9]+|{letters}", value) for value in values]
        kinds = {tuple(_kind(run) for run in one) for one in every}
        whole = all("".join(one) == value for one, value in zip(every, values, strict=True))
        if not whole or len(kinds) != 1 or not {"0"} < set(next(iter(kinds))):
            continue
        cut = [run for column in zip(*every, strict=True) for run in _run(where, list(column))]
        if letters == "[A-Za-z]+" and any(one.distinct > MOST_CLASSES for one in cut[1:-1]):
            continue
        return cut
    return []


def _kind(run: str) -> str:
    return "0" if run[0].isdigit() else "a"


def _run(where: str, values: list[str]) -> Iterator[_Part]:
    """A run; letters that all begin with are cut off."""
    widths = {len(value) for value in values}
    if values[0][0].isdigit():
        yield _Part(where, values, f"[0-9]{{{widths.pop()}}}" if len(widths) == 1 else "[0-9]+")
        return
    first, last = min(values), max(values)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    same = len(first) if same is None else same
    if same:
        yield _Part(where, [first[:same]] * len(values), _escape(first[:same]))
    rest = [value[same:] for value in values]
    if any(rest):
        widths = {len(value) for value in rest}
        # Constant codes such as Fa are cut into letters; words are not.
        wide = widths.pop() if len(widths) == 1 else 0
        for place in range(wide) if 0 < wide <= 2 else (None,):
            cut = rest if place is None else [value[place] for value in rest]
            yield _Part(where, cut, "[A-Za-z]*" if place is None else "[A-Za-z]")


def _escape(text: str) -> str:
    """Text in a pattern; what needs no backslash has none."""
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)


def _assign(parts: list[_Part]) -> None:
    """Give the parts their roles."""
    every = [one for part in parts for one in part.every() if one.distinct > 1]
    n_files = len(parts[0].values)
    taken: dict[str, _Part] = {}

    def give(part: _Part, role: Role | None) -> None:
        if role is not None and role.column not in taken:
            part.role = role
            taken[role.column] = part

    for one in every:
        given = sorted(set(one.values))
        if len(given) > MOST_CLASSES:
            continue
        if role := gender(given):
            check = "" if one in parts else f"letters in {one.where} are taken for the gender"
            give(one, replace(role, check=check))
        elif role := split(given):
            give(one, role)
        elif is_emotion(given):
            give(one, label("emotion", pd.Series(one.values)))
        elif is_level(given):
            give(one, label("level", pd.Series(one.values)))
    free = [one for one in every if one.role is None]
    speaker = _speaker(parts, free, taken, n_files)
    if speaker is not None:
        part, why = speaker
        give(part, Role("speaker", check=why))
        for one in free:
            if "age" not in taken and one is not part and _is_age(one, part):
                role = number("age", pd.Series(one.values))
                give(one, role and replace(role, check=f"{one.where} is taken for the age"))
    _classes(parts, taken, give)


def _classes(parts: list[_Part], taken: dict[str, _Part], give) -> None:
    """What is left and has few values is a class whose name is not known."""
    for one in [one for part in parts for one in part.every()]:
        whole = next(part for part in parts if one in part.every())
        inner = [run for run in whole.runs if run.role]
        if one.role or (one is whole and inner) or (one is not whole and whole.role):
            continue
        if _counts(whole):
            continue
        if any(_same(one, other) or _code_of(one, other) for other in taken.values()):
            continue
        steps = _are_steps(set(one.values)) and "level" not in taken
        name = "level" if steps else f"class{sum(c.startswith('class') for c in taken) + 1}"
        role = label(name, pd.Series(one.values))
        if role is None or role.kind != "class" or one.distinct * 10 > len(one.values):
            continue
        check = f"{one.where}: rename the label, and say by `values` what its codes mean"
        give(one, replace(role, check=check, sure=steps))


def _speaker(
    parts: list[_Part], free: list[_Part], taken: dict[str, _Part], n_files: int
) -> tuple[_Part, str] | None:
    """The part that most looks like a speaker, and what speaks for it."""
    best: tuple[tuple[int, int], _Part, str] | None = None
    field_1 = next(part for part in parts if part.where.startswith("field"))
    begin = {id(field_1), *(id(run) for run in field_1.runs[:1])}
    for one in free:
        whole = one in parts
        # A code of gender and number is one name: M1 and F1 are two speakers.
        inner = [run.role.column for run in one.runs if run.role]
        if not 2 <= one.distinct <= n_files // 2 or set(inner) - {"gender"} or _counts(one):
            continue
        about = [taken[column] for column in ("gender", "split") if column in taken]
        if not all(_determines(one, other) for other in about):
            continue
        score = 2 * ("gender" in taken) + 2 * bool(inner)
        score += 3 * all(_SPEAKER.fullmatch(value) for value in one.values)
        score += id(one) in begin or one.where == "folder 1"
        score += one.distinct > 2 and not one.values[0].isdecimal()
        score += whole or id(one) in begin
        rank = (score, one.distinct if one.distinct * 3 <= n_files else 0)
        if score > 1 and (best is None or rank > best[0]):
            best = (rank, one, f"{one.where} is taken for the speaker")
    return None if best is None else best[1:]


def _counts(one: _Part) -> bool:
    """Whether a part counts clips, sentences or the like."""
    return all(_COUNTER.fullmatch(value) for value in one.values)


def _are_steps(given: set[str]) -> bool:
    """Whether values count from 0 or 1 to a few."""
    numbers = sorted(int(value) for value in given if value.isdecimal())
    few = 3 <= len(numbers) == len(given) <= 5
    return few and numbers[0] in (0, 1) and numbers[-1] - numbers[0] == len(numbers) - 1


def _determines(one: _Part, other: _Part) -> bool:
    """Whether files with one value of a part have one value of the other."""
    pairs = set(zip(one.values, other.values, strict=True))
    return len(pairs) == one.distinct


def _same(one: _Part, other: _Part) -> bool:
    return one is not other and (
        sum(a == b for a, b in zip(one.values, other.values, strict=True))
        >= _ALIKE * len(one.values)
    )


def _code_of(one: _Part, other: _Part) -> bool:
    """Whether two parts say the same in other words."""
    return one is not other and _determines(one, other) and _determines(other, one)


def _is_age(one: _Part, speaker: _Part) -> bool:
    if not all(value.isdecimal() for value in one.values) or one.distinct < 5:
        return False
    ages = [int(value) for value in one.values]
    plausible = _AGES[0] <= min(ages) and max(ages) <= _AGES[1]
    return plausible and _determines(speaker, one) and not _determines(one, speaker)
