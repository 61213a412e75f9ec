"""Sums over utterances that linear probes are solved from; sums of parts are added and subtracted.

Counts, sums and products of each class are all that ridge regression and discriminant analysis
need of a training part. They are additive: a fold's training part is the whole without its test
part, a part to fit on is that without the development utterances, the pool of two corpora is
their sum. Class weights, a choice of classes and covariances of classes come from the same sums.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from threading import Lock, local

import numpy as np
import torch
from torch import Tensor

from paralbench.probes.inputs import Index
from paralbench.probes.layer_choice import ROUNDING

# A variance below this share of what it was subtracted from has lost six of its sixteen digits.
_LOST = 1e-6
_BLOCK = 4096  # utterances whose weighted features are written at once


@dataclass(frozen=True)
class Gram:
    """Sums over utterances of one layer's features x, for each of K classes, in double precision.

    Sums are taken about an offset: far from their mean, squares lose the digits that variances
    are made of. ``+`` and ``-`` move the other's sums to the offset of the first.

    Attributes:
        offset: what was subtracted from every x, ``(D,)``.
        count: utterances, ``(K,)``.
        total: sums of x, ``(K, D)``.
        product: sums of x x', ``(K, D, D)``.
    """

    offset: Tensor
    count: Tensor
    total: Tensor
    product: Tensor

    @property
    def n_bytes(self) -> int:
        """Bytes of the tensors."""
        return sum(t.nbytes for t in (self.offset, self.count, self.total, self.product))

    @property
    def square(self) -> Tensor:
        """Sums of squares over all classes, ``(D,)``."""
        return self.product.diagonal(dim1=1, dim2=2).sum(0)

    def about(self, offset: Tensor) -> "Gram":
        """The same sums about another offset."""
        if torch.equal(offset, self.offset):
            return self
        shift = self.offset - offset
        n = self.count[:, None]
        cross = self.total[:, :, None] * shift
        product = self.product + cross + cross.mT + (n * shift)[:, :, None] * shift
        return Gram(offset, self.count, self.total + n * shift, product)

    def __add__(self, other: "Gram") -> "Gram":
        other = other.about(self.offset)
        return Gram(
            self.offset,
            self.count + other.count,
            self.total + other.total,
            self.product + other.product,
        )

    def __sub__(self, other: "Gram") -> "Gram":
        other = other.about(self.offset)
        count = self.count - other.count
        if (count < 0).any():
            raise ValueError("utterances are subtracted that are not in the sums.")
        gone = count == 0  # what is left of such a class is rounding
        total = (self.total - other.total).masked_fill_(gone[:, None], 0.0)
        product = (self.product - other.product).masked_fill_(gone[:, None, None], 0.0)
        return Gram(self.offset, count, total, product)

    def only(self, classes: Collection[int]) -> "Gram":
        """The same without the utterances of other classes, as a pair of corpora may need it."""
        kept = torch.zeros_like(self.count)
        kept[list(classes)] = 1
        return Gram(
            self.offset,
            self.count * kept,
            self.total * kept[:, None],
            self.product * kept[:, None, None],
        )

    def moments(self) -> "Moments":
        """What a probe is solved from, all classes having the same weight."""
        weighted = torch.einsum("k,kij->ij", class_weights(self.count), self.product)
        return Moments(self.offset, self.count, self.total, self.square, weighted)


@dataclass(frozen=True)
class Moments:
    """The sums of a training part, its classes weighted; see :class:`Gram`.

    Attributes:
        offset, count, total: as there.
        square: sums of squares over all utterances, ``(D,)``.
        weighted: sum of w x x' over all utterances, ``(D, D)``, where the weight w of a class is
            that of :func:`class_weights`.
    """

    offset: Tensor
    count: Tensor
    total: Tensor
    square: Tensor
    weighted: Tensor


class GramCache:
    """Grams by what they were computed from; the one that was not used for longest goes first.

    For cells that share utterances, such as the corpora of all transfer pairs of an upstream. It
    is bounded by bytes, and several threads may use it.

    Args:
        n_bytes: what all together may take; a larger Gram is not kept.
    """

    def __init__(self, n_bytes: int) -> None:
        self._limit, self._used = n_bytes, 0
        self._found: OrderedDict[bytes, Gram] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._found)

    @property
    def n_bytes(self) -> int:
        """Bytes that are taken."""
        return self._used

    def get(self, key: bytes) -> Gram | None:
        """The Gram of a key, if it is still there."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: bytes, gram: Gram) -> None:
        """Keep a Gram, and let others go for it."""
        with self._lock:
            if key in self._found or gram.n_bytes > self._limit:
                return
            self._found[key] = gram
            self._used += gram.n_bytes
            while self._used > self._limit:
                _, old = self._found.popitem(last=False)
                self._used -= old.n_bytes


