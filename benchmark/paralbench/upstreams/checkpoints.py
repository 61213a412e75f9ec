"""Checkpoint folders as transformers saves them, read as data and nothing else.

``config.json`` (and ``preprocessor_config.json``) with ``model.safetensors``, or its shards, or
``pytorch_model.bin`` through torch's ``weights_only`` loader. Nothing in such a folder is ever
run: no ``auto_map``, no adapter, no pickle that holds more than tensors.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from paralbench.errors import WeightsError
from paralbench.upstreams.pickled import read_pickled

if TYPE_CHECKING:
    import torch

    from paralbench.cards import UpstreamCard

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
INDICES = tuple(f"{name}.index.json" for name in WEIGHTS)

_MOST_JSON_BYTES = 64 << 20
_LEFT_OUT = re.compile(
    "_.*|attn_implementation|auto_map|dtype|model_type|output_attentions|output_hidden_states"
    "|quantization_config|return_dict|torch_dtype"
).fullmatch
_OLD_NAMES = {  # how weight normalisation was saved before torch's parametrisations
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}

Model = TypeVar("Model", bound="torch.nn.Module")
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


def build_config(kind: Callable[..., Any], config: Mapping[str, Any], where: Path) -> Any:
    """A transformers configuration object from plain data.

    Keys that choose code, precision or the form of the output are left out: an
    ``attn_implementation``, for one, may name a hub's kernel that transformers would run.

    Raises:
        WeightsError: transformers refuses a value; the message names it.
    """
    from huggingface_hub.errors import StrictDataclassError

    try:
        return kind(**{key: config[key] for key in config if not _LEFT_OUT(key)})
    except (StrictDataclassError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"{where}: not a valid {kind.__name__}: {reason}") from None


def check_architecture(card: "UpstreamCard", config: Any, where: Path) -> None:
    """Refuse weights whose configuration says otherwise than the card.

    Raises:
        WeightsError: the message lists what differs.
    """
    plain = json.loads(json.dumps(config.to_dict()))
    differing = [
        f"{name} is {plain.get(name)!r}, the card says {value!r}"
        for name, value in card.architecture.items()
        if plain.get(name) != value
    ]
    if differing:
        raise WeightsError(
            f"{where}: of another architecture than {card.file or card.id}: "
            f"{'; '.join(differing[:8])}. Either the card or the weights are of another model."
        )


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
        raise _damaged(file, error) from None


def _read_pickled(file: Path, rename: Rename) -> "dict[str, torch.Tensor]":
    import torch

    loaded = read_pickled(file)
    if not all(torch.is_tensor(one) for one in loaded.values()):
        raise WeightsError(f"{file}: not a plain mapping from names to tensors.")
    names = {name: rename(name) for name in loaded}
    return {new: loaded[old] for old, new in names.items() if new is not None}


def _damaged(file: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"{file}: truncated or damaged ({_short(error)}). Delete it and fetch it again."
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


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


def build(
    kind: Callable[[Any], Model],
    config: Any,
    tensors: "Mapping[str, torch.Tensor]",
    *,
    where: Path,
    optional: tuple[str, ...] = (),
    stated_in: str = CONFIG,
) -> Model:
    """A model with exactly these tensors, in float32, on the CPU, for inference.

    Args:
        kind: the model's class or a function that makes it, called with ``config``.
        config: its configuration object.
        tensors: by the model's own names.
        where: the folder, for messages.
        optional: tensors that the model has but never reads at inference.
        stated_in: the file of that folder which states the configuration, for messages.

    Raises:
        WeightsError: tensors are missing, unknown, or of another shape; the message lists them.
    """
    import torch

    try:
        with torch.device("meta"):  # no memory and no time for weights that are replaced at once
            model = kind(config)
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{where / stated_in}: no {getattr(kind, '__name__', 'model')} can be built from it "
            f"({_short(error)})."
        ) from None
    wanted = model.state_dict()
    faults = [
        _listed("missing", (name for name in wanted if name not in tensors), optional),
        _listed("unknown", (name for name in tensors if name not in wanted), optional),
        _listed(
            "of another shape",
            (
                f"{name} {tuple(tensor.shape)} instead of {tuple(wanted[name].shape)}"
                for name, tensor in tensors.items()
                if name in wanted and tensor.shape != wanted[name].shape
            ),
        ),
    ]
    if any(faults):
        raise WeightsError(
            f"{where}: the weights do not fit {type(model).__name__} and its {stated_in}: "
            + "; ".join(fault for fault in faults if fault)
            + "."
        )
    state = dict(tensors) | {
        name: torch.zeros(like.shape) for name, like in wanted.items() if name not in tensors
    }
    state = {name: _in_float32(state[name]) for name in wanted}
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(False)


def _in_float32(tensor: "torch.Tensor") -> "torch.Tensor":
    return tensor.float() if tensor.is_floating_point() else tensor


def _listed(what: str, names: Iterable[str], but: tuple[str, ...] = ()) -> str:
    found = [name for name in names if name not in but]
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return f"{what}: {', '.join(found[:8])}{more}" if found else ""
