"""Finding out how an encoder behaves, by running it on noise, and telling weights apart."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import torch

from paralbench.upstreams.base import HiddenStates

Forward = Callable[[torch.Tensor, torch.Tensor], HiddenStates]

PADDING_LENGTHS = (16_000, 11_213, 24_320, 7_001)  # samples; no common stride
FINGERPRINTS = 4  # numbers per layer


def padding_error(
    forward: Forward,
    *,
    lengths: Sequence[int] = PADDING_LENGTHS,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> float:
    """The largest relative L2 difference between pooled features in a padded batch and alone.

    Args:
        forward: an encoder's.
        lengths: samples of the waveforms, which are noise of different levels.
        seed: of the noise.
        device: where the encoder is.

    Returns:
        Over utterances and layers, the largest difference between time means, relative to the
        norm of the time mean alone.
    """
    waveforms, samples = (one.to(device) for one in noise(lengths, seed))
    together = time_means(forward(waveforms, samples))
    errors = []
    for row, length in enumerate(lengths):
        alone = time_means(forward(waveforms[row : row + 1, :length], samples[row : row + 1]))
        for one, other in zip(alone, together, strict=True):
            errors.append(relative_difference(one[0], other[row]))
    return float(torch.tensor(errors).max())  # unlike Python's, this maximum keeps a NaN


def noise(lengths: Sequence[int], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """White noise ``(batch, samples)``, zero beyond each length, and the lengths."""
    generator = torch.Generator().manual_seed(seed)
    waveforms = torch.zeros(len(lengths), max(lengths))
    for row, length in enumerate(lengths):
        waveforms[row, :length] = torch.randn(length, generator=generator) * 0.2 / (row + 1)
    return waveforms, torch.tensor(lengths, dtype=torch.int64)


def fingerprint(states: HiddenStates) -> str:
    """A few rounded projections of each layer's time mean: the same on every machine, nearly.

    Rounding hides differences between processors; where a number lies at an edge, features are
    computed again, which costs time and nothing else.
    """
    numbers = []
    for mean in time_means(states):
        steps = torch.arange(mean.shape[1], dtype=torch.float64)[:, None]
        waves = torch.cos(steps * torch.arange(1, FINGERPRINTS + 1, dtype=torch.float64))
        row = mean[0].cpu() @ waves / mean[0].cpu().norm().clamp(min=1e-30)
        numbers.append([round(value, 3) + 0.0 for value in row.tolist()])
    return f"{numbers} {states.lengths.tolist()}"


def count_parameters(encoder: object) -> int:
    """Parameters of the torch modules that an encoder holds, shared ones once.

    Modules are looked for in its attributes, and in lists, tuples, mappings and objects of ours
    there.
    """
    found: dict[int, int] = {}
    seen: set[int] = set()
    waiting: list[object] = [encoder]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, torch.nn.Module):
            found |= {id(each): each.numel() for each in one.parameters()}
        elif isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        elif one is encoder or type(one).__module__.startswith("paralbench."):
            waiting += getattr(one, "__dict__", {}).values()
    return sum(found.values())


def tensors_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    """The sha256 over names, types, shapes and values of tensors, independent of their order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        values = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(values.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def time_means(states: HiddenStates) -> list[torch.Tensor]:
    """Each layer's mean over the valid frames, ``(batch, dim)``, float64."""
    lengths = states.lengths.tolist()
    return [
        torch.stack([layer[row, :length].double().mean(0) for row, length in enumerate(lengths)])
        for layer in states.layers
    ]


def relative_difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """The L2 norm of the difference, relative to that of the first."""
    norm = one.double().norm().clamp(min=1e-30)
    return float((one.double() - other.double()).norm() / norm)
