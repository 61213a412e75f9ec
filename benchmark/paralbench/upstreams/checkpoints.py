"""Checkpoint folders as transformers saves them, read as data and nothing else.

``config.json`` (and ``preprocessor_config.json``) with ``model.safetensors``, or its shards, or
``pytorch_model.bin`` through torch's ``weights_only`` loader. Nothing in such a folder is ever
run: no ``auto_map``, no adapter, no pickle that holds more than tensors.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from paralbench.errors import WeightsError
from paralbench.upstreams.fingerprint import files_sha256
from paralbench.upstreams.pickled import damaged, read_pickled

if TYPE_CHECKING:
    import torch

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
INDICES = tuple(f"{name}.index.json" for name in WEIGHTS)

# What checkpoints of speech recognisers hold beside the encoder.
RECOGNISER_PARTS = ("decoder.", "model.decoder.", "proj_out.")

_MOST_JSON_BYTES = 64 << 20
_OLD_NAMES = {  # how weight normalisation was saved before torch's parametrisations
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}

Rename = Callable[[str], str | None]


def read_config(folder: Path, models: Iterable[str], family: str) -> dict[str, Any]:
    """The folder's ``config.json``, if it is of one of the given model types.

    Raises:
        WeightsError: there is none, it is damaged, or of another architecture.
    """
    config = read_json(folder / CONFIG)
    given = config.get("model_type")
    if given not in (allowed := sorted(models)):
        raise WeightsError(
            f"{folder / CONFIG}: model_type {given!r} is not an architecture of the family "
            f"{family!r}. Allowed: {', '.join(allowed)}."
        )
    return config


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        WeightsError: the file is missing, too large to be one, or not a JSON object.
    """
    try:
        if file.stat().st_size > _MOST_JSON_BYTES:
            raise WeightsError(f"{file}: larger than any {file.name} is.")
        data = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise WeightsError(f"{file}: no such file; is this a folder of weights?") from None
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{file}: not readable as JSON: {error}.") from None
    if not isinstance(data, dict):
        raise WeightsError(f"{file}: a JSON object is expected, not {type(data).__name__}.")
    return data


def check_preprocessor(folder: Path, expected: Mapping[str, Any]) -> dict[str, Any]:
    """What the folder's preprocessor says, where there is one.

    Args:
        folder: of a checkpoint.
        expected: what the family computes; what the file does not state does not matter.

    Raises:
        WeightsError: it prepares waveforms otherwise; the message names what.
    """
    file = folder / PREPROCESSOR
    given = read_json(file) if file.is_file() else {}
    for name, value in expected.items():
        if given.get(name, value) != value:
            raise WeightsError(f"{file}: {name} is {given[name]!r}; only {value!r} is supported.")
    return given


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the folder's tensors: safetensors first, then ``.bin``; shards in order.

    Raises:
        WeightsError: there is none, or a shard that the index names is missing.
    """
    for whole, index in zip(WEIGHTS, INDICES, strict=True):
        if (folder / whole).is_file():
            return [folder / whole]
        if (folder / index).is_file():
            return [folder / name for name in shard_names(folder / index)]
    raise WeightsError(f"{folder}: holds none of {', '.join(WEIGHTS)}, nor their shards.")


def shard_names(index: Path) -> list[str]:
    """The base names of the shards that an index file names, sorted.

    Raises:
        WeightsError: the index is damaged, names a file elsewhere, or one that is missing.
    """
    where = read_json(index).get("weight_map")
    if not isinstance(where, dict) or not where:
        raise WeightsError(f"{index}: names no shards (weight_map).")
    names = sorted({str(name) for name in where.values()})
    outside = [name for name in names if PurePosixPath(name).name != name or "\\" in name]
    if outside:
        raise WeightsError(f"{index}: names files outside its folder: {', '.join(outside[:3])}.")
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise WeightsError(f"{index.parent}: shards are missing: {', '.join(missing[:5])}.")
    return names


def files_that_matter(folder: Path) -> list[Path]:
    """What determines a checkpoint's features: configuration and tensors, no read-me.

    Raises:
        WeightsError: the folder holds no weights.
    """
    configs = [folder / name for name in (CONFIG, PREPROCESSOR)]
    return [file for file in configs if file.is_file()] + weight_files(folder)


def read_tensors(folder: Path, rename: Rename) -> "dict[str, torch.Tensor]":
    """The tensors of a checkpoint folder, on the CPU, as saved.

    Args:
        folder: a folder with safetensors or ``.bin`` weights.
        rename: from a tensor's saved name to the model's, or None for one that is not wanted;
            what is not wanted is not read, where the format allows.

    Raises:
        WeightsError: a file is truncated or damaged, or a ``.bin`` holds more than tensors.
    """
    tensors: dict[str, torch.Tensor] = {}
    for file in weight_files(folder):
        read = _read_safetensors if file.suffix == ".safetensors" else _read_pickled
        tensors |= read(file, rename)
    return tensors


def _read_safetensors(file: Path, rename: Rename) -> "dict[str, torch.Tensor]":
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            names = {name: rename(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
            return {new: opened.get_tensor(old) for old, new in names.items() if new is not None}
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(file, error) from None


def _read_pickled(file: Path, rename: Rename) -> "dict[str, torch.Tensor]":
    import torch

    loaded = read_pickled(file)
    if not all(torch.is_tensor(one) for one in loaded.values()):
        raise WeightsError(f"{file}: not a plain mapping from names to tensors.")
    names = {name: rename(name) for name in loaded}
    return {new: loaded[old] for old, new in names.items() if new is not None}


def base_name(name: str, prefix: str) -> str:
    """A tensor's name in the bare encoder: without a task model's prefix, in today's spelling.

    Args:
        name: as saved, such as ``hubert.encoder.pos_conv_embed.conv.weight_g``.
        prefix: of the encoder inside task models, such as ``hubert``.
    """
    name = name.removeprefix(f"{prefix}.")
    for old, new in _OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def encoder_name(name: str) -> str | None:
    """A tensor's name in the encoder of a speech recogniser; None for other parts' tensors.

    Args:
        name: as saved, such as ``model.encoder.layers.0.fc1.weight``.
    """
    if name.startswith(RECOGNISER_PARTS):
        return None
    return base_name(name.removeprefix("model."), "encoder")


def weights_key(folder: Path) -> str:
    """The sha256 over all that determines a checkpoint's features.

    Raises:
        WeightsError: the folder holds no weights.
    """
    return files_sha256(files_that_matter(folder))
