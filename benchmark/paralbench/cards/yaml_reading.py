"""YAML as people mean it: the 1.2 core schema instead of PyYAML's 1.1 surprises.

In YAML 1.1, as PyYAML reads it, ``no`` is False, ``1e-4`` is a string, ``010`` is eight and a
repeated key silently wins. Here ``no`` and ``010`` are strings, ``1e-4`` is a number and a
repeated key is an error.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from paralbench.errors import CardError

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """A safe loader with the resolvers of the 1.2 core schema."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}

    def construct_mapping(self, node, deep=False):
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands here twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


_resolve("bool", r"^(?:true|false)$", "tf")
_resolve("null", r"^(?:~|null|)$", "~n")
_Loader.yaml_implicit_resolvers.setdefault("", []).append(
    ("tag:yaml.org,2002:null", re.compile(r"^$"))
)
_resolve("int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789")
_resolve(
    "float",
    r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$",
    "-0123456789",
)


def _number(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def read_yaml(file: Path) -> dict[str, Any]:
    """Read one card file into plain data.

    Raises:
        CardError: the file cannot be read, is no YAML, or is not a mapping.
    """
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (safe)
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"{file}: cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise CardError(f"{file}{line}: not valid YAML: {problem}.") from None
    if not isinstance(data, dict):
        raise CardError(f"{file}: a card is a mapping of keys to values, not {data!r}.")
    return data
