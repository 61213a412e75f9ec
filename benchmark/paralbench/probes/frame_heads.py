"""The forms of probes on frames: an activation comes before the pooling, or the pooling learns.

There is no padding: the frames of a batch lie end to end, and each utterance is pooled over its
own. So an utterance's output does not depend on what shares its batch. (s3prl's attentive pooling
adds its mask of ones and zeros to the logits, so that there padding takes part in the softmax.)
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from paralbench.probes.batches import WEIGHTS, generator, uniform
from paralbench.probes.frame_reading import StandardFrames, blocks
from paralbench.probes.heads import Batch, Slot, Weights
from paralbench.probes.inputs import Index


class FrameHead(ABC):
    """A :class:`~paralbench.probes.heads.Head` on frames, for one job and any number of points.

    Its batch holds the positions of utterances instead of statistics; it reads their frames itself.

    Args:
        frames: of all utterances, standardised for the job.
        n_outputs: outputs of the linear layer.
        hidden: width of the hidden layer.
        memory: bytes that the frames of a step and what is made of them may take. Where a batch
            takes more, its utterances are pooled some at a time, and once more for the gradients;
            an utterance is never cut.
    """

    length_one = False
    slots: Mapping[str, Slot]

    def __init__(self, frames: StandardFrames, n_outputs: int, hidden: int, memory: int):
        self._frames, self._n_outputs, self._hidden = frames, n_outputs, hidden
        self._memory = memory

    @abstractmethod
    def initial(self, seed: int, layers: int, dim: int) -> Weights:
        """One probe's weights, float64, drawn as torch's linear layers draw theirs."""

    @abstractmethod
    def pool(self, weights: Weights, frames: Tensor, lengths: list[int]) -> Tensor:
        """Utterances ``(points, batch, width)`` of frames ``(frames, dim)``, end to end."""

    def __call__(self, weights: Weights, batch: Batch) -> Tensor:
        """Outputs ``(1, points, batch, outputs)``; the batch's ``mean`` is ``(1, batch)`` rows."""
        rows = batch.mean[0].cpu().numpy()
        points = weights["bias"].shape[1]
        width = batch_bytes(self._frames.reader.dim, self._hidden, points, weights["bias"].dtype)
        lengths = self._frames.reader.lengths[rows]
        parts = blocks(rows, lengths, max(1, self._memory // width))
        if len(parts) > 1 and torch.is_grad_enabled():
            pooled = [
                checkpoint(
                    self._pooled, weights, part, use_reentrant=False, preserve_rng_state=False
                )
                for part in parts
            ]
        else:
            pooled = [self._pooled(weights, part) for part in parts]
        return (torch.cat(pooled, 1) @ weights["weight"][0] + weights["bias"][0][:, None])[None]

    def _pooled(self, weights: Weights, rows: Index) -> Tensor:
        lengths = self._frames.reader.lengths[rows].tolist()
        return self.pool(weights, self._frames.read(rows), lengths)


class EmoBox(FrameHead):
    """EmoBox's head: Linear, ReLU, mean over frames, Linear.

    Ma et al. 2024, https://arxiv.org/abs/2406.07162.
    """

    slots: Mapping[str, Slot] = {
        "hidden": Slot(2, "weight"),
        "hidden_bias": Slot(1, "bias"),
        "weight": Slot(1, "weight"),
        "bias": Slot(1, "bias"),
    }

    def initial(self, seed: int, layers: int, dim: int) -> Weights:
        """See :class:`FrameHead`."""
        source = generator(seed, WEIGHTS)
        return {
            "hidden": uniform(source, dim, dim, self._hidden),
            "hidden_bias": uniform(source, dim, self._hidden),
            "weight": uniform(source, self._hidden, self._hidden, self._n_outputs),
            "bias": uniform(source, self._hidden, self._n_outputs),
        }

    def pool(self, weights: Weights, frames: Tensor, lengths: list[int]) -> Tensor:
        """See :class:`FrameHead`."""
        active = _hidden(weights, frames).relu_()
        means = torch.stack([part.mean(0) for part in active.split(lengths)])
        return means.view(len(lengths), -1, self._hidden).transpose(0, 1)


class Attentive(FrameHead):
    """Self-attentive pooling: frames weighted by a softmax of Linear, tanh, Linear; one Linear.

    The second layer has no bias: the softmax would not see it. Safari et al. 2020,
    https://arxiv.org/abs/2008.01077, with the hidden layer of Lin et al. 2017,
    https://arxiv.org/abs/1703.03130.
    """

    slots: Mapping[str, Slot] = {
        "hidden": Slot(2, "weight"),
        "hidden_bias": Slot(1, "bias"),
        "attention": Slot(1, "weight"),
        "weight": Slot(1, "weight"),
        "bias": Slot(1, "bias"),
    }

    def initial(self, seed: int, layers: int, dim: int) -> Weights:
        """See :class:`FrameHead`."""
        source = generator(seed, WEIGHTS)
        return {
            "hidden": uniform(source, dim, dim, self._hidden),
            "hidden_bias": uniform(source, dim, self._hidden),
            "attention": uniform(source, self._hidden, self._hidden),
            "weight": uniform(source, dim, dim, self._n_outputs),
            "bias": uniform(source, dim, self._n_outputs),
        }

    def pool(self, weights: Weights, frames: Tensor, lengths: list[int]) -> Tensor:
        """See :class:`FrameHead`."""
        active = _hidden(weights, frames).tanh_().view(len(frames), -1, self._hidden)
        logits = torch.einsum("fph,ph->fp", active, weights["attention"][0])
        pooled = [
            own.softmax(0).T @ part
            for own, part in zip(logits.split(lengths), frames.split(lengths), strict=True)
        ]
        return torch.stack(pooled, 1)


HEADS: Mapping[str, type[FrameHead]] = {"emobox": EmoBox, "attentive": Attentive}


def batch_bytes(dim: int, hidden: int, points: int, dtype: torch.dtype) -> int:
    """Bytes that a frame takes in a step: twice as read, three times as the hidden layer."""
    return dtype.itemsize * (2 * dim + 3 * points * hidden)


def _hidden(weights: Weights, frames: Tensor) -> Tensor:
    """The hidden layer before its activation, ``(frames, points * hidden)``: one matrix product."""
    weight, bias = weights["hidden"][0], weights["hidden_bias"][0]
    return torch.addmm(bias.reshape(-1), frames, weight.reshape(len(weight), -1))
