"""Where each wav2vec 2.0-like architecture of transformers looks at padding, and its cure.

Relative errors of a mean-pooled utterance in a padded batch *with* its attention mask, measured on
models of base size, and what is done about it (the cures are in
:mod:`paralbench.upstreams.padding`; each was measured to bring the error below 1e-5):

- GroupNorm of the first convolution, every ``feat_extract_norm: group`` model (0.2 to 0.6):
  statistics over valid frames.
- data2vec's stack of positional convolutions (0.04): padded frames are zeroed before each.
- Conformer's depthwise convolutions (0.13), which see what the layer norm before them makes of
  padded frames: padded frames are zeroed before each.
- SEW and SEW-D halve the frame rate before the transformer. An utterance alone of an odd number of
  frames loses the last; in a padded batch transformers keeps it, half of it padding, and attends
  to it: the layers get a mask that counts whole frames.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from paralbench.upstreams.padding import (
    ValidFrames,
    ValidNorm,
    attention_mask,
    zero_padding_before,
)

SQUEEZED = ("sew", "sew-d")  # pool over time before the transformer


def valid_frames(config: Any) -> ValidFrames:
    """The valid frames of a model's front end; pooling counts as one more convolution."""
    pooling = [config.squeeze_factor] if config.model_type in SQUEEZED else []
    return ValidFrames([*config.conv_kernel, *pooling], [*config.conv_stride, *pooling])


def make_exact(model: Any, frames: ValidFrames) -> None:
    """Apply the cures to a bare encoder, in place, and fold weight normalisation.

    Args:
        model: of one of the wav2vec2-like family's architectures.
        frames: :func:`valid_frames` of its configuration.
    """
    squeezed = model.config.model_type in SQUEEZED
    for index, layer in enumerate(model.feature_extractor.conv_layers):
        if isinstance(norm := getattr(layer, "layer_norm", None), nn.GroupNorm):
            layer.layer_norm = ValidNorm(norm, frames, index)
    for module in list(model.encoder.pos_conv_embed.modules()):
        if isinstance(module, nn.Conv1d):
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")
            if not squeezed:  # these convolve before pooling, and transformers zeroes for them
                zero_padding_before(module, frames)
    match model.config.model_type:
        case "wav2vec2-conformer":
            _mend_conformer(model, frames)
        case "sew":
            for layer in model.encoder.layers:
                _mask_keys(layer, frames)
        case "sew-d":
            _mask_pooled(model.encoder.encoder, frames)


def forget_positions(model: Any) -> None:
    """Drop a table of positions that transformers keeps without regard to precision or device."""
    positions: Any = getattr(model.encoder, "embed_positions", None)
    if hasattr(positions, "cached_sequence_length"):
        positions.cached_sequence_length = None
        positions.cached_rotary_positional_embedding = None


def restore_positions(model: Any) -> None:
    """Compute a Conformer's table of positions again, if it was built without memory.

    No checkpoint holds it, so loading one leaves it without values.
    """
    positions: Any = model.encoder.embed_positions
    if positions is not None and any(buffer.is_meta for buffer in positions.buffers()):
        model.encoder.embed_positions = type(positions)(model.config)


def _mend_conformer(model: Any, frames: ValidFrames) -> None:
    """Let depthwise convolutions see zeros in padded frames."""
    restore_positions(model)
    for layer in model.encoder.layers:
        zero_padding_before(layer.conv_module.depthwise_conv, frames)


def _mask_keys(layer: nn.Module, frames: ValidFrames) -> None:
    """Let a SEW layer attend to whole valid frames only."""

    def before(
        _module: nn.Module, inputs: tuple[torch.Tensor, ...], named: dict[str, Any]
    ) -> tuple[tuple[torch.Tensor, ...], dict[str, Any]]:
        if frames.mask is None:
            return inputs, named
        states = inputs[0]
        mask = attention_mask(frames.mask, states.dtype)
        # Every query has its row: that form is taken by all of transformers' attentions.
        return inputs, named | {"attention_mask": mask.expand(-1, 1, states.shape[1], -1)}

    layer.register_forward_pre_hook(before, with_kwargs=True)


def _mask_pooled(transformer: nn.Module, frames: ValidFrames) -> None:
    """Let SEW-D's transformer attend to whole valid frames only."""

    def before(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        if frames.mask is None:
            return inputs
        states, _, *others = inputs
        return (states, frames.mask.long(), *others)

    transformer.register_forward_pre_hook(before)
