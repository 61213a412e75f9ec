"""The losses, for any number of probes at once: every probe gets its own value."""

import torch
from torch import Tensor


def cross_entropy(outputs: Tensor, truth: Tensor, weights: Tensor, valid: Tensor) -> Tensor:
    """Class-weighted cross entropy.

    The weighted losses are averaged over the utterances, not over the weights of the batch: then
    the mean over batches is the loss of the whole training set.

    Args:
        outputs: ``(jobs, points, batch, classes)``.
        truth: class indices ``(jobs, batch)``.
        weights: of the classes, ``(jobs, classes)``.
        valid: 1 for an utterance, 0 for padding, ``(jobs, batch)``.

    Returns:
        ``(jobs, points)``.
    """
    weight = torch.gather(weights, 1, truth) * valid / valid.sum(1, keepdim=True)
    index = truth[:, None, :, None].expand(*outputs.shape[:3], 1)
    own = torch.gather(outputs, 3, index).squeeze(3)
    return ((outputs.logsumexp(3) - own) * weight[:, None]).sum(2)


def concordance(outputs: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """1 - CCC of the batch, with population moments.

    Args:
        outputs: ``(jobs, points, batch, 1)``.
        truth: numbers ``(jobs, batch)``.
        valid: 1 for an utterance, 0 for padding, ``(jobs, batch)``.

    Returns:
        ``(jobs, points)``.
    """
    share = (valid / valid.sum(1, keepdim=True))[:, None]  # (jobs, 1, batch)
    predicted, true = outputs.squeeze(3), truth[:, None]
    mean_p = (predicted * share).sum(2, keepdim=True)
    mean_t = (true * share).sum(2, keepdim=True)
    p, t = predicted - mean_p, true - mean_t
    difference = (mean_p - mean_t).squeeze(2)
    spread = (p * p * share).sum(2) + (t * t * share).sum(2) + difference**2
    # A batch whose truth is constant has nothing to agree with; the floor keeps 0 / 0 away.
    return 1 - 2 * (p * t * share).sum(2) / spread.clamp_min(1e-8)


def absolute_error(outputs: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute error; arguments and result as of :func:`concordance`."""
    share = (valid / valid.sum(1, keepdim=True))[:, None]
    return ((outputs.squeeze(3) - truth[:, None]).abs() * share).sum(2)


def squared_error(outputs: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Mean squared error; arguments and result as of :func:`concordance`."""
    share = (valid / valid.sum(1, keepdim=True))[:, None]
    return ((outputs.squeeze(3) - truth[:, None]).square() * share).sum(2)
