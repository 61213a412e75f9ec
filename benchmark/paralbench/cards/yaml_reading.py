"""YAML as people mean it: the 1.2 core schema instead of PyYAML's 1.1 surprises.

In YAML 1.1, as PyYAML reads it, ``no`` is False, ``1e-4`` is a string, ``010`` is eight, ``12:30``
is 750 and a repeated key silently wins. Here ``no``, ``010`` and ``12:30`` are strings, ``1e-4`` is
a number and a repeated key is an error. Keys are always strings. Tags, aliases and numbers that
are not finite are refused: a card is plain data that reads the same everywhere.
"""

import math
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from paralbench.errors import CardError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"


class _Loader(_Base):
    """A safe loader with the resolvers of the 1.2 core schema, and constructors for no more."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {}
    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        tag: constructor
        for tag, constructor in _Base.yaml_constructors.items()
        if tag is None or tag in [_TAG + name for name in ("str", "null", "seq", "map")]
    }

    def construct_mapping(self, node, deep=False):
        """Build a dict whose keys are strings, each of them once."""
        if not isinstance(node, yaml.MappingNode):
            raise _problem("this is no mapping", node)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _problem("a key is one word or text, not a list or a mapping", key)
            if key.value in seen:
                raise _problem(f"the key {key.value!r} stands here twice", key)
            seen.add(key.value)
            key.tag = _TAG + "str"  # a class called 1 or true is meant as it is written
        return super().construct_mapping(node, deep=deep)


def _problem(what: str, node: Any) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, node.start_mark)


def _resolve(name: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(_TAG + name, re.compile(f"^(?:{pattern})$"), [*first] or [""])


# The core schema but for two forms that people do not mean as decimal numbers: a leading zero
# (010 is an id or a trap, not ten) and the prefixes 0x and 0o.
_WHOLE = r"[-+]?(?:0|[1-9][0-9]*)"
_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("null", "~|null|Null|NULL", "~nN")
_resolve("null", "", "")
_resolve("int", _WHOLE, "-+0123456789")
_resolve(
    "float",
    rf"{_WHOLE}(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "-+.0123456789",
)


def _boolean(loader: Any, node: Any) -> bool:
    return {"true": True, "false": False}[loader.construct_scalar(node).lower()]


def _integer(loader: Any, node: Any) -> int:
    return int(loader.construct_scalar(node))


def _number(loader: Any, node: Any) -> float:
    number = float(
        loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan")
    )
    if not math.isfinite(number):
        raise _problem(f"{node.value} is no finite number", node)
    return number


_Loader.add_constructor(_TAG + "bool", _boolean)
_Loader.add_constructor(_TAG + "int", _integer)
_Loader.add_constructor(_TAG + "float", _number)


def read_yaml(file: Path) -> dict[str, Any]:
    """Read one card file into plain data.

    Returns:
        A mapping of strings to strings, booleans, integers, finite floats, None, lists and
        mappings of these.

    Raises:
        CardError: the file cannot be read, is no such YAML, or is not a mapping.
    """
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"{file}: cannot be read as UTF-8 text: {error}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise CardError(f"{file}{line}: not valid YAML: {problem}.") from None
    except (ValueError, KeyError) as error:  # a tag of ours on a text that does not fit it
        raise CardError(f"{file}: a tag (!!) does not fit its value: {error}.") from None
    if not isinstance(data, dict):
        given = "empty" if data is None else f"{data!r}"
        raise CardError(f"{file}: a card is a mapping of keys to values; this is {given}.")
    _refuse_aliases(data, set(), file)
    return data


def _refuse_aliases(value: Any, seen: set[int], file: Path) -> None:
    """Refuse a list or mapping that stands in two places: it may even contain itself."""
    if not isinstance(value, dict | list):
        return
    if id(value) in seen:
        raise CardError(f"{file}: aliases (*name) are not allowed in a card; write it out.")
    seen.add(id(value))
    for inner in value.values() if isinstance(value, dict) else value:
        _refuse_aliases(inner, seen, file)
