"""What a column or a part of a file name says, told by its name and by its values."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from paralbench.corpora.readers.labels import SPLITS

# Column of the manifest -> what people call it, without case and punctuation. The first that a
# table has is taken.
_CALLED = {
    "speaker": "speaker speakerid spk spkid spkr spkrid spkcode speakername clientid actor actorid "
    "subject subjectid participant participantid talker talkerid person personid patient "
    "patientid voxcelebid",
    "gender": "gender sex speakergender spkgender",
    "split": "split splitset set partition subset part fold",
    "session": "session sessionid dialogue dialogueid dialog dialogid video videoid recording "
    "recordingid conversation conversationid episode episodeid interview interviewid",
    "language": "language lang locale languageid langid",
    "start": "start starttime startsec begin begintime onset tstart",
    "end": "end endtime endsec stop stoptime offset tend",
    "transcript": "transcript transcription rawtext text sentence utterancetext words "
    "normalizedtext utterance",
    "age": "age speakerage spkage ageyears years",
}
CALLED = {column: tuple(words.split()) for column, words in _CALLED.items()}

_GENDERS = {
    "female": "female f w woman women girl feminine weiblich female_feminine",
    "male": "male m man men boy masculine männlich maennlich male_masculine",
}
GENDERS = {word: gender for gender, words in _GENDERS.items() for word in words.split()}
_NOT_KNOWN = "unknown unk n/a na none nan null - ? other o not_given missing"
UNKNOWN = frozenset(_NOT_KNOWN.split())

_SPLITS = {**SPLITS, "trn": "train", "tr": "train", "eval": "test", "evaluation": "test"}
_SPLITS |= {"tst": "test", "te": "test", "tune": "development", "dv": "development"}

# The first letters of emotion words, in English and as codes.
_EMOTION = "ang hap joy sad neu fea dis sur bor cal con exc fru anx ami ser hot rag amu pai"
_EMOTIONS = tuple(_EMOTION.split())
_LEVEL = (
    "low lo medium med md mid high hi normal strong weak mild moderate severe none little much "
    "xx x unspecified"
)
_LEVELS = frozenset(_LEVEL.split())

# Numbers by these names say where something is or how much there is of it.
_NO_LABEL = re.compile(
    r"(^|_|\b)(id|nr|num|number|index|idx|line|row|frames?|samples?|size|rate|duration|dur|length"
    r"|seconds?|secs?|ms|time|count|up_votes|down_votes|year)(_|\b|$)|^unnamed"
)

MOST_CLASSES = 20
_ROWS_PER_CLASS = 3


@dataclass(frozen=True)
class Role:
    """What a column is taken for.

    Attributes:
        column: a column of the manifest, or the label's name.
        kind: a label's kind; None for what is no label.
        classes: a label's classes.
        low: a number label's smallest value, and ``high`` its largest.
        values: raw value -> value, for the reader.
        check: what its writer should look at; empty where it is sure.
        sure: whether a task of it makes sense without a look.
    """

    column: str
    kind: Literal["class", "number"] | None = None
    classes: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    values: dict[str, str] = field(default_factory=dict)
    check: str = ""
    sure: bool = True


def called(name: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[\W_]+", "", name.lower())


def roles_called(columns: Mapping[str, pd.Series]) -> dict[str, Role | None]:
    """The roles of a table's columns by their names; None for a name that does not hold."""
    plain = {called(name): name for name in reversed(list(columns))}
    found: dict[str, Role | None] = {}
    for column, words in CALLED.items():
        names = [plain[word] for word in words if word in plain and plain[word] not in found]
        roles = {name: role_by_name(column, columns[name]) for name in names}
        taken = next((name for name, role in roles.items() if role is not None), None)
        # One that is called so and is not needed may still be a label, a text may not.
        labels = column in ("gender", "split", "age")
        found |= {
            name: roles[name] if name == taken else None
            for name in names
            if name == taken or not labels
        }
    return found


