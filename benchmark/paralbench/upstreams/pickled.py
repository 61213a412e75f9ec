"""Old checkpoints that hold more than tensors, such as fairseq's and s3prl's, read as data.

torch's ``weights_only`` loader runs nothing, and refuses every class that it was not told of. Files
of 2019 to 2022 name some: their training arguments are an ``argparse.Namespace``, their counters
``fairseq.meters.AverageMeter``. Allowing such a class by torch's own means would import it. Here,
what is allowed is a *name*: in place of the class stands a :class:`StandIn` that keeps what the
file gives it and does nothing, so that no allowed name can make a file run code.

A name that nobody foresaw can be allowed for one machine, after a look at what it is:
``PARALBENCH_ALLOW_GLOBALS=some.module.Class,another.Class``.
"""

import os
import pickle
import re
import struct
import warnings
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from paralbench.errors import WeightsError

VARIABLE = "PARALBENCH_ALLOW_GLOBALS"

NAMESPACE = ("argparse.Namespace",)
# What fairseq's trainer kept beside the weights until 2020, as counters of its progress.
FAIRSEQ_METERS = tuple(
    f"fairseq.{module}.{name}"
    for module in ("meters", "logging.meters")
    for name in ("AverageMeter", "MetersDict", "StopwatchMeter", "TimeMeter")
)
NUMPY = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype")
OMEGACONF = (
    "builtins.bool",
    "builtins.dict",
    "builtins.float",
    "builtins.int",
    "builtins.list",
    "builtins.str",
    "collections.defaultdict",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "omegaconf.nodes.BooleanNode",
    "omegaconf.nodes.EnumNode",
    "omegaconf.nodes.FloatNode",
    "omegaconf.nodes.IntegerNode",
    "omegaconf.nodes.StringNode",
    "typing.Any",
)

_MAPPINGS = ("collections.defaultdict",)  # the loader fills nothing but plain mappings
_DEEPEST = 64
_REFUSED = re.compile(r"GLOBAL ([\w.]+)")
_BLOCKED = ("nt", "os", "posix", "sys")  # modules that torch refuses whatever is allowed


class StandIn:
    """An object of a class that was not imported: its arguments and its state, and no behaviour.

    Attributes:
        called_with: what its class was called with.
    """

    called_with: tuple[Any, ...]

    def __new__(cls, *arguments: Any):
        """Keep the arguments, whatever they are."""
        made = super().__new__(cls)
        made.__dict__["called_with"] = arguments
        return made

    def __init__(self, *arguments: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        """Keep the state: attributes where it is a mapping, else under ``state``."""
        self.__dict__.update(state if isinstance(state, dict) else {"state": state})


def read_pickled(file: Path, *, allow: Iterable[str] = ()) -> dict[Any, Any]:
    """The mapping that a checkpoint file holds; no code of the file is run, no class imported.

    Args:
        file: as ``torch.save`` wrote it, in the zip layout or the one before.
        allow: dotted names of classes that the file may hold beside tensors and plain data; their
            objects are read as :class:`StandIn`. ``$PARALBENCH_ALLOW_GLOBALS`` adds to them.

    Returns:
        The file's content, on the CPU; :func:`plain` makes plain data of its stand-ins.

    Raises:
        WeightsError: the file is missing, truncated or damaged, names a class that is not
            allowed, or holds no mapping.
    """
    import torch

    if not file.is_file():
        raise WeightsError(f"{file}: no such file; is this the folder of its weights?")
    names = dict.fromkeys((*allow, *_allowed_here()))
    try:
        with (
            torch.serialization.safe_globals([(_stand_in(name), name) for name in names]),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            loaded = torch.load(
                file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file)
            )
    except pickle.UnpicklingError as error:
        raise _refused(file, error) from None
    except (
        AssertionError,
        AttributeError,
        EOFError,
        LookupError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:
        raise damaged(file, error) from None
    if not isinstance(loaded, dict):
        raise WeightsError(
            f"{file}: holds a {type(loaded).__name__}; a checkpoint is a mapping from names."
        )
    return loaded


def plain(value: Any, *, where: Path, depth: int = 0) -> Any:
    """Configurations as plain data: mappings, lists, numbers, strings; tensors stay as they are.

    Namespaces become mappings of their attributes, omegaconf's containers what they contain, and
    other stand-ins mappings of what was kept of them.

    Args:
        value: from :func:`read_pickled`.
        where: the file, for messages.
        depth: how deep it lies.

    Raises:
        WeightsError: it is nested deeper than any configuration, or contains itself.
    """
    if depth > _DEEPEST:
        raise WeightsError(
            f"{where}: a configuration in it is nested too deep, or contains itself."
        )
    if isinstance(value, StandIn | Namespace):
        held = {name: one for name, one in vars(value).items() if name != "called_with"}
        if type(value).__name__.startswith("omegaconf."):
            held = held.get("_content", held.get("_val"))
        elif getattr(value, "called_with", ()):
            held = {"called_with": list(value.called_with), **held}
        return plain(held, where=where, depth=depth + 1)
    if isinstance(value, Mapping):
        return {key: plain(one, where=where, depth=depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one, where=where, depth=depth + 1) for one in value]
    return value


def _allowed_here() -> list[str]:
    given = os.environ.get(VARIABLE, "")
    return [name for name in (one.strip() for one in given.split(",")) if name]


@cache
def _stand_in(name: str) -> Any:
    """What stands in for a class: one class of its own, so that objects can be told apart."""
    if name in _MAPPINGS:
        return _mapping
    return type(name, (StandIn,), {})


def _mapping(*_arguments: Any) -> OrderedDict[Any, Any]:
    return OrderedDict()


def _refused(file: Path, error: pickle.UnpicklingError) -> WeightsError:
    """Say which class is refused, and how it could be allowed; or that the file is damaged."""
    import torch

    found = set(_REFUSED.findall(str(error)))
    if not found:
        return damaged(file, error)
    if zipfile.is_zipfile(file):  # in this layout all of them can be listed at once
        found |= set(torch.serialization.get_unsafe_globals_in_checkpoint(file))
    names = sorted((found - set(_allowed_here())) or found)
    told = (
        f"{file}: refused, because it holds more than tensors and plain data: {','.join(names)}. "
        "Nothing of it was run."
    )
    if any(name.rpartition(".")[0] in _BLOCKED for name in found):
        return WeightsError(f"{told} No checkpoint needs the operating system: do not trust it.")
    return WeightsError(
        f"{told} If you know what it is, {VARIABLE}={','.join(names)} lets it be read as inert "
        "data."
    )


def damaged(file: Path, error: Exception) -> WeightsError:
    """What to say of a file that a reader could not make sense of."""
    reason = " ".join(str(error).split())[-200:] or type(error).__name__
    return WeightsError(f"{file}: truncated or damaged ({reason}). Delete it and fetch it again.")
