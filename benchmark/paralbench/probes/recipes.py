"""The recipes: how a probe is trained. Names and settings only; importing this imports no torch.

A recipe's class says what kind of probe it is; :mod:`paralbench.probes.train` has a trainer for
each. Every field is part of a cell's key.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

from paralbench.errors import UnknownNameError

Reads = Literal["means", "moments", "frames", "duration", "nothing"]
Head = Literal["linear", "superb", "mlp", "emobox", "attentive"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What every recipe has.

    Attributes:
        name: the id, as in cards and tables.
        about: one line for listings.
        version: raised when the same settings train to other scores.
        development_share: share of the training speakers drawn for development.
        n_seeds: probes trained per fold; a seed draws the development speakers and whatever else
            is drawn (initial weights, the order of the batches, the shots).
        reads: what of an utterance it reads: ``means`` over frames of each layer; ``moments``
            (means, and the covariances between layers); ``frames`` of one layer; the clip's
            ``duration``; ``nothing``.
        selects: whether hyper-parameters are chosen on development utterances.
    """

    name: str
    about: str
    version: int = 1
    development_share: float = 0.2
    n_seeds: int = 5
    reads: Reads = "means"

    selects: ClassVar[bool] = True

    @property
    def curves(self) -> bool:
        """Whether learning curves are drawn with it: it is quick, and hears all it is given."""
        return self.reads == "means" and self.selects

    @property
    def by_layer(self) -> bool:
        """Whether it is trained on one layer at a time."""
        return False

    @property
    def targets(self) -> tuple[str, ...]:
        """The kinds of target it can be trained on."""
        return ("classes", "regression")

    def content(self) -> dict[str, Any]:
        """Every setting as plain data, for keys; without the prose."""
        return {key: value for key, value in asdict(self).items() if key != "about"}


