"""From what a corpus writes to what a manifest says: label values, gender, split, language."""

from collections.abc import Mapping

from paralbench.cards.corpus import CorpusCard, Label
from paralbench.corpora.manifest import Exclusion
from paralbench.errors import CorpusError

Row = dict[str, object]

GENDERS = {"female": "female", "f": "female", "male": "male", "m": "male"}

SPLITS = {
    "train": "train",
    "training": "train",
    "dev": "development",
    "devel": "development",
    "development": "development",
    "val": "development",
    "valid": "development",
    "validation": "development",
    "test": "test",
}


def settle(
    card: CorpusCard, raw: Row, values: Mapping[str, Mapping[str, str]] | None = None
) -> Row | Exclusion:
    """Turn raw values into a manifest row.

    Blanks around a value are dropped and an empty value is a missing one. A column's map in
    ``values`` is applied to the values that it names.

    Args:
        card: the corpus card, whose labels say which values there are.
        raw: ``utterance``, ``path`` and whatever the corpus says, as text.
        values: column -> raw value -> value.

    Returns:
        The row, or an exclusion: ``label-unknown`` where a label has a value that the card does not
        name or a number outside its range; ``label-missing`` where it has none of the labels.

    Raises:
        CorpusError: a time is no number, or the split is none of ours.
    """
    maps = values or {}
    row: Row = {}
    for column, value in raw.items():
        text = "" if value is None else str(value).strip()
        text = maps.get(column, {}).get(text, text)
        row[column] = text or None
    utterance = str(row["utterance"])
    if not row.get("language") and len(card.languages) == 1:
        row["language"] = card.languages[0]
    if row.get("gender"):
        given = str(row["gender"])
        row["gender"] = GENDERS.get(given.lower(), given if "gender" in card.labels else None)
    if row.get("split"):
        row["split"] = _split(card, utterance, str(row["split"]))
    for column in ("start", "end"):
        if row.get(column):
            row[column] = _time(card, utterance, column, str(row[column]))
    for name, label in card.labels.items():
        value = row.get(name)
        if value is None:
            row[name] = None
            continue
        settled = _settle_label(label, str(value))
        if settled is None:
            return Exclusion(utterance, "label-unknown", f"{name}: {value!r}; {_allowed(label)}")
        row[name] = settled
    if all(row[name] is None for name in card.labels):
        return Exclusion(utterance, "label-missing", f"no {' nor '.join(card.labels)} is given")
    return row


def _settle_label(label: Label, value: str) -> str | float | None:
    """A label's value; None where the card does not allow it."""
    if label.kind == "class":
        return value if value in label.values or not label.values else None
    try:
        number = float(value)
    except ValueError:
        return None
    low = float("-inf") if label.low is None else label.low
    high = float("inf") if label.high is None else label.high
    return number if low <= number <= high else None


def _allowed(label: Label) -> str:
    if label.kind == "class":
        return f"the card allows {', '.join(label.values)}"
    return f"the card allows numbers from {label.low} to {label.high}"


def _split(card: CorpusCard, utterance: str, value: str) -> str:
    if value.lower() not in SPLITS:
        raise CorpusError(
            f"{card.id}: {utterance}: split: {value!r} is not allowed. Allowed: train, "
            "development, test; map other words in the card's reader.options.values.split."
        )
    return SPLITS[value.lower()]


def _time(card: CorpusCard, utterance: str, column: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise CorpusError(
            f"{card.id}: {utterance}: {column}: {value!r} is no number of seconds."
        ) from None


def contradiction(utterance: str, name: str, one: object, other: object) -> Exclusion:
    """An utterance for which two places of a corpus give different labels."""
    return Exclusion(utterance, "label-unknown", f"{name}: {one} in one place, {other} in another")
