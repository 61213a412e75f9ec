"""A first corpus card for a user's own folder, as far as its tables or names tell."""

import re
import tempfile
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from paralbench.cards.catalogue import load_catalogue, read_card
from paralbench.cards.corpus import CorpusCard
from paralbench.cards.crosscheck import problems
from paralbench.corpora.draft_names import from_names
from paralbench.corpora.draft_table import Reading, from_tables
from paralbench.corpora.draft_tasks import Proposal, propose
from paralbench.corpora.draft_yaml import render
from paralbench.corpora.load import FAULTS, load_manifest
from paralbench.corpora.manifest import Manifest
from paralbench.corpora.readers import READERS, check_card
from paralbench.corpora.readers.files import AUDIO_SUFFIXES, audio_files
from paralbench.errors import CardError, CorpusError
from paralbench.storage.atomic import write_file

UNDERSTOOD = (
    "Two layouts are understood: a table (.csv, .tsv or .txt with a header line, at most two "
    "folders deep) with a column that names the audio files and columns of labels; or labels in "
    "the names of files and folders, in fields divided by _ - . or blanks, such as ann_f_angry_01."
)

_MOST_SHOWN = 12


@dataclass(frozen=True)
class Draft:
    """A card that was written.

    Attributes:
        card: it.
        file: where it is.
        lines: what was recognised, what was not, and what came out, for people.
        faults: how many utterances a strict reading stumbles over.
    """

    card: CorpusCard
    file: Path
    lines: list[str]
    faults: int


def draft(root: Path, id: str, out: Path, others: Collection[str] = ()) -> Draft:
    """Look at a folder and write a corpus card for it.

    The card is checked before it is written: it is valid beside the shipped cards, and the folder
    is read with it.

    Args:
        root: the corpus folder.
        id: the card's id.
        out: the folder of the user's cards; it is created.
        others: ids of corpora that there are already.

    Raises:
        CardError: the id is not allowed or taken, or there is such a card.
        CorpusError: the folder does not exist, holds no audio, or nothing in it is recognised.
    """
    root, file = root.expanduser().absolute(), out.expanduser() / f"{id}.yaml"
    if file.exists():
        raise CardError(f"{file} is there already; give another --id, or another --out.")
    if id in others:
        raise CardError(f"the corpus id {id!r} is already taken; give another one with --id.")
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise CorpusError(f"{root} {what}; name the folder of the corpus.")
    audio = audio_files(root)
    if not audio:
        raise CorpusError(f"no audio file under {root}; looked for {', '.join(AUDIO_SUFFIXES)}.")
    looked_at: list[str] = []
    reading = from_tables(root, audio, looked_at)
    reading = from_names(audio, looked_at) if reading is None else reading
    if reading is None:
        raise CorpusError(
            f"nothing is recognised in {root} ({len(audio)} audio files). Looked at: "
            f"{'; '.join(looked_at[:_MOST_SHOWN])}. {UNDERSTOOD}"
        )
    name = root.name or id
    manifest, _ = _checked(render(name, root, reading, [], []), id, root)
    languages = _languages(manifest.frame["language"])
    card = _checked(render(name, root, reading, languages, []), id, root)[1]
    proposals = propose(card, list(reading.roles.values()), manifest.frame)
    text = render(name, root, reading, languages, proposals)
    manifest, card = _checked(text, id, root)
    write_file(file.parent, file.name, text.encode())
    (card, *_) = read_card(file)
    assert isinstance(card, CorpusCard)
    faults = sum(one.reason in FAULTS for one in manifest.excluded)
    passed_over = [*reading.passed_over, *looked_at]
    return Draft(card, file, _lines(reading, passed_over, manifest, proposals), faults)


def id_of(root: Path, taken: Collection[str]) -> str:
    """An id after a folder's name that is not taken."""
    plain = re.sub(r"[^a-z0-9]+", "-", root.expanduser().absolute().name.lower()).strip("-")
    id = plain or "mine"
    return f"my-{id}" if id in taken else id


def _checked(text: str, id: str, root: Path) -> tuple[Manifest, CorpusCard]:
    """Read the card as if it were there, and the folder with it.

    Raises:
        CardError, CorpusError: one of them cannot be read.
    """
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / f"{id}.yaml").write_text(text, encoding="utf-8")
        catalogue = load_catalogue([Path(place)])
        found = problems(catalogue, readers=READERS.names())
        wrong = [one for one in found if one.startswith(place)]
        if wrong:
            raise CardError("\n".join(wrong))
        card = catalogue.corpora.get(id)
        check_card(card)
        return load_manifest(card, root, partial=True), card


def _languages(column: Any) -> list[str] | None:
    """Codes of the languages; none where they are no codes; None where nothing is said."""
    given = sorted(set(pd.Series(column).dropna().tolist()))
    codes = all(one.isascii() and one.islower() and 2 <= len(one) <= 3 for one in given)
    return (given if codes else []) if given else None


def _lines(
    reading: Reading, passed_over: list[str], manifest: Manifest, proposals: list[Proposal]
) -> list[str]:
    frame = manifest.frame
    lines = [f"recognised   {one}" for one in reading.found]
    for name, role in reading.roles.items():
        given = cast(pd.Series, frame[role.column]).dropna()
        told = _told(role.kind, given)
        of = f" ({name})" if name != role.column else ""
        lines.append(f"recognised   {role.column}{of}: {told}")
        if role.check:
            lines.append(f"  check      {role.check}")
    if not any(role.column == "speaker" for role in reading.roles.values()):
        lines.append("NOT FOUND    who speaks: the card has no tasks until it says so")
    lines += [f"passed over  {one}" for one in passed_over[:_MOST_SHOWN]]
    if len(passed_over) > _MOST_SHOWN:
        lines.append(f"passed over  {len(passed_over) - _MOST_SHOWN} more")
    lines += [
        f"task         {one.label}: {one.split}"
        if one.split
        else f"no task      {one.label}: {one.why_not}"
        for one in proposals
    ]
    left_out = Counter(one.reason for one in manifest.excluded)
    lines.append(f"read         {len(frame)} utterances, {frame['speaker'].nunique()} speakers")
    lines += [f"left out     {count} {reason}" for reason, count in sorted(left_out.items())]
    return lines


def _told(kind: str | None, given: pd.Series) -> str:
    if kind == "number":
        return f"{given.min():g} to {given.max():g} in {len(given)} utterances"
    if kind == "class" or given.nunique() <= 3:
        counts = given.value_counts().sort_index()
        return ", ".join(f"{value} {count}" for value, count in counts.items())
    return f"{given.nunique()} values"
