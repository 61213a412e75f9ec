"""A development part inside a fold's training part, with speakers of its own."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from paralbench.errors import SplitError
from paralbench.splits.balance import one_side
from paralbench.splits.columns import column_of, identities, names_in, some
from paralbench.splits.fold import Positions
from paralbench.splits.groups import count_classes, keep_together

_ADVICE = (
    "Declare `selection: fixed` on the task card and give the hyper-parameters under `fixed`: "
    "then nothing is selected."
)


def development(
    frame: pd.DataFrame,
    train: Positions,
    label: str,
    share: float = 0.2,
    seed: int = 0,
    *,
    allow: Collection[str] = (),
) -> tuple[Positions, Positions]:
    """Divide training utterances into those to fit on and those to choose hyper-parameters by.

    The two share no speaker, and no session and no audio either where the corpus tells them; both
    hold every class, in about the same shares. Labels that are numbers are balanced by their
    quarters.

    Args:
        frame: one row per utterance.
        train: positions of the training utterances.
        label: the column of the label.
        share: the wanted share of development, between 0 and 1; few speakers may force another.
        seed: chooses among the divisions that are equally good.
        allow: kinds that the card lets leak, see ``split.leaks``: they do not hold speakers
            together.

    Returns:
        positions to fit on, and positions for development, both ascending.

    Raises:
        SplitError: speakers are unknown, or no division keeps every class on both sides.
    """
    if not 0 < share < 1:
        raise ValueError(f"share: {share} is not between 0 and 1.")
    part = frame.iloc[train]
    target = column_of(part, label)
    speakers = identities(part, "speaker")
    unknown = sum(name is None for name in speakers)
    if unknown:
        raise SplitError(
            f"{unknown} of {len(part)} training utterances have no speaker, so that no development "
            f"part can be kept apart from them. {_ADVICE}"
        )
    group = keep_together(part, allow)
    n_groups = len(np.unique(group))
    if n_groups < 2:
        raise SplitError(_one_group(len(set(speakers))))
    numbers = pd.api.types.is_numeric_dtype(target)
    classes = None if numbers else tuple(sorted(set(names_in(target))))
    if classes is not None:
        _check_classes(names_in(target), speakers, group, classes)
    counts, required = count_classes(group, target, classes)
    chosen = one_side(counts, required, share, np.random.default_rng(seed))
    if chosen is None:
        raise SplitError(
            f"no division of the {n_groups} training speakers (or groups of them that share "
            f"sessions or audio) keeps every class on both sides. {_ADVICE}"
        )
    in_development = chosen[group]
    return np.sort(train[~in_development]), np.sort(train[in_development])


def _one_group(n_speakers: int) -> str:
    if n_speakers < 2:
        return (
            "the training part has one speaker, so that no development part with another speaker "
            f"can be taken from it. {_ADVICE}"
        )
    return (
        f"the {n_speakers} training speakers are linked by shared sessions or audio, so that no "
        "development part can be kept apart. Declare the kind under `split.leaks` on the task "
        f"card if it does no harm. {_ADVICE}"
    )


def _check_classes(
    target: np.ndarray, speakers: np.ndarray, group: Positions, classes: tuple[str, ...]
) -> None:
    alone = []
    for name in classes:
        has = target == name
        if len(np.unique(group[has])) == 1:
            alone.append(f"{name} ({some(sorted(set(speakers[has])), 3)})")
    if alone:
        raise SplitError(
            "each of these classes has one training speaker, or speakers linked by shared sessions "
            f"or audio, so that it cannot be on both sides: {some(alone)}. {_ADVICE}"
        )
