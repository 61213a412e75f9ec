"""What every card has in common: frozen, typed, nothing unknown, errors that can be acted on."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PrivateAttr,
    StringConstraints,
    ValidationError,
)

from paralbench.cards.faults import PATTERNS, WrongKeyError, explain
from paralbench.errors import CardError

_ID, _SHA256, _COMMIT = PATTERNS

Id = Annotated[str, StringConstraints(pattern=_ID)]
Text = Annotated[str, StringConstraints(min_length=1)]
Sha256 = Annotated[str, StringConstraints(pattern=_SHA256)]
CommitHash = Annotated[str, StringConstraints(pattern=_COMMIT)]
Provenance = Literal["paper", "this project"]


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"{value!r} stands here twice")
    return values


EachOnce = AfterValidator(_each_once)


class Part(BaseModel):
    """A part of a card: immutable, and refusing keys that it does not declare."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Card(Part):
    """A card. Its id is its file's name, so the same word stands in card, table and command."""

    name: Text
    note: Text | None = None

    _id: str = PrivateAttr(default="")
    _file: Path | None = PrivateAttr(default=None)

    @property
    def id(self) -> str:
        """The card's id: its file name without the suffix."""
        return self._id

    @property
    def file(self) -> Path | None:
        """The file the card was read from."""
        return self._file

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the card start from."""
        return self._file.parent if self._file else Path.cwd()

    def content(self) -> dict[str, Any]:
        """The card as plain data, for keys and ``show``: id and every field."""
        return {"id": self.id, **self.model_dump(mode="json")}

    @classmethod
    def build(cls, data: dict[str, Any], *, id: str, file: Path | None = None) -> Self:
        """Validate plain data, as read from YAML, into a card.

        Raises:
            CardError: the id is not allowed, a key is unknown or missing or a value is not
                allowed; the message names file, key, value and what is allowed.
        """
        where = file or id
        if not re.fullmatch(_ID, id):
            raise CardError(
                f"{where}: the id {id!r} (a card's file name, or corpus and label of a task on a "
                f"corpus card) is not allowed. Allowed: {PATTERNS[_ID]}."
            )
        try:
            # JSON mode: strict about types, yet a YAML list may fill a tuple.
            card = cls.model_validate_json(json.dumps(data))
        except ValidationError as error:
            raise CardError(explain(error, cls, where)) from None
        except (TypeError, ValueError) as error:
            raise CardError(f"{where}: not plain data, as YAML or JSON hold it: {error}.") from None
        card._id, card._file = id, file
        return card


__all__ = [
    "Card",
    "CommitHash",
    "EachOnce",
    "Id",
    "Part",
    "Provenance",
    "Sha256",
    "Text",
    "WrongKeyError",
]
