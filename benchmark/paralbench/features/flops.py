"""Floating point operations of an encoder, counted while it encodes; a multiply-add counts as 2.

Matrix products, convolutions, attention and recurrent layers are counted, as in the tables of
papers; what works element by element, norms and Fourier transforms are not. Counted is what is
computed: Whisper's 30 s window counts in full for a clip of 3 s, and attention over padded keys
too; padding within a batch is not the encoder's and does not count.

Every layer takes operations by a polynomial of the number of frames, of degree two where there is
attention. So three short lengths give the count of any length: exactly at lengths that no stride
rounds, as theirs, and to a frame's share otherwise. A fourth one tells whether that is so; an
encoder that works in windows of its own takes operations by steps, and a line is laid through them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from paralbench.features.windows import windows
from paralbench.upstreams.base import SAMPLE_RATE, Encoder, backend_of

if TYPE_CHECKING:
    import torch

_SHORTEST = 400  # samples that give most encoders their first frame
_STRIDE = 7680  # samples; a multiple of every stride in use: of 10, 20, 24 and 160 ms
_STRIDES = (0, 1, 2)  # lengths that are measured, beyond the shortest
_CHECK = 3  # the length that shows whether a polynomial fits them
_CHECK_SINGLE = 12  # where code of any kind may have windows of its own, of a second or two
_TOLERANCE = 0.02
_STEPS = (8, 16, 24, 32)  # lengths that a line is laid through, where it does not


@dataclass(frozen=True)
class Flops:
    """Operations by length: ``constant + linear * n + quadratic * n ** 2`` for n samples.

    Attributes:
        constant, linear, quadratic: the coefficients.
        min_samples, window_samples: of the encoder; longer waveforms are encoded in windows.
        attention_samples: longer windows are cut again, into equal parts, inside the encoder.
    """

    constant: float
    linear: float
    quadratic: float
    min_samples: int
    window_samples: int
    attention_samples: int

    def of(self, samples: int) -> float:
        """Operations for a waveform of so many samples, cut into windows where it is long."""
        return sum(
            self.of_window(end - start)
            for start, end in windows(samples, self.window_samples, self.min_samples)
        )

    def of_window(self, samples: float) -> float:
        """Operations for a waveform that is encoded in one piece."""
        parts = max(1, ceil(samples / self.attention_samples))
        each = samples / parts
        return parts * (self.constant + self.linear * each + self.quadratic * each**2)

    def of_all(self, lengths: Mapping[int, int]) -> float:
        """Operations for windows: samples to how many waveforms have so many."""
        return sum(count * self.of_window(samples) for samples, count in lengths.items())


def measure_flops(encoder: Encoder, device: "torch.device | str" = "cpu") -> Flops | None:
    """Count an encoder's operations at four lengths of noise, 3 s in all.

    Args:
        encoder: on its device.
        device: where waveforms go.

    Returns:
        None if torch computes no products in it: signal processing in numpy, another backend.
    """
    if backend_of(encoder) != "torch":
        return None
    found = _coefficients(encoder, device)
    if not any(found):
        return None
    return Flops(
        *found,
        min_samples=encoder.min_samples,
        window_samples=encoder.window_samples,
        # Not of every encoder: the longest stretch that its attention spans.
        attention_samples=getattr(encoder, "attention_samples", encoder.window_samples),
    )


def _coefficients(encoder: Encoder, device: "torch.device | str") -> tuple[float, float, float]:
    """Of the polynomial: constant, linear, quadratic."""
    least, most = max(_SHORTEST, encoder.min_samples), encoder.window_samples

    def count(samples: int) -> int:
        return count_flops(encoder, samples, device)

    if getattr(encoder, "padded_samples", 0):  # all lengths are one
        return float(count(min(least, most))), 0.0, 0.0
    lengths = [least + _STRIDE * strides for strides in _STRIDES]
    check = least + _STRIDE * (_CHECK_SINGLE if encoder.batching == "single" else _CHECK)
    if check > most:
        *lengths, check = _spread(encoder.min_samples, most)
    counts = [count(samples) for samples in lengths]
    found = _fit(lengths, counts, degree=min(2, len(lengths) - 1))
    expected, given = np.polyval(found[::-1], check), count(check)
    if abs(expected - given) > _TOLERANCE * given:
        further = sorted({min(most, least + _STRIDE * strides) for strides in _STEPS})
        found = _fit(further, [count(samples) for samples in further], degree=1)
    return found


def _spread(least: int, most: int) -> list[int]:
    """Three lengths from the shortest to the longest, and one between; fewer if these are near."""
    middle = (least + most) // 2
    return [*sorted({least, middle, most}), (least + middle) // 2]


def _fit(lengths: Sequence[int], counts: Sequence[int], degree: int) -> tuple[float, float, float]:
    """The polynomial through counts, or by least squares where they are more than it has terms."""
    seconds = np.array(lengths) / SAMPLE_RATE  # of a size that keeps the powers' digits
    powers = np.vander(seconds, min(degree, len(lengths) - 1) + 1, increasing=True)
    solved = np.linalg.lstsq(powers, np.array(counts, dtype=float), rcond=None)[0]
    constant, linear, quadratic = (*solved.tolist(), 0.0, 0.0)[:3]
    return constant, linear / SAMPLE_RATE, quadratic / SAMPLE_RATE**2


def count_flops(encoder: Encoder, samples: int, device: "torch.device | str" = "cpu") -> int:
    """Operations that encoding noise of so many samples, alone in its batch, takes."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    waveform = torch.from_numpy(np.asarray(encoder.prepare(noise), np.float32))[None]
    lengths = torch.tensor([samples])
    counter = FlopCounterMode(display=False, custom_mapping=_unknown_to_torch())
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator for a layer, which counts nothing
    try:
        with torch.inference_mode(), counter:
            encoder.forward(waveform.to(device), lengths)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops())


def _unknown_to_torch() -> dict[Any, Any]:
    """Operators that torch's counter takes for nothing, with what they take."""
    import torch

    aten = torch.ops.aten
    return {
        aten._scaled_dot_product_flash_attention_for_cpu: _attention,
        aten._scaled_dot_product_fused_attention_overrideable: _attention,
        aten.mkldnn_rnn_layer: _onednn_recurrent,
        aten._cudnn_rnn: _cudnn_recurrent,
    }


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Scores, then the weighted sum of the values; of the shapes ``(..., time, dim)``."""
    batch = int(np.prod(query[:-2]))
    return 2 * batch * query[-2] * key[-2] * (query[-1] + value[-1])


def _onednn_recurrent(input: Any, weight_input: Any, weight_hidden: Any, *_: Any, **__: Any) -> int:
    """One direction of one layer; input ``(time, batch, dim)`` or ``(batch, time, dim)``."""
    return 2 * input[0] * input[1] * int(np.prod(weight_input) + np.prod(weight_hidden))


def _cudnn_recurrent(input: Any, weights: Any, *_: Any, **__: Any) -> int:
    """All layers and directions; of the weights, biases multiply nothing."""
    matrices = sum(int(np.prod(one)) for one in weights if len(one) == 2)
    return 2 * input[0] * input[1] * matrices