def gram_of(
    x: Tensor,
    labels: Index,
    n_classes: int,
    *,
    offset: Tensor | None = None,
    cache: GramCache | None = None,
) -> Gram:
    """The sums of a set of utterances; every Gram that is not itself a sum comes from here.

    Args:
        x: features of one layer, ``(n, D)``, float32 or float64; where it is, sums are computed.
        labels: class indices, ``(n,)``.
        n_classes: K; classes without an utterance have sums of 0.
        offset: what to sum about, ``(D,)`` float64; by default the mean.
        cache: looked into first. The key is a digest of values, labels and offset, so that a Gram
            is found wherever its utterances stand, and never when a feature has changed.
    """
    key = b""
    if cache is not None:
        key = _digest(x, labels, n_classes, offset)
        found = cache.get(key)
        if found is not None:
            return found
    x = x.double()
    offset = x.mean(0) if offset is None else offset
    count = np.bincount(labels, minlength=n_classes)
    shape = (n_classes, x.shape[1])
    total, product = x.new_zeros(shape), x.new_zeros((*shape, shape[1]))
    for k in np.flatnonzero(count):
        of_class = x[torch.as_tensor(np.flatnonzero(labels == k), device=x.device)] - offset
        total[k] = of_class.sum(0)
        product[k] = self_product(of_class)
    gram = Gram(offset, torch.as_tensor(count, device=x.device), total, product)
    if cache is not None:
        cache.put(key, gram)
    return gram


def moments_of(x: Tensor, labels: Index, n_classes: int) -> Moments:
    """The same as ``gram_of(...).moments()`` about the mean, without the products of each class.

    Args:
        x: features of one layer, ``(n, D)`` float64.
        labels: class indices, ``(n,)``.
        n_classes: K.
    """
    offset = x.mean(0)
    of = torch.as_tensor(labels, device=x.device)
    count = torch.bincount(of, minlength=n_classes)
    root = class_weights(count).sqrt()[of]
    is_class = torch.eye(n_classes, dtype=x.dtype, device=x.device)
    total = x.new_zeros((n_classes, x.shape[1]))
    square, weighted = x.new_zeros(x.shape[1]), x.new_zeros((x.shape[1], x.shape[1]))
    for some in torch.arange(len(x), device=x.device).split(_BLOCK):
        centred = x[some] - offset
        total += is_class[of[some]].T @ centred
        square += centred.square().sum(0)
        centred *= root[some, None]
        weighted += self_product(centred)
    return Moments(offset, count, total, square, weighted)


def self_product(x: Tensor) -> Tensor:
    """x'x, ``(D, D)``, of x ``(n, D)``.

    On the CPU by NumPy, which sees that both factors are one and does half of the work.
    """
    if x.device.type != "cpu":
        return x.T @ x
    values = x.numpy()
    return torch.from_numpy(values.T @ values)


def class_weights(count: Tensor) -> Tensor:
    """Weights ``(K,)`` that give each class that occurs the same say; their mean is 1.

    n / (K n_k) over the K classes that occur, as scikit-learn's ``balanced``; 0 for the others.
    """
    number = count.double()
    occurs = count > 0
    return torch.where(occurs, number.sum() / (occurs.sum() * number.clamp_min(1.0)), 0.0)


