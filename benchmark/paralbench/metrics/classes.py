"""Metrics of classes: UAR, WA, weighted and macro F1, and F1 of the positive class."""

import numpy as np

from paralbench.errors import UndefinedMetricError
from paralbench.metrics.base import Floats
from paralbench.metrics.counting import ClassMetric, counts, ratio


class UnweightedAverageRecall(ClassMetric):
    r"""Unweighted average recall, also called balanced accuracy or unweighted accuracy.

    .. math::

        \text{UAR} = \frac{1}{K} \sum_{k=1}^{K} \frac{\text{hits}_k}{\text{utterances}_k}

    over the K classes that occur in the truth, as scikit-learn's ``balanced_accuracy_score`` has
    it. Chance is 1 / K, whatever the shares of the classes.

    Source: Schuller, Steidl and Batliner, The INTERSPEECH 2009 Emotion Challenge.

    Range: 0 to 1. Raises: UndefinedMetricError if fewer than two classes occur in the truth.

    Examples:
        >>> UnweightedAverageRecall()(["sad", "sad", "sad", "angry"], ["sad"] * 4)
        0.5
        >>> UnweightedAverageRecall().chance(["sad", "sad", "sad", "angry"])
        0.5
        >>> UnweightedAverageRecall().chance(4)
        0.25
    """

    name = "uar"
    title = "unweighted average recall"
    averages_over_classes = True

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where fewer than two classes occur."""
        utterances, _, hits = counts(sums)
        present = (utterances > 0).sum(axis=-1)
        total = ratio(hits, utterances, otherwise=0.0).sum(axis=-1)
        return ratio(total, np.where(present < 2, 0, present))

    def why_undefined(self, sums: Floats) -> str:
        """Why the score is undefined, for people to read."""
        present = int((counts(sums)[0] > 0).sum())
        return f"the truth holds {present} class, and an average of recalls needs at least 2"

    def _chance_among(self, n_classes: int) -> float:
        return 1 / n_classes

    def _chance_given(self, share: Floats) -> float:
        return 1 / len(share)


class WeightedAccuracy(ClassMetric):
    r"""Weighted accuracy: the share of utterances that are right.

    .. math::

        \text{WA} = \frac{\sum_k \text{hits}_k}{n}

    The field calls it weighted because it is the average recall weighted by class size; elsewhere
    it is plain accuracy. Chance is the share of the most frequent class.

    Source: Schuller, Steidl and Batliner, The INTERSPEECH 2009 Emotion Challenge.

    Range: 0 to 1. Raises: UndefinedMetricError if there is no utterance.

    Examples:
        >>> WeightedAccuracy()(["sad", "sad", "sad", "angry"], ["sad"] * 4)
        0.75
        >>> WeightedAccuracy().chance(["sad", "sad", "sad", "angry"])
        0.75
    """

    name = "wa"
    title = "weighted accuracy"

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where there is no utterance."""
        utterances, _, hits = counts(sums)
        return ratio(hits.sum(axis=-1), utterances.sum(axis=-1))

    def _chance_given(self, share: Floats) -> float:
        return float(share.max())


def _f1(sums: Floats) -> Floats:
    """F1 of each class, ``(..., K)``; 0 for a class without a hit."""
    utterances, predictions, hits = counts(sums)
    return ratio(2 * hits, utterances + predictions, otherwise=0.0)


class WeightedF1(ClassMetric):
    r"""F1 averaged over the classes, weighted by their size.

    .. math::

        \text{F1}_k = \frac{2\,\text{hits}_k}{\text{utterances}_k + \text{predictions}_k}, \qquad
        \text{weighted F1} = \sum_k \frac{\text{utterances}_k}{n}\,\text{F1}_k

    Chance is what always saying the most frequent class scores: :math:`2 p^2 / (1 + p)` for its
    share p, the best that one answer can reach.

    Source: scikit-learn, ``f1_score(average="weighted", zero_division=0)``.

    Range: 0 to 1. Raises: UndefinedMetricError if there is no utterance.

    Examples:
        >>> round(WeightedF1()(["sad", "sad", "sad", "angry"], ["sad"] * 4), 4)
        0.6429
        >>> round(WeightedF1().chance(["sad", "sad", "sad", "angry"]), 4)
        0.6429
    """

    name = "weighted-f1"
    title = "weighted F1"

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where there is no utterance."""
        utterances, _, _ = counts(sums)
        return ratio((utterances * _f1(sums)).sum(axis=-1), utterances.sum(axis=-1))

    def _chance_given(self, share: Floats) -> float:
        p = float(share.max())
        return 2 * p * p / (1 + p)


class MacroF1(ClassMetric):
    r"""F1 averaged over the classes, each counting the same.

    .. math::

        \text{macro F1} = \frac{1}{K} \sum_{k=1}^{K}
            \frac{2\,\text{hits}_k}{\text{utterances}_k + \text{predictions}_k}

    over the K classes that occur in truth or prediction, as scikit-learn has it. Chance is what
    always saying the most frequent class scores, :math:`\frac{2p}{(1 + p) K}` for its share p.

    Source: scikit-learn, ``f1_score(average="macro", zero_division=0)``.

    Range: 0 to 1. Raises: UndefinedMetricError if there is no utterance.

    Examples:
        >>> round(MacroF1()(["sad", "sad", "sad", "angry"], ["sad"] * 4), 4)
        0.4286
        >>> round(MacroF1().chance(["sad", "sad", "sad", "angry"]), 4)
        0.4286
    """

    name = "macro-f1"
    title = "macro F1"
    averages_over_classes = True

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where there is no utterance."""
        utterances, predictions, _ = counts(sums)
        occurring = (utterances + predictions > 0).sum(axis=-1)
        return ratio(_f1(sums).sum(axis=-1), occurring)

    def _chance_given(self, share: Floats) -> float:
        p = float(share.max())
        return 2 * p / (1 + p) / len(share)


