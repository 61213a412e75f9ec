"""The transfer settings of a label map: which domains train, which one is tested.

``pair``: one domain trains, another is tested.
``leave-one-corpus-out``: all others train.
``pooled``: all others and a part of the tested domain's speakers train; its other speakers are
tested, fold by fold. Beside leave-one-corpus-out it shows what speakers of the tested corpus are
worth, beside the ceiling what the other corpora are.
``growth``: one, two, ... of the others train, in orders that are drawn.
``ceiling``: the tested domain alone, by folds of speakers. It is what the others are compared with,
on the same utterances and classes, so that it is run once for each set of classes.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from math import factorial
from zlib import crc32

import numpy as np

from paralbench.cards import HarmonisedCard
from paralbench.tables import slots

PROTOCOLS = ("pair", "leave-one-corpus-out", "pooled", "growth", "ceiling")
N_ORDERS = 3
_ONE = ("none", "one")


@dataclass(frozen=True)
class Setting:
    """A transfer setting.

    Attributes:
        protocol: as above.
        train: the domains that train, in the card's order; of ``growth`` in the order in which
            they are added.
        test: the one that is tested.
        classes: what it is restricted to; empty: all that the tested domain and any of the
            training domains have.
    """

    protocol: str
    train: tuple[str, ...]
    test: str
    classes: tuple[str, ...] = ()

    @property
    def training(self) -> str:
        """What trains, as slots have it."""
        return slots.training(self.train, self.classes)


@dataclass(frozen=True)
class Ground:
    """What settings can be made of.

    Attributes:
        card: the label map.
        here: the domains that may be used.
        classes: what each of them may have; empty for regression.
        whole: domains whose speakers cannot be divided, and why.
    """

    card: HarmonisedCard
    here: Collection[str]
    classes: Mapping[str, tuple[str, ...]]
    whole: Mapping[str, str]

    def trainers(self, test: str) -> tuple[str, ...]:
        """The domains that may train towards a domain, in the card's order."""
        pairs = ordered_pairs(self.card, self.here)
        found = {train for train, tested in pairs if tested == test}
        return tuple(
            name for name in self.card.domains if name in found and self._meets(name, test)
        )

    def shared(self, setting: Setting) -> tuple[str, ...]:
        """The classes of a setting, in the card's order; empty for regression."""
        trained = {one for name in setting.train for one in self.classes[name]}
        allowed = trained & set(setting.classes or self.card.classes)
        return tuple(one for one in self.classes[setting.test] if one in allowed)

    def ceiling(self, domain: str, classes: tuple[str, ...]) -> Setting:
        """The ceiling of a domain on some of its classes."""
        restricted = () if classes == self.classes[domain] else classes
        return Setting("ceiling", (domain,), domain, restricted)

    def _meets(self, train: str, test: str) -> bool:
        shared = set(self.classes[train]) & set(self.classes[test])
        return bool(shared) or self.card.target == "regression"


def ordered_pairs(card: HarmonisedCard, here: Collection[str]) -> list[tuple[str, str]]:
    """Every ordered pair of the domains that are here, or those of them that the card lists."""
    pairs = card.pairs or permutations(card.domains, 2)
    return [(train, test) for train, test in pairs if train in here and test in here]


def lay_out(
    ground: Ground, protocols: Collection[str], seed: int = 0
) -> tuple[list[Setting], list[str]]:
    """The settings of a label map, each once, and a line for each protocol that lacks some.

    Args:
        ground: what there is.
        protocols: which settings; ``ceiling`` asks for those of the others' test domains, and of
            the training domains of pairs, whose recalls are reweighted by the priors of the test.
        seed: of the orders of ``growth``.
    """
    found: dict[Setting, None] = {}
    lines: list[str] = []
    tested = [name for name in ground.card.domains if name in ground.here]
    if "pair" in protocols:
        pairs = ordered_pairs(ground.card, ground.here)
        found |= {Setting("pair", (train,), test): None for train, test in pairs}
    for protocol, make in (
        ("leave-one-corpus-out", _leave_one_out),
        ("pooled", _pooled),
        ("growth", lambda ground, test: _growth(ground, test, seed)),
    ):
        if protocol not in protocols:
            continue
        refused: dict[str, list[str]] = {}
        for test in tested:
            made = make(ground, test)
            if isinstance(made, str):
                refused.setdefault(made, []).append(test)
            else:
                found |= dict.fromkeys(made)
        lines += [
            f"{protocol} of {ground.card.id}: not towards {', '.join(names)}: {why}"
            for why, names in refused.items()
        ]
    if "ceiling" in protocols:
        found |= dict.fromkeys(_ceilings(ground, tuple(found)))
    return list(found), lines


def _leave_one_out(ground: Ground, test: str) -> list[Setting] | str:
    trainers = ground.trainers(test)
    if len(trainers) < 2:
        return f"it needs two other domains to train on, and there is {_ONE[len(trainers)]}"
    return [Setting("leave-one-corpus-out", trainers, test)]


def _pooled(ground: Ground, test: str) -> list[Setting] | str:
    trainers = ground.trainers(test)
    if not trainers:
        return "there is no other domain to train on"
    if test in ground.whole:
        return f"its speakers cannot be divided: {ground.whole[test]}"
    train = tuple(name for name in ground.card.domains if name in trainers or name == test)
    return [Setting("pooled", train, test)]


def _growth(ground: Ground, test: str, seed: int) -> list[Setting] | str:
    """Nested training sets in drawn orders, all on the classes that every domain has."""
    trainers = ground.trainers(test)
    if len(trainers) < 2:
        return f"it needs two other domains to train on, and there is {_ONE[len(trainers)]}"
    common = set(ground.classes[test]).intersection(*(ground.classes[one] for one in trainers))
    classes = tuple(one for one in ground.card.classes if one in common)
    if ground.card.target == "classes" and len(classes) < 2:
        return f"it needs two classes that all domains share, and there is {_ONE[len(classes)]}"
    steps = []
    for order in growth_orders(trainers, test, seed):
        for size in range(1, len(order) + 1):
            step = Setting("growth", order[:size], test)
            restricted = () if ground.shared(step) == classes else classes
            steps.append(Setting("growth", order[:size], test, restricted))
    return steps


def growth_orders(trainers: tuple[str, ...], test: str, seed: int) -> list[tuple[str, ...]]:
    """Different orders of the training domains, :data:`N_ORDERS` of them or as many as there are.

    They depend on the seed, the tested domain and the training domains alone.
    """
    rng = np.random.default_rng([seed, crc32(test.encode())])
    orders: dict[tuple[str, ...], None] = {}
    while len(orders) < min(N_ORDERS, factorial(len(trainers))):
        orders[tuple(trainers[place] for place in rng.permutation(len(trainers)))] = None
    return list(orders)


def _ceilings(ground: Ground, settings: Iterable[Setting]) -> Iterator[Setting]:
    for setting in settings:
        classes = ground.shared(setting)
        for domain in (setting.test, *(setting.train if setting.protocol == "pair" else ())):
            if domain not in ground.whole:
                yield ground.ceiling(domain, classes)
