"""What is wrong with a card, in words: file, key, what was given, what is allowed."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

# What is allowed, by pydantic's name of the fault.
_ALLOWED = {
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "float_type": "a number",
    "int_type": "a whole number",
    "model_type": "a mapping of keys to values",
    "string_type": "text (put a number or a truth value in quotes)",
    "string_too_short": "text that is not empty",
    "too_short": "at least {min_length} of them",
    "tuple_type": "a list",
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number less than {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "finite_number": "a finite number",
}
PATTERNS = {
    r"^[a-z0-9][a-z0-9.+-]*$": "lower-case letters, digits, '.', '+' and '-'; a letter or digit "
    "comes first",
    r"^[0-9a-f]{64}$": "a sha256: 64 hexadecimal digits in lower case",
    r"^[0-9a-f]{40}$": "a full commit hash: 40 hexadecimal digits in lower case",
}


class WrongKeyError(ValueError):
    """What a validator of a part finds wrong with one of its keys.

    Args:
        key: the key, as in the card.
        words: what was given and what is allowed, without a full stop.
    """

    def __init__(self, key: str, words: str):
        super().__init__(words)
        self.key = key


def explain(error: ValidationError, model: type[BaseModel], where: Path | str) -> str:
    """One line per fault, each beginning with ``where``."""
    faults = error.errors(include_url=False)
    lines: dict[tuple[Any, ...], list[str]] = {}  # by key, so that branches of a union meet
    for fault in faults:
        kind, location = fault["type"], fault["loc"]
        if location[-1:] == ("[key]",) and kind != "extra_forbidden":
            location = location[:-1]  # a key that is not allowed is named already
        # A list whose entries are all wrong is then also called too short.
        if kind == "too_short" and any(
            other["loc"][: len(location)] == location != other["loc"] for other in faults
        ):
            continue
        key, leaves = _follow(model, location)
        if isinstance(raised := fault.get("ctx", {}).get("error"), WrongKeyError):
            key.append(raised.key)
        if kind in ("union_tag_invalid", "union_tag_not_found"):
            key.append("source")
            leaves = [Literal[tuple(tag for leaf in leaves for tag in _tags(leaf))]]
        lines.setdefault(tuple(key), []).append(_in_words(fault, key, leaves, model))
    return "\n".join(
        ": ".join([str(where), *([_dotted(key)] if key else []), _merged(words)])
        for key, words in lines.items()
    )


def _in_words(fault: Any, key: list[Any], leaves: list[Any], model: type[BaseModel]) -> str:
    kind, given, context = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "value_error":  # from a validator of ours
        return f"{context['error']}."
    if kind == "extra_forbidden":
        _, holders = _follow(model, fault["loc"][:-1])
        allowed = sorted({name for holder in holders for name in holder.model_fields})
        return f"unknown key.{_hint(key[-1], allowed)} Allowed: {', '.join(allowed)}."
    literals = [value for leaf in leaves for value in _literals(leaf)]
    if kind in ("missing", "union_tag_not_found"):
        choice = f" Allowed: {', '.join(map(str, literals))}." if literals else ""
        return f"missing; this key is required.{choice}"
    if kind == "union_tag_invalid":
        given = context["tag"]
    if literals:
        choice = ", ".join(map(str, literals))
        return f"{_short(given)} is not allowed.{_hint(given, literals)} Allowed: {choice}."
    allowed = PATTERNS.get(context.get("pattern", ""), _ALLOWED.get(kind, ""))
    if not allowed:
        return f"{_short(given)} is not allowed: {fault['msg']}."
    return f"{_short(given)} is not allowed. Allowed: {allowed.format(**context)}."


def _dotted(key: tuple[Any, ...]) -> str:
    """A key as in ``weights.0.source``; a part that one would not see is quoted."""
    parts = map(str, key)
    return ".".join(part if re.fullmatch(r"\S(.*\S)?", part) else repr(part) for part in parts)


def _merged(words: list[str]) -> str:
    """Several faults of one value, as the branches of a union give them, in one line."""
    first, *others = dict.fromkeys(words)
    more = [other.partition(" Allowed: ")[2].rstrip(".") for other in others]
    return "; or ".join([first.rstrip("."), *more]) + "."


def _hint(given: Any, allowed: list[Any]) -> str:
    close = get_close_matches(str(given).lower(), [str(one) for one in allowed], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _short(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 80 else text[:77] + "..."


def _follow(model: type[BaseModel], location: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """Follow a fault's location through a model.

    Returns:
        The location as a card's author writes it, without pydantic's names of union branches, and
        the types that may stand there.
    """
    key: list[Any] = []
    leaves: list[Any] = [model]
    for part in location:
        branch = [leaf for leaf in leaves if part in _tags(leaf) or _name(leaf) == part]
        if branch and len(leaves) > 1:
            leaves = branch
        else:
            key.append(part)
            leaves = [inner for leaf in leaves for inner in _inside(leaf, part)]
    return key, leaves


def _inside(leaf: Any, part: Any) -> Iterator[Any]:
    """The types that may stand under a key or at an index of a type."""
    if _is_model(leaf):
        if part in leaf.model_fields:
            yield from _leaves(leaf.model_fields[part].annotation)
    elif get_origin(leaf) in (dict, tuple):
        yield from _leaves(get_args(leaf)[1 if get_origin(leaf) is dict else 0])


def _leaves(annotation: Any) -> Iterator[Any]:
    """The alternatives of an annotation."""
    if get_origin(annotation) is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for alternative in get_args(annotation):
            yield from _leaves(alternative)
    elif annotation is not NoneType:
        yield annotation


def _tags(leaf: Any) -> tuple[Any, ...]:
    """The values of ``source`` by which a part is picked from a tagged union."""
    if not _is_model(leaf) or "source" not in leaf.model_fields:
        return ()
    return get_args(leaf.model_fields["source"].annotation)


def _literals(leaf: Any) -> tuple[Any, ...]:
    return get_args(leaf) if get_origin(leaf) is Literal else ()


def _name(leaf: Any) -> str | None:
    return leaf.__name__ if isinstance(leaf, type) and not _is_model(leaf) else None


def _is_model(leaf: Any) -> bool:
    return isinstance(leaf, type) and issubclass(leaf, BaseModel)