class PositiveF1(ClassMetric):
    r"""F1 of the positive class of two, which is the last one of the task's classes.

    .. math::

        \text{F1} = \frac{2\,\text{hits}_+}{\text{utterances}_+ + \text{predictions}_+}

    Chance is what always saying the positive class scores, :math:`2 p / (1 + p)` for its share p:
    the best that one answer can reach.

    Source: scikit-learn, ``f1_score(average="binary", zero_division=0)``.

    Range: 0 to 1. Raises: UndefinedMetricError if the truth holds no utterance of that class.

    Examples:
        >>> round(PositiveF1()(["no", "no", "no", "yes"], ["yes"] * 4), 4)
        0.4
        >>> round(PositiveF1().chance(["no", "no", "no", "yes"]), 4)
        0.4
    """

    name = "positive-f1"
    title = "F1 of the positive class"
    averages_over_classes = True  # a part without the positive class measures something else

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where the positive class does not occur."""
        utterances = counts(sums)[0][..., -1]
        return np.where(utterances > 0, _f1(sums)[..., -1], np.nan)

    def why_undefined(self, sums: Floats) -> str:
        """Why the score is undefined, for people to read."""
        if not counts(sums)[0].sum():
            return super().why_undefined(sums)
        return "the truth holds no utterance of the positive class, the last one"

    def _chance_given(self, share: Floats) -> float:
        p = float(share[-1])
        return 2 * p / (1 + p)


class Recall(ClassMetric):
    r"""Recall of one class: the share of its utterances that are recognised as it.

    .. math::

        \text{recall}_k = \frac{\text{hits}_k}{\text{utterances}_k}

    It has no chance level of its own: always saying the class recalls all of it. No task chooses it
    as its metric; it is a row for each class beside the others.

    Source: van Rijsbergen, Information Retrieval (1979).

    Range: 0 to 1. Raises: UndefinedMetricError if the truth holds no utterance of the class.

    Args:
        position: of the class among the classes.

    Examples:
        >>> Recall(1)(["angry", "sad", "sad", "sad"], ["angry", "sad", "angry", "sad"])
        0.6666666666666666
    """

    name = "recall"
    title = "recall of a class"

    def __init__(self, position: int):
        self.position = position

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where the class does not occur."""
        utterances, _, hits = counts(sums)
        return ratio(hits[..., self.position], utterances[..., self.position])

    def why_undefined(self, sums: Floats) -> str:
        """Why the score is undefined, for people to read."""
        return "the truth holds no utterance of the class"

    def _chance_given(self, share: Floats) -> None:
        return None


class NormalisedAverageRecall(UnweightedAverageRecall):
    r"""Chance-normalised UAR: 0 is chance and 1 perfect, whatever the number of classes.

    .. math::

        \frac{\text{UAR} - 1/K}{1 - 1/K}

    over the K classes that occur in the truth; see :func:`chance_normalised`. Transfer settings
    differ in their classes, so that their UAR does not compare; this does. No task chooses it: it
    is a row beside UAR.

    Source: scikit-learn, ``balanced_accuracy_score(adjusted=True)``.

    Range: -1 to 1, of K classes from -1 / (K - 1). Raises: UndefinedMetricError if fewer than two
    classes occur in the truth.

    Examples:
        >>> NormalisedAverageRecall()(["sad", "sad", "joy", "joy"], ["sad", "sad", "sad", "joy"])
        0.5
        >>> NormalisedAverageRecall().chance(4)
        0.0
    """

    name = "uar-normalised"
    title = "chance-normalised unweighted average recall"
    range = (-1.0, 1.0)

    def value(self, sums: Floats) -> Floats:
        """Scores from summed rows; NaN where fewer than two classes occur."""
        present = (counts(sums)[0] > 0).sum(axis=-1)
        chance = ratio(np.ones(present.shape), np.where(present < 2, 0, present))
        return (super().value(sums) - chance) / (1 - chance)

    def _chance_among(self, n_classes: int) -> float:
        return 0.0

    def _chance_given(self, share: Floats) -> float:
        return 0.0


def chance_normalised(uar: float, n_classes: int) -> float:
    r"""UAR rescaled so that chance is 0 and perfection 1, to compare different numbers of classes.

    .. math::

        \frac{\text{UAR} - 1/K}{1 - 1/K}

    Source: scikit-learn, ``balanced_accuracy_score(adjusted=True)``.

    Args:
        uar: unweighted average recall, 0 to 1.
        n_classes: the K classes that occur in the truth.

    Returns:
        a value from :math:`-1/(K - 1)` to 1; below 0 is worse than chance.

    Raises:
        UndefinedMetricError: there are fewer than two classes.

    Examples:
        >>> chance_normalised(0.75, 2)
        0.5
        >>> chance_normalised(0.25, 4)
        0.0
    """
    if n_classes < 2:
        raise UndefinedMetricError(
            f"chance-normalised UAR needs 2 classes or more, not {n_classes}."
        )
    return (uar - 1 / n_classes) / (1 - 1 / n_classes)