@dataclass(frozen=True, kw_only=True)
class Trained(Recipe):
    """A probe trained by gradient descent, the whole grid at once.

    Attributes:
        head: the form of the probe, see ``heads.py`` (on pooled statistics) and ``framewise.py``
            (on frames).
        layers: ``mix`` (a learned mix of all layers), ``each`` (one probe per layer), ``one`` (the
            one layer whose frames are stored).
        learning_rates: of AdamW, for weights and biases; large in the recipes whose epsilon is 1
            and whose features have length 1, see ``engine.py``.
        weight_decays: decoupled, on the linear weights only. With the linear head one of d is the
            L2 penalty d / 2 of the mean loss: logistic regression with scikit-learn's
            C = 1 / (d n dim).
        checkpoints: training steps after which the development split is scored, and after one of
            which training ends. A probe whose weights are ``averaged`` predicts with their mean
            over the second half of its steps, so each checkpoint is at least twice the one before.
        patience: checkpoints without a better score or loss after which a probe stops; None: it
            never does.
        batch_size: utterances a step; a smaller training set is one batch.
        mix_rate: learning rate of the layer mix; None: that of the weights.
        epsilon: of AdamW, for weights and biases.
        standardised: whether each layer and dimension is standardised on the training utterances.
        balanced: whether the loss gives each class the same say.
        averaged: see ``checkpoints``.
        squared: whether a regression is trained on the squared error (MSE), whatever scores it;
            else on what is scored: 1 - CCC, or the absolute error.
        hidden: width of the hidden or projected layer; 0 where the head has none.
        clip: norm that a probe's gradient is cut to; None: never.
        tie: development scores within so many standard errors of the best count as equal to it, and
            the lowest loss among them decides.
        refit: whether the tested probe is trained again, on all training utterances; else it is
            the chosen one as it was at its checkpoint.
        fixed_steps: steps of the first point of the grid where nothing is selected; None: such a
            task's card gives learning rate, weight decay and epochs.
    """

    head: Head = "linear"
    layers: Literal["mix", "each", "one"] = "mix"
    learning_rates: tuple[float, ...]
    weight_decays: tuple[float, ...] = (0.0,)
    checkpoints: tuple[int, ...]
    patience: int | None = 2
    batch_size: int = 64
    mix_rate: float | None = 0.03
    epsilon: float = 1.0
    standardised: bool = True
    balanced: bool = True
    averaged: bool = True
    squared: bool = False
    hidden: int = 0
    clip: float | None = None
    tie: float = 2.0
    refit: bool = True
    fixed_steps: int | None = None

    def __post_init__(self):
        steps = self.checkpoints
        if self.averaged and any(2 * one > two for one, two in pairwise(steps)):
            raise ValueError(f"checkpoints {steps}: each must be at least twice the one before.")
        if not self.refit and (self.tie or self.patience is not None):
            raise ValueError("without refitting, the best score alone decides: tie 0, no patience.")

    @property
    def by_layer(self) -> bool:
        """See :class:`Recipe`."""
        return self.layers == "each"

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The grid: (learning rate, weight decay)."""
        return tuple((rate, decay) for rate in self.learning_rates for decay in self.weight_decays)


@dataclass(frozen=True, kw_only=True)
class ClosedForm(Recipe):
    """Ridge regression or linear discriminant analysis, solved from sums over utterances.

    Attributes:
        form: ``ridge`` or ``lda``.
        penalties: of ridge, alpha / n for standardised features of length 1; of LDA the shrinkage,
            at most 1. All are above 0. Chosen on development together with the layer.
        fixed_penalty: the one that is used, with the middle layer, where nothing is selected.
    """

    form: Literal["ridge", "lda"]
    penalties: tuple[float, ...]
    fixed_penalty: float

    def __post_init__(self):
        high = 1.0 if self.form == "lda" else float("inf")
        for one in (*self.penalties, self.fixed_penalty):
            if not 0 < one <= high:
                raise ValueError(f"a penalty of {one:g} is not above 0 and at most {high:g}.")

    @property
    def by_layer(self) -> bool:
        """See :class:`Recipe`."""
        return True

    @property
    def targets(self) -> tuple[str, ...]:
        """See :class:`Recipe`."""
        return ("classes",) if self.form == "lda" else super().targets


@dataclass(frozen=True, kw_only=True)
class Classical(Recipe):
    """scikit-learn's linear models on one standardised layer, the habit for functionals.

    Attributes:
        model: ``svm`` (linear support vectors) or ``logistic``.
        costs: the grid of C, for features of deviation 1; chosen on development together with the
            layer. The more dimensions, the smaller the best.
        fixed_cost: the one that is used, with the middle layer, where nothing is selected.
    """

    model: Literal["svm", "logistic"]
    costs: tuple[float, ...]
    fixed_cost: float

    @property
    def by_layer(self) -> bool:
        """See :class:`Recipe`."""
        return True

    @property
    def targets(self) -> tuple[str, ...]:
        """See :class:`Recipe`."""
        return ("classes",) if self.model == "logistic" else super().targets


@dataclass(frozen=True, kw_only=True)
class Neighbours(Recipe):
    """The nearest training utterances by the cosine, on one standardised layer.

    Attributes:
        counts: the grid of the number of neighbours, chosen on development with the layer.
        fixed_count: the one that is used, with the middle layer, where nothing is selected.
    """

    counts: tuple[int, ...]
    fixed_count: int

    @property
    def by_layer(self) -> bool:
        """See :class:`Recipe`."""
        return True


@dataclass(frozen=True, kw_only=True)
class FewShot(Recipe):
    """Class means of a few utterances of each class; a seed is a draw of them.

    Attributes:
        shots: training utterances of each class.
    """

    shots: int

    selects: ClassVar[bool] = False

    @property
    def targets(self) -> tuple[str, ...]:
        """See :class:`Recipe`."""
        return ("classes",)


@dataclass(frozen=True, kw_only=True)
class Majority(Recipe):
    """The floor: always the most frequent training class, or the training mean."""

    n_seeds: int = 1
    reads: Reads = "nothing"

    selects: ClassVar[bool] = False


_CHECKPOINTS = (16, 32, 64, 128, 256, 512)
_RATES = (3.0, 10.0)
_DECAYS = (1e-4, 1e-3, 1e-2)
_SHRINKAGES = (0.01, 0.1, 0.3, 0.6, 0.9)

_ALL = (
    Trained(
        name="paralbench",
        about="learned layer mix of the pooled means, standardised, one linear layer; "
        "learning rate, weight decay and length of training chosen on development speakers",
        learning_rates=_RATES,
        weight_decays=_DECAYS,
        checkpoints=_CHECKPOINTS,
    ),
    Trained(
        name="layers",
        about="as paralbench, one probe for each layer",
        layers="each",
        learning_rates=_RATES,
        weight_decays=_DECAYS,
        checkpoints=_CHECKPOINTS,
    ),
    Trained(
        name="superb",
        about="SUPERB's utterance head and its schedule for emotion: learned layer mix, Linear "
        "256, mean, Linear; Adam at 1e-4, 30,000 steps of 32; its random development part "
        "replaced by speakers of their own",
        head="superb",
        learning_rates=(1e-4,),
        checkpoints=tuple(range(500, 30_001, 500)),
        patience=None,
        batch_size=32,
        mix_rate=None,
        epsilon=1e-8,
        standardised=False,
        balanced=False,
        averaged=False,
        squared=True,
        hidden=256,
        clip=1.0,
        tie=0.0,
        refit=False,
        fixed_steps=30_000,
        n_seeds=1,
    ),
    Trained(
        name="mlp",
        about="mean and standard deviation over time of the learned layer mix, one hidden layer; "
        "exact from second moments",
        reads="moments",
        head="mlp",
        learning_rates=(3e-3,),
        weight_decays=(1e-2, 1.0),
        checkpoints=(32, 64, 128, 256),
        epsilon=1e-8,
        hidden=64,
        fixed_steps=128,
    ),
    ClosedForm(
        name="ridge",
        about="ridge regression in closed form, class-balanced, on the layer chosen on development",
        form="ridge",
        penalties=(1e-4, 1e-3, 1e-2, 1e-1, 1.0),
        fixed_penalty=1e-2,
    ),
    ClosedForm(
        name="lda",
        about="linear discriminant analysis with shrinkage, equal priors, on the layer chosen on "
        "development",
        form="lda",
        penalties=_SHRINKAGES,
        fixed_penalty=0.3,
    ),
    Classical(
        name="svm",
        about="scikit-learn's linear support vector machine, class-balanced, on the layer chosen "
        "on development",
        model="svm",
        costs=(1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
        fixed_cost=1e-3,
    ),
    Classical(
        name="logistic",
        about="scikit-learn's logistic regression, class-balanced, on the layer chosen on "
        "development",
        model="logistic",
        costs=(1e-4, 1e-3, 1e-2, 1e-1),
        fixed_cost=1e-2,
    ),
    Neighbours(
        name="knn",
        about="nearest neighbours by the cosine, votes balanced by class, on the layer chosen on "
        "development",
        counts=(1, 5, 15, 45),
        fixed_count=15,
    ),
    *(
        FewShot(
            name=f"few-shot-{shots}",
            about=f"class means of {shots} utterance{'s' * (shots > 1)} of each class by the "
            "cosine, all layers alike; 20 draws",
            shots=shots,
            n_seeds=20,
        )
        for shots in (1, 4, 16)
    ),
    Trained(
        name="emobox",
        about="EmoBox's head: Linear, ReLU, mean over frames, Linear; on the frames of one layer",
        reads="frames",
        head="emobox",
        layers="one",
        learning_rates=(1e-4, 1e-3),
        checkpoints=(64, 128, 256, 512),
        batch_size=32,
        epsilon=1e-8,
        averaged=False,
        hidden=256,
        fixed_steps=256,
        n_seeds=3,
    ),
    Trained(
        name="attentive",
        about="self-attentive pooling of the frames of one layer, one linear layer",
        reads="frames",
        head="attentive",
        layers="one",
        learning_rates=(1e-4, 1e-3),
        checkpoints=(64, 128, 256, 512),
        batch_size=32,
        epsilon=1e-8,
        averaged=False,
        hidden=128,
        fixed_steps=256,
        n_seeds=3,
    ),
    Majority(
        name="majority",
        about="the floor: always the most frequent training class, or the training mean",
    ),
    Trained(
        name="duration",
        about="the floor: a probe on the logarithm of the clip's length alone",
        reads="duration",
        learning_rates=(1.0,),
        weight_decays=(1e-3,),
        checkpoints=_CHECKPOINTS,
    ),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _ALL}


def get_recipe(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        UnknownNameError: there is none; the message lists what there is.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
