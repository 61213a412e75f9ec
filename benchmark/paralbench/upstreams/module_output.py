"""What users' modules may return, read into hidden states, with errors that say what is wrong."""

from typing import Any

import torch

from paralbench.errors import ParalbenchError
from paralbench.upstreams.base import HiddenStates

ACCEPTED = (
    "a tensor (batch, frames, dim) or (batch, layers, frames, dim), a list of layers (batch, "
    "frames, dim), a HiddenStates, or a pair of one of these and the valid frames (batch,); an "
    "embedding (batch, dim) becomes one frame by unsqueeze(1)"
)


def read_output(output: Any, lengths: torch.Tensor, name: str) -> HiddenStates:
    """What a module returned, as hidden states.

    Args:
        output: what the module returned, see :data:`ACCEPTED`.
        lengths: samples of each waveform; without valid frames they must all be the same.
        name: of the module, for messages.

    Raises:
        ParalbenchError: it has another form; the message says which there are.
    """
    frames = None
    if isinstance(output, HiddenStates):
        output, frames = list(output.layers), output.lengths
    elif isinstance(output, tuple) and len(output) == 2 and _is_vector(output[1]):
        output, frames = output
    if isinstance(output, HiddenStates):
        output = list(output.layers)
    if isinstance(output, torch.Tensor) and output.ndim == 4:
        output = list(output.unbind(1))
    layers = [output] if isinstance(output, torch.Tensor) else output
    if not isinstance(layers, list | tuple) or not layers:
        raise ParalbenchError(f"{name}: returned {_kind(output)}. Allowed: {ACCEPTED}.")
    for layer in layers:
        if not isinstance(layer, torch.Tensor) or layer.ndim != 3:
            raise ParalbenchError(f"{name}: returned {_kind(layer)}. Allowed: {ACCEPTED}.")
        if not layer.is_floating_point():
            raise ParalbenchError(f"{name}: hidden states are floats, not {layer.dtype}.")
        if layer.shape != layers[0].shape:
            raise ParalbenchError(
                f"{name}: layers of different shapes, {tuple(layers[0].shape)} and "
                f"{tuple(layer.shape)}; return layers of one shape."
            )
    if layers[0].shape[0] != len(lengths) or 0 in layers[0].shape:
        raise ParalbenchError(
            f"{name}: returned layers {tuple(layers[0].shape)} for {len(lengths)} waveforms of "
            f"{lengths.tolist()} samples; the form is (batch, frames, dim), with at least one "
            "frame. Raise min_samples if the waveform is too short for the module."
        )
    return HiddenStates(list(layers), _valid_frames(frames, layers[0], lengths, name))


def _valid_frames(
    frames: torch.Tensor | None, layer: torch.Tensor, lengths: torch.Tensor, name: str
) -> torch.Tensor:
    batch, most = layer.shape[:2]
    if frames is None:
        if len(set(lengths.tolist())) > 1:
            raise ParalbenchError(
                f"{name}: must return the valid frames (batch,) beside the hidden states, to be "
                "given waveforms of unequal lengths; or use batching='single'."
            )
        return torch.full((batch,), most, dtype=torch.int64, device=layer.device)
    whole = not frames.is_floating_point() and not frames.is_complex()
    if not whole or frames.shape != (batch,) or frames.min() < 1 or frames.max() > most:
        raise ParalbenchError(
            f"{name}: valid frames {frames.tolist()} ({frames.dtype}); they are {batch} whole "
            f"numbers from 1 to {most}, the frames returned."
        )
    return frames.to(dtype=torch.int64, device=layer.device)


def _is_vector(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim == 1


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
