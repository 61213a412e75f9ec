"""The settings of the generic readers, as a corpus card's ``reader.options`` gives them."""

import json
import re
from functools import cached_property
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator

from paralbench.cards.base import Part, Text
from paralbench.cards.corpus import CorpusCard
from paralbench.cards.faults import explain
from paralbench.corpora.columns import FIXED_COLUMNS
from paralbench.corpora.readers.files import AUDIO_SUFFIXES
from paralbench.errors import CardError


class _Options(Part):
    """What both generic readers know.

    Attributes:
        values: for a column, what its raw values mean: ``gender: {m: male, w: female}``; a raw
            value that is not named is taken as it is.
        constants: columns that are the same for every utterance: ``language: pl``.
        suffixes: the audio suffixes that count.
    """

    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    constants: dict[str, Text] = Field(default_factory=dict)
    suffixes: tuple[Text, ...] = AUDIO_SUFFIXES

    @classmethod
    def of(cls, card: CorpusCard) -> Self:
        """The options of a card.

        Raises:
            CardError: an option is unknown, missing or not allowed, or names no column.
        """
        where = f"{card.file or card.id}: reader.options"
        try:
            options = cls.model_validate_json(json.dumps(card.reader.options))
        except ValidationError as error:
            raise CardError(explain(error, cls, where)) from None
        allowed = allowed_columns(card)
        for key in ("values", "constants", "columns"):
            for name in getattr(options, key, {}):
                if name not in allowed:
                    raise CardError(
                        f"{where}: {key}: {name!r} is no column. Allowed: {', '.join(allowed)}."
                    )
        options.check(card, where)
        return options

    def check(self, card: CorpusCard, where: str) -> None:
        """Check what depends on the card's labels."""


class FilenameOptions(_Options):
    """Options of the reader ``filename``.

    Attributes:
        pattern: a regular expression for the path below the corpus folder, with forward slashes
            and without the suffix. It must match up to the end, from the beginning of a folder's
            or the file's name. Named groups become columns or labels.
    """

    pattern: Text

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The compiled pattern, free to begin at any folder."""
        flags = re.match(r"\(\?[aimsux]+\)", self.pattern)  # these must stay in front
        front = flags[0] if flags else ""
        return re.compile(f"{front}(?:.*/)?(?:{self.pattern[len(front) :]})")

    def check(self, card: CorpusCard, where: str) -> None:
        """Every group is a column, and every label has a group or a constant."""
        groups, allowed = self.expression.groupindex, allowed_columns(card)
        for name in groups:
            if name not in allowed:
                raise CardError(
                    f"{where}: pattern: the group {name!r} is neither a column nor a label of this "
                    f"card. Allowed: {', '.join(allowed)}; a part that is only to be matched goes "
                    "into (?:...)."
                )
        for label in card.labels:
            if label not in groups and label not in self.constants:
                raise CardError(
                    f"{where}: pattern: no group (?P<{label}>...) for the label {label!r}; the "
                    f"groups are {', '.join(groups) or 'none'}."
                )


class CsvOptions(_Options):
    r"""Options of the reader ``csv``.

    Attributes:
        file: the table, relative to the corpus folder.
        separator: between fields; a tab for ``.tsv`` files, else a comma, unless given.
        path: where a row's audio lies below the corpus folder: a column's name, or a text with
            columns in braces such as ``wav/{id}.wav``. The suffix may differ on disk.
        utterance: the row's id, a column or a text like ``path``; the path without suffix, and the
            times where there are any, unless given.
        columns: the manifest's column or label -> the table's column, where the names differ; an
            empty name where the table's column of that name is something else.
        quotes: whether ``"`` quotes a field, as spreadsheets write it.
        encoding: of the file.
    """

    file: Text
    separator: Text | None = None
    path: Text
    utterance: Text | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    quotes: bool = True
    encoding: Text = "utf-8-sig"  # reads UTF-8 with and without the mark that spreadsheets write

    @field_validator("separator")
    @classmethod
    def _one_character(cls, separator: str | None) -> str | None:
        if separator == "\\t":
            return "\t"
        if separator is not None and len(separator) != 1:
            raise ValueError("a separator is one character")
        return separator

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise ValueError(str(error)) from None
        return encoding


def allowed_columns(card: CorpusCard) -> tuple[str, ...]:
    """What a reader may fill: the manifest's columns and the card's labels."""
    fixed = [name for name in (*FIXED_COLUMNS, "transcript") if name != "path"]
    return tuple(dict.fromkeys([*fixed, *card.labels]))


def no_options(card: CorpusCard) -> None:
    """Refuse options for a reader that has none.

    Raises:
        CardError: the card gives some.
    """
    given: dict[str, Any] = dict(card.reader.options)
    if given:
        raise CardError(
            f"{card.file or card.id}: reader.options: the reader {card.reader.name!r} has none; "
            f"given: {', '.join(given)}."
        )