def _digest(x: Tensor, labels: Index, n_classes: int, offset: Tensor | None) -> bytes:
    """What a Gram is computed from, and where it is."""
    digest = hashlib.blake2b(f"{x.dtype} {x.device} {tuple(x.shape)} {n_classes}".encode())
    digest.update(np.ascontiguousarray(labels, dtype=np.int64).data)
    for values in (x, offset):
        if values is not None:
            digest.update(values.cpu().contiguous().numpy().data)
    return digest.digest()


class Parts:
    """Moments of any part of one layer's utterances, with as few products as possible.

    Products are computed of all training utterances of all folds together, and of what each part
    leaves out; the part's own are the difference.

    Args:
        x: features of all utterances, ``(n, D)``; in single precision, parts of them are brought to
            double.
        labels: class indices ``(n,)``; those of training utterances are read.
        n_classes: K.
        wholes: the folds' training parts.
        memory: bytes that Grams may take; where they need more, each part is summed by itself.
        cache: for the Grams.
        numbers: one more dimension of the features, ``(n,)`` float64.
    """

    def __init__(
        self,
        x: Tensor,
        labels: Index,
        n_classes: int,
        wholes: Sequence[Index],
        memory: int,
        cache: GramCache | None = None,
        numbers: Tensor | None = None,
    ) -> None:
        self._x, self._labels, self._n_classes, self._cache = x, labels, n_classes, cache
        self._numbers = numbers
        self._rows = np.unique(np.concatenate(wholes))
        dim = x.shape[1] + (numbers is not None)
        # That of all, that of a fold, of what is left out, and of the part.
        self._split = 4 * n_classes * dim**2 * 8 <= memory
        self._all: Gram | None = None
        self._lock = Lock()
        self._last = local()  # the fold that a thread is at, and its Gram

    def moments(self, rows: Index, whole: Index) -> Moments:
        """Of the utterances ``rows``, a part of ``whole``, which is one of the folds'."""
        if not self._split:
            return moments_of(self.take(rows), self._labels[rows], self._n_classes)
        with self._lock:
            if self._all is None:
                self._all = self._gram(self._rows, None)
        key = whole.tobytes()
        if getattr(self._last, "key", None) != key:
            self._last.key, self._last.gram = key, self._less(self._all, self._rows, whole)
        found = self._less(self._last.gram, whole, rows)
        if self._lost(found, self._all):
            return moments_of(self.take(rows), self._labels[rows], self._n_classes)
        return found.moments()

    def take(self, rows: Index) -> Tensor:
        """The features of some utterances, in double precision."""
        at = torch.as_tensor(rows, device=self._x.device)
        found = self._x[at].double()
        return found if self._numbers is None else torch.column_stack([found, self._numbers[at]])

    def _gram(self, rows: Index, offset: Tensor | None) -> Gram:
        x, labels = self.take(rows), self._labels[rows]
        if self._cache is None or offset is None:
            return gram_of(x, labels, self._n_classes, offset=offset, cache=self._cache)
        # About its own mean others find it too, whatever they put it beside.
        return gram_of(x, labels, self._n_classes, cache=self._cache).about(offset)

    def _less(self, gram: Gram, holds: Index, rows: Index) -> Gram:
        """The Gram of ``rows``, given that of ``holds``."""
        left_out = np.setdiff1d(holds, rows)
        if len(holds) - len(left_out) != len(rows) or len(left_out) >= len(rows):
            return self._gram(rows, gram.offset)  # no part of it, or quicker by itself
        return gram - self._gram(left_out, gram.offset) if len(left_out) else gram

    def _lost(self, gram: Gram, whole: Gram) -> bool:
        """Whether a dimension varies so much less in a part that subtraction took its digits."""
        n = whole.count.sum()
        mean = whole.total.sum(0) / n
        varies = (whole.square / n).sqrt() > ROUNDING * (whole.offset + mean).abs()
        spread = gram.square - gram.total.sum(0) ** 2 / gram.count.sum()
        return bool((varies & (spread < _LOST * whole.square)).any())
