"""A user's own torch module, or any callable, as an upstream.

The module is called as ``module(waveforms, lengths)`` with ``(batch, samples)`` float32 at 16 kHz
and ``(batch,)`` int64, and returns one of: a tensor ``(batch, frames, dim)`` or ``(batch, layers,
frames, dim)``, a list of layers ``(batch, frames, dim)``, a :class:`HiddenStates`, or a pair of any
of these and the valid frames of each utterance ``(batch,)``.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch

from paralbench.errors import ParalbenchError
from paralbench.upstreams.base import SAMPLE_RATE, Batching, HiddenStates
from paralbench.upstreams.functionals import key_of
from paralbench.upstreams.module_output import read_output
from paralbench.upstreams.probing import (
    fingerprint,
    noise,
    padding_error,
    relative_difference,
    tensors_sha256,
)

PADDING_TOLERANCE = 1e-5  # relative L2 difference of time means, in fp32
REPEAT_TOLERANCE = 1e-4


class ModuleEncoder:
    """Adapts a module or callable; its layers and dimensions are found by running it once.

    A module is put into evaluation mode, and stays there.

    Waveforms are encoded one at a time, which is exact whatever the module does. With
    ``batching="any"`` padded batches are given to it, after :meth:`check_padding` has shown here
    that it handles them; it must then return the valid frames, because they cannot be told from
    ratios of lengths: a strided convolution rounds.

    The key covers the weights, the class's name, ``name``, ``key`` and a fingerprint of the
    hidden states of a second of noise, so that settings outside the weights, such as the layer
    that is returned, count too. A change that shows on no noise needs another ``key``.

    Args:
        module: a ``torch.nn.Module`` or a callable.
        name: what the tables call it; by default the class's or function's name.
        key: distinguishes callables without weights, and versions of the module's code.
        batching: ``single``, ``equal-length`` or ``any``.
        min_samples: the shortest waveform that gives a frame.
        window: seconds; longer waveforms are encoded in pieces.
        seed: of the noise.

    Raises:
        ParalbenchError: the module takes other arguments or returns something else, is not
            deterministic, not exact under the padding it claims to handle, or has neither weights
            nor a ``key``.
    """

    def __init__(
        self,
        module: torch.nn.Module | Callable[..., Any],
        name: str | None = None,
        *,
        key: str | None = None,
        batching: Batching = "single",
        min_samples: int = 400,
        window: float = 30.0,
        seed: int = 0,
    ):
        self.module, self.name = module, name or _name_of(module)
        self.batching: Batching = batching
        self.min_samples = min_samples
        self.window_samples = round(window * SAMPLE_RATE)
        self._device, self._dtype = torch.device("cpu"), torch.float32
        state: dict[str, torch.Tensor] = {}
        if isinstance(module, torch.nn.Module):
            module.eval()
            # What is no tensor, a state of its own making, shows in the fingerprint.
            found = module.state_dict().items()
            state = {name: one for name, one in found if isinstance(one, torch.Tensor)}
            floating = [one for one in module.parameters() if one.is_floating_point()]
            if floating:
                self._device, self._dtype = floating[0].device, floating[0].dtype
        _check_signature(module, self.name)
        if not state and not key:
            raise ParalbenchError(
                f"{self.name}: has no weights to tell it by; give key='...', a word that changes "
                "whenever its features do."
            )
        self._shape: tuple[int, int] | None = None
        probe = self._probe(seed)
        self.n_layers, self.dim = self._shape = len(probe.layers), probe.layers[0].shape[2]
        shortest = [one.to(self._device) for one in noise((min_samples,), seed)]
        self._encode(*shortest)
        self.weights_key = key_of(
            family="module",
            name=self.name,
            type=f"{type(module).__module__}.{type(module).__qualname__}",
            key=key,
            window=self.window_samples,
            min_samples=min_samples,
            weights=tensors_sha256(state),
            fingerprint=fingerprint(probe),
        )
        if batching == "any":
            self.check_padding(seed=seed)

    def prepare(self, waveform: Any) -> Any:
        """The waveform as it is: normalising is the module's affair."""
        return waveform

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
        """Encode a batch, one waveform at a time where the batching asks for that.

        Raises:
            ParalbenchError: the module returns something else than it did at first.
        """
        together = self.batching == "any" or (
            self.batching == "equal-length" and len(set(lengths.tolist())) == 1
        )
        if together or len(lengths) == 1:
            return self._encode(waveforms[:, : int(lengths.max())], lengths)
        return _join(
            [
                self._encode(waveform[None, :length], lengths[index : index + 1])
                for index, (waveform, length) in enumerate(
                    zip(waveforms, lengths.tolist(), strict=True)
                )
            ]
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move a module to a device and a precision; a callable is left as it is."""
        if isinstance(self.module, torch.nn.Module):
            self.module.to(device=device, dtype=dtype)
            self._device, self._dtype = torch.device(device), dtype
        return self

    def check_padding(self, *, tolerance: float | None = PADDING_TOLERANCE, seed: int = 0) -> float:
        """How far the module's pooled features depend on what shares the batch.

        Args:
            tolerance: the largest difference that is allowed; None only measures.
            seed: of the noise that is encoded.

        Returns:
            The largest relative L2 difference (see :func:`padding_error`).

        Raises:
            ParalbenchError: the difference exceeds the tolerance, or the module returns no valid
                frames for waveforms of unequal lengths.
        """
        error = padding_error(self._encode, seed=seed, device=self._device)
        if tolerance is not None and not error <= tolerance:
            raise ParalbenchError(
                f"{self.name}: in a padded batch its time means differ by {error:.1e} (relative "
                f"L2) from those of the same waveforms alone; at most {tolerance:.0e} is allowed. "
                "Mask the padding inside the module, or use batching='single'."
            )
        return error

    @torch.inference_mode()
    def _encode(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> HiddenStates:
        given, lengths = waveforms, lengths.to(waveforms.device)
        if isinstance(self.module, torch.nn.Module):
            given = waveforms.to(self._dtype)
        states = read_output(self.module(given, lengths), lengths, self.name)
        shape = len(states.layers), states.layers[0].shape[2]
        if self._shape is not None and shape != self._shape:
            raise ParalbenchError(
                f"{self.name}: gave {shape[0]} layers of {shape[1]} dimensions for "
                f"{tuple(waveforms.shape)} samples, but {self._shape[0]} of {self._shape[1]} at "
                "first; every waveform must give the same."
            )
        return states

    def _probe(self, seed: int) -> HiddenStates:
        """The hidden states of a second of noise, computed twice to see that they stay."""
        waveforms, lengths = noise((SAMPLE_RATE,), seed)
        waveforms, lengths = waveforms.to(self._device), lengths.to(self._device)
        first, second = self._encode(waveforms, lengths), self._encode(waveforms, lengths)
        for one, other in zip(first.layers, second.layers, strict=True):
            if not torch.isfinite(one).all():
                raise ParalbenchError(f"{self.name}: gives values that are not finite for noise.")
            if one.shape != other.shape or not relative_difference(one, other) <= REPEAT_TOLERANCE:
                raise ParalbenchError(
                    f"{self.name}: gives other hidden states for the same waveform; switch off "
                    "its dropout, masking or dither."
                )
        return first


def _join(states: Sequence[HiddenStates]) -> HiddenStates:
    """Single utterances' states as a batch, padded with zeros."""
    layers = [
        torch.nn.utils.rnn.pad_sequence([layer[0] for layer in of_layer], batch_first=True)
        for of_layer in zip(*(one.layers for one in states), strict=True)
    ]
    return HiddenStates(layers, torch.cat([one.lengths for one in states]))


def _name_of(module: Any) -> str:
    name = getattr(module, "__name__", type(module).__name__)
    if not name.isidentifier():
        raise ParalbenchError(f"{name} is no name for the tables; give name='...'.")
    return name


def _check_signature(module: Any, name: str) -> None:
    called = module.forward if isinstance(module, torch.nn.Module) else module
    if not callable(called):
        raise ParalbenchError(
            f"{type(module).__name__} is neither a torch module nor a callable that maps "
            "waveforms (batch, samples) and lengths (batch,) to hidden states."
        )
    try:
        inspect.signature(called).bind(None, None)
    except TypeError:
        raise ParalbenchError(
            f"{name}: is called with two arguments, waveforms (batch, samples) and lengths "
            f"(batch,), but takes {inspect.signature(called)}; wrap it in a function of two."
        ) from None
    except ValueError:
        return  # compiled code, without a signature
