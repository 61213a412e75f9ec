"""What every card has in common: frozen, typed, nothing unknown, errors that can be acted on."""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, ValidationError

from paralbench.errors import CardError

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]*$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
CommitHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Provenance = Literal["paper", "this project"]


class Part(BaseModel):
    """A part of a card: immutable, and refusing keys that it does not declare."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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
            CardError: a key is unknown or missing or a value is not allowed; the message names
                file, key, value and what is allowed.
        """
        try:
            # JSON mode: strict about types, yet a YAML list may fill a tuple.
            card = cls.model_validate_json(json.dumps(data, default=str))
        except ValidationError as error:
            raise CardError(explain(error, cls, file or id)) from None
        card._id, card._file = id, file
        return card


def explain(error: ValidationError, model: type[BaseModel], where: Path | str) -> str:
    """One line per fault: file, key, what was given, what is allowed."""
    lines = []
    faults = error.errors(include_url=False)
    for fault in faults:
        inner = [other["loc"] for other in faults if len(other["loc"]) > len(fault["loc"])]
        if any(loc[: len(fault["loc"])] == fault["loc"] for loc in inner):
            continue  # only echoes the fault inside it
        location = _without_union_tags(fault["loc"], model)
        key = ".".join(str(part) for part in location) or "(the whole card)"
        given, kind = fault["input"], fault["type"]
        if kind == "extra_forbidden":
            allowed = _allowed_keys(model, fault["loc"][:-1])
            close = get_close_matches(str(location[-1]), allowed, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            lines.append(f"{where}: {key}: unknown key.{hint} Allowed: {', '.join(allowed)}.")
        elif kind == "missing":
            lines.append(f"{where}: {key}: missing; this key is required.")
        else:
            lines.append(f"{where}: {key}: {given!r} is not allowed: {fault['msg']}.")
    return "\n".join(lines)


def _without_union_tags(location: tuple[Any, ...], model: type[BaseModel]) -> list[Any]:
    """A fault's location without the names by which pydantic marks branches of a union."""
    kept: list[Any] = []
    models = [model]
    for part in location:
        tagged = [one for one in models if part in _tags(one)]
        if tagged:
            models = tagged
            continue
        kept.append(part)
        if isinstance(part, str):
            fields = [one.model_fields[part] for one in models if part in one.model_fields]
            models = [inner for field in fields for inner in _models_in(field.annotation)]
    return kept


def _allowed_keys(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys allowed at a location inside a card."""
    models = [model]
    for part in location:
        tagged = [one for one in models if part in _tags(one)]
        if tagged:
            models = tagged
        elif isinstance(part, str):
            fields = [one.model_fields[part] for one in models if part in one.model_fields]
            models = [inner for field in fields for inner in _models_in(field.annotation)]
    return sorted({name for one in models for name in one.model_fields})


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    """The literal values by which a model is picked from a tagged union."""
    field = model.model_fields.get("source")
    return get_args(field.annotation) if field else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


__all__ = [
    "Card",
    "CommitHash",
    "Field",
    "Id",
    "Part",
    "Provenance",
    "Sha256",
    "Text",
    "explain",
]
