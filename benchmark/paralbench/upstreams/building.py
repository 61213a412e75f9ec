"""From a configuration and tensors to a model, if they are of the architecture that a card states.

Nothing is loaded that does not fit: no tensor may be missing, unknown or of another shape.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from paralbench.cards import UpstreamCard
from paralbench.errors import WeightsError
from paralbench.upstreams.checkpoints import CONFIG

if TYPE_CHECKING:
    import torch

_LEFT_OUT = re.compile(
    "_.*|attn_implementation|auto_map|dtype|model_type|output_attentions|output_hidden_states"
    "|quantization_config|return_dict|torch_dtype"
).fullmatch

Model = TypeVar("Model", bound="torch.nn.Module")


def configuration(
    kind: Callable[..., Any], data: Mapping[str, Any], card: UpstreamCard, folder: Path
) -> Any:
    """The transformers configuration object of a folder, if it is of the card's architecture.

    Args:
        kind: the configuration's class.
        data: what the folder's ``config.json`` holds.
        card: the upstream's.
        folder: for messages.

    Raises:
        WeightsError: transformers refuses a value, or the card says otherwise.
    """
    config = build_config(kind, data, folder / CONFIG)
    check_architecture(card, json.loads(json.dumps(config.to_dict())), folder / CONFIG)
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


def check_architecture(card: UpstreamCard, given: Mapping[str, Any], where: Path) -> None:
    """Refuse weights whose configuration says otherwise than the card.

    Args:
        card: the upstream's; what it does not state does not matter.
        given: the configuration, as plain data.
        where: the file it is from, for messages.

    Raises:
        WeightsError: the message lists what differs.
    """
    found = _differing(card.architecture, given)
    if found:
        raise WeightsError(
            f"{where}: of another architecture than {card.file or card.id}: "
            f"{'; '.join(found[:8])}. Either the card or the weights are of another model."
        )


def _differing(stated: Mapping[str, Any], given: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in stated.items():
        other = given.get(name)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            found += _differing(value, other, f"{prefix}{name}.")
        elif other != value or isinstance(other, bool) != isinstance(value, bool):
            found.append(f"{prefix}{name} is {other!r}, the card says {value!r}")
    return found


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


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
