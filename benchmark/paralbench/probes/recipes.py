"""The recipes: how a probe is trained. Names and settings only; importing this imports no torch."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

from paralbench.errors import UnknownNameError

Input = Literal["mix", "layers", "nothing", "duration"]


@dataclass(frozen=True)
class Recipe:
    """How a probe is trained; every field is part of a cell's key.

    Attributes:
        name: the id, as in cards and tables.
        about: one line for listings.
        version: raised when the same settings train to other scores.
        input: ``mix`` (the learned mix of all layers), ``layers`` (one probe per layer),
            ``nothing`` (the floor of the most frequent class or the mean), ``duration``.
        learning_rates: of AdamW, for weights and biases; large because its epsilon is 1 and the
            features of an utterance have length 1, see ``engine.py``.
        weight_decays: decoupled, on the linear weights only. One of d is the L2 penalty d / 2 of
            the mean loss: logistic regression with scikit-learn's C = 1 / (d n dim).
        checkpoints: training steps after which the development split is scored, and after one of
            which training ends; each at least twice the one before, because what matters is the
            order of magnitude, and each more is one more chance to pick by luck. A probe predicts
            with its weights averaged over the second half of its steps.
        patience: checkpoints without a better score or loss after which a probe stops.
        batch_size: utterances a step; a smaller training set is one batch.
        mix_rate: learning rate of the layer mix.
        development_share: share of the training speakers drawn for development.
        n_seeds: probes trained per fold; a seed draws the development speakers, the initial
            weights and the order of the batches.
    """

    name: str
    about: str
    version: int
    input: Input
    learning_rates: tuple[float, ...] = ()
    weight_decays: tuple[float, ...] = ()
    checkpoints: tuple[int, ...] = ()
    patience: int = 2
    batch_size: int = 64
    mix_rate: float = 0.03
    development_share: float = 0.2
    n_seeds: int = 5

    def __post_init__(self):
        steps = self.checkpoints
        if any(2 * one > two for one, two in pairwise(steps)):
            raise ValueError(f"checkpoints {steps}: each must be at least twice the one before.")

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The grid: (learning rate, weight decay)."""
        return tuple((rate, decay) for rate in self.learning_rates for decay in self.weight_decays)

    def content(self) -> dict[str, Any]:
        """Every setting as plain data, for keys; without the prose."""
        return {key: value for key, value in asdict(self).items() if key != "about"}


_CHECKPOINTS = (16, 32, 64, 128, 256, 512)
_RATES = (3.0, 10.0)
_DECAYS = (1e-4, 1e-3, 1e-2)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="paralbench",
            about="learned layer mix of the pooled means, standardised, one linear layer; "
            "learning rate, weight decay and length of training chosen on development speakers",
            version=1,
            input="mix",
            learning_rates=_RATES,
            weight_decays=_DECAYS,
            checkpoints=_CHECKPOINTS,
        ),
        Recipe(
            name="layers",
            about="as paralbench, one probe for each layer",
            version=1,
            input="layers",
            learning_rates=_RATES,
            weight_decays=_DECAYS,
            checkpoints=_CHECKPOINTS,
        ),
        Recipe(
            name="majority",
            about="the floor: always the most frequent training class, or the training mean",
            version=1,
            input="nothing",
            n_seeds=1,
        ),
        Recipe(
            name="duration",
            about="the floor: a probe on the logarithm of the clip's length alone",
            version=1,
            input="duration",
            learning_rates=(1.0,),
            weight_decays=(1e-3,),
            checkpoints=_CHECKPOINTS,
        ),
    )
}


def get_recipe(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        UnknownNameError: there is none; the message lists what there is.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
