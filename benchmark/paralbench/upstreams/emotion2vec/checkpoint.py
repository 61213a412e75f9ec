"""emotion2vec's checkpoint as its authors publish it: ``config.yaml`` beside one ``.pt`` file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from paralbench.errors import WeightsError
from paralbench.upstreams.pickled import read_pickled

if TYPE_CHECKING:
    import torch

CONFIG = "config.yaml"
WEIGHTS = "emotion2vec_base.pt"

_AUDIO = "modality_encoders.AUDIO."
# Tensors that give no features: the decoder of the pre-training, its teacher, and the classifier
# of fine-tuned checkpoints. Anything else unknown is an error.
LEFT_OUT = (f"{_AUDIO}decoder.", "_ema", "proj.")

_PARTS = {"qkv.": "attn.qkv.", "out.": "attn.proj.", "fc1.": "mlp.fc1.", "fc2.": "mlp.fc2."}


def published_name(name: str, prenet: int) -> str:
    """The published name of a tensor of :class:`~.network.Network`.

    Args:
        name: the network's.
        prenet: blocks of the audio encoder; the network counts the main blocks after them.
    """
    first, _, rest = name.partition(".")
    number, _, last = rest.partition(".")
    match first:
        case "convolutions":
            return f"{_AUDIO}local_encoder.conv_layers.{number}.0.{last}"
        case "convolution_norms":
            return f"{_AUDIO}local_encoder.conv_layers.{number}.2.1.{last}"
        case "feature_norm":
            return f"{_AUDIO}project_features.1.{rest}"
        case "projection":
            return f"{_AUDIO}project_features.2.{rest}"
        case "positions":  # in the owners' stack, number 0 transposes
            return f"{_AUDIO}relative_positional_encoder.{int(number) + 1}.0.{last}"
        case "norm":
            return f"{_AUDIO}context_encoder.norm.{rest}"
        case "blocks":
            for ours, theirs in _PARTS.items():
                last = last.replace(ours, theirs)
            if int(number) < prenet:
                return f"{_AUDIO}context_encoder.blocks.{number}.{last}"
            return f"blocks.{int(number) - prenet}.{last}"
    return f"{_AUDIO}{name}"


def read_config(folder: Path) -> dict[str, Any]:
    """The ``model_conf`` of the folder's ``config.yaml``.

    Raises:
        WeightsError: the file is missing, no YAML, or of another model.
    """
    file = folder / CONFIG
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(
            f"{file}: no such file. It is published beside the checkpoint; put it there."
        ) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise WeightsError(f"{file}: not readable as YAML: {error}.") from None
    settings = content.get("model_conf") if isinstance(content, Mapping) else None
    if not isinstance(settings, Mapping) or content.get("model") != "Emotion2vec":
        raise WeightsError(f"{file}: not the configuration of an emotion2vec (model, model_conf).")
    return {name: _number(value) for name, value in settings.items()}


def _number(value: Any) -> Any:
    """YAML 1.1 reads ``1e-05`` as a string; here it is the number that it is."""
    if isinstance(value, Mapping):
        return {name: _number(one) for name, one in value.items()}
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def read_tensors(file: Path, names: Mapping[str, str]) -> "dict[str, torch.Tensor]":
    """The checkpoint's tensors, without those that are left out.

    Args:
        file: the checkpoint, with the tensors under ``model``.
        names: from published names to the network's; another name is kept, in quotes.

    Raises:
        WeightsError: the file is damaged, holds code, or no ``model``.
    """
    import torch

    loaded = read_pickled(file)  # the published file holds plain data alone
    state = loaded.get("model")
    if not isinstance(state, Mapping) or not all(map(torch.is_tensor, state.values())):
        raise WeightsError(
            f"{file}: holds no tensors under 'model': not an emotion2vec checkpoint."
        )
    tensors = {}
    for name, tensor in state.items():
        plain = name.removeprefix("d2v_model.")  # so in the fine-tuned checkpoints
        if not plain.startswith(LEFT_OUT):
            tensors[names.get(plain, repr(name))] = tensor  # quoted: none of the network's
    return tensors