def role_by_name(column: str, values: pd.Series) -> Role | None:
    """The role of a table's column that is called as one of the manifest's; None if it is not."""
    given = _distinct(values)
    if column == "gender":
        return gender(given, named=True)
    if column == "split":
        return split(given)
    if column == "age":
        return number("age", values)
    if column in ("start", "end"):
        return Role(column) if _numbers(values) is not None else None
    return Role(column) if given else None


def gender(given: Collection[str], *, named: bool = False) -> Role | None:
    """Gender, if each value is a word for one, or for not knowing it.

    Args:
        given: the values.
        named: whether the column is called so; then other words are left out.
    """
    known = {value: GENDERS[value.lower()] for value in given if value.lower() in GENDERS}
    rest = {value: "" for value in given if value not in known}
    others = [value for value in rest if value.lower() not in UNKNOWN]
    if len(set(known.values())) < 2 or (others and not named):
        return None
    # The reader knows these itself.
    plain = {value for value in known if value.lower() in ("f", "m", "female", "male")}
    values = {value: to for value, to in (known | rest).items() if value not in plain}
    check = f"left out: {', '.join(others)}" if others else ""
    return Role("gender", "class", ("female", "male"), values=values, check=check)


def split(given: Collection[str]) -> Role | None:
    """The owners' split, if there are words for train and for test."""
    values, unsure = {}, []
    for value in given:
        word = re.sub(r"[\W_0-9]+$", "", value.lower())
        values[value] = _SPLITS.get(word, "")
        if value.lower() not in SPLITS and values[value] != value:
            unsure.append(f"{value} is {values[value] or 'left out of every part'}")
    if not {"train", "test"} <= set(values.values()):
        return None
    values = {value: to for value, to in values.items() if SPLITS.get(value.lower()) != to}
    return Role("split", values=values, check="; ".join(unsure))


def number(name: str, values: pd.Series) -> Role | None:
    """A number label, if the values are numbers."""
    numbers = _numbers(values)
    if numbers is None or numbers.min() == numbers.max():
        return None
    low, high = float(numbers.min()), float(numbers.max())
    return Role(name, "number", low=low, high=high, check="low and high are those of the data")


def label(name: str, values: pd.Series, column: str = "") -> Role | None:
    """A class or number label, if the values look like one.

    Args:
        name: of the label.
        values: one per row.
        column: what the table calls it.
    """
    given = _distinct(values)
    numbers = _numbers(values)
    few = 2 <= len(given) <= MOST_CLASSES and len(given) * _ROWS_PER_CLASS <= len(values)
    if numbers is not None:
        if _NO_LABEL.search(re.sub(r"([a-z])([A-Z])", r"\1_\2", column).lower()):
            return None
        whole = bool((numbers == numbers.round()).all())
        if not (few and whole):
            running = whole and len(given) == len(values)  # it labels nothing
            return None if running or len(given) < 2 else number(name, values)
        check = "whole numbers are taken for classes; `kind: number` with low and high, if not"
        return Role(name, "class", tuple(sorted(given, key=float)), check=check)
    if not few or any(len(value) > 40 for value in given):
        return None
    classes = tuple(value for value in given if value.lower() not in UNKNOWN - {"none", "other"})
    missing = {value: "" for value in given if value not in classes}
    if len(classes) < 2:
        return None
    return Role(name, "class", classes, values=missing)


def is_emotion(given: Collection[str]) -> bool:
    """Whether values are words, or codes of three letters or more, for emotions."""
    hits = [value for value in given if value.lower().startswith(_EMOTIONS)]
    return len(given) >= 2 and len(hits) >= 0.6 * len(given)


def is_level(given: Collection[str]) -> bool:
    """Whether values are words for more and less."""
    return len(given) >= 2 and all(value.lower() in _LEVELS for value in given)


def _distinct(values: pd.Series) -> list[str]:
    return sorted({value for value in values.unique().tolist() if value})


def _numbers(values: pd.Series) -> pd.Series | None:
    given = values[values != ""]
    numbers = pd.Series(pd.to_numeric(given, errors="coerce"), dtype="float64")
    return None if not len(given) or bool(numbers.isna().any()) else numbers
