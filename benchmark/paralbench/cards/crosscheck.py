"""What no card can know alone: whether the things that cards name exist and fit each other."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import permutations

from paralbench.cards.base import Card
from paralbench.cards.catalogue import Catalogue
from paralbench.cards.corpus import CorpusCard
from paralbench.cards.domains import corpora_of, own_classes, shared_classes
from paralbench.cards.task import Domain, HarmonisedCard, Split, SuiteCard, TaskCard
from paralbench.cards.upstream import FolderWeights, UpstreamCard

# The columns of every manifest by which its rows can be filtered or divided, and their values
# where these are fixed. The corpus's labels are columns, too.
COLUMNS: dict[str, tuple[str, ...]] = {
    "speaker": (),
    "session": (),
    "split": ("train", "development", "test"),
    "gender": ("female", "male"),
    "language": (),
}

# The ways from a corpus's label to the harmonised one, and the target each of them leads to.
_WAYS = (
    ("map", "a map", "classes"),
    ("regions", "regions", "classes"),
    ("scale", "a scale", "regression"),
    ("values", "values", "regression"),
)

Found = Iterator[tuple[str, str]]  # the key, and what is wrong with it


def problems(
    catalogue: Catalogue,
    families: Collection[str] | None = None,
    readers: Collection[str] | None = None,
) -> list[str]:
    """What cards name and is not there, or does not fit: ``FILE: KEY: what is wrong``.

    Args:
        catalogue: the cards.
        families: names of the upstream families; not checked where None.
        readers: names of the corpus readers; not checked where None.
    """
    found: list[str] = []

    def note(card: Card, faults: Found) -> None:
        found.extend(f"{card.file or card.id}: {key}: {words}." for key, words in faults)

    for upstream in catalogue.upstreams:
        note(upstream, _upstream(upstream, families))
    for corpus in catalogue.corpora:
        note(corpus, _corpus(corpus, readers))
    for task in catalogue.tasks:
        note(task, _task(task, catalogue))
    for harmonised in catalogue.harmonised:
        note(harmonised, _harmonised(harmonised, catalogue))
    for suite in catalogue.suites:
        note(suite, _suite(suite, catalogue))
    return found


def _upstream(card: UpstreamCard, families: Collection[str] | None) -> Found:
    if families is not None:
        yield from _known("family", "family", [card.family], families)
    for number, weights in enumerate(card.weights):
        if isinstance(weights, FolderWeights) and not (card.folder / weights.path).is_dir():
            yield f"weights.{number}.path", f"no folder {str(card.folder / weights.path)!r}"


def _corpus(card: CorpusCard, readers: Collection[str] | None) -> Found:
    if readers is not None:
        yield from _known("reader.name", "reader", [card.reader.name], readers)
    if card.speakers == "unknown" and card.resample == "speaker":
        yield "resample", "'speaker' needs speakers that are known. Allowed: session, utterance"


def _task(card: TaskCard, catalogue: Catalogue) -> Found:
    yield from _known("corpus", "corpus", [card.corpus], catalogue.corpora.ids())
    if card.corpus not in catalogue.corpora:
        return
    corpus = catalogue.corpora.get(card.corpus)
    yield from _label("label", card.label, card.target, corpus)
    label = corpus.labels.get(card.label)
    if label is not None and label.kind == "class":
        yield from _known("classes", f"class of {card.label!r}", card.classes, label.values)
    yield from _where("where", card.where, corpus)
    yield from _split(card, card.split, corpus)


def _split(card: TaskCard, split: Split, corpus: CorpusCard) -> Found:
    by_speaker = split.protocol in ("leave-one-speaker-out", "speaker-k-fold")
    if by_speaker and corpus.speakers == "unknown":
        yield "split.protocol", f"{split.protocol!r} needs speakers, and {corpus.id} has none"
    owners_own = split.protocol in ("official", "predefined")
    if card.selection == "development" and corpus.speakers == "unknown" and not owners_own:
        yield (
            "selection",
            f"'development' needs a development split without the speakers of the others, and "
            f"{corpus.id} has no speakers. Allowed: fixed",
        )
    if split.column is not None:
        yield from _known("split.column", "column", [split.column], _columns(corpus))
    if split.file is not None and not (card.folder / split.file).is_file():
        yield "split.file", f"no file {str(card.folder / split.file)!r}"


def _harmonised(card: HarmonisedCard, catalogue: Catalogue) -> Found:
    classes: dict[str, set[str]] = {}
    for name, domain in card.domains.items():
        key = f"domains.{name}"
        yield from _known(f"{key}.corpora", "corpus", domain.corpora, catalogue.corpora.ids())
        yield from _domain(key, card, domain, catalogue)
        if card.target == "regression":
            continue
        classes[name] = set(shared_classes(card, name, catalogue))
        if not classes[name]:
            yield key, f"none of its classes is among {', '.join(card.classes)}"
    for one, other in card.pairs or permutations(card.domains, 2):
        if one in classes and other in classes and len(classes[one] & classes[other]) < 2:
            yield "pairs", f"{one!r} and {other!r} share fewer than two classes"


def _domain(key: str, card: HarmonisedCard, domain: Domain, catalogue: Catalogue) -> Found:
    """Whether a domain's map fits its corpora's labels and the card's target."""
    for corpus in corpora_of(domain, catalogue):
        for column in domain.columns:
            yield from _label(f"{key}.regions", column, "regression", corpus)
        if not domain.regions:
            kind = "classes" if domain.values else card.target
            yield from _label(f"{key}.label", domain.label or card.label, kind, corpus)
        yield from _where(f"{key}.where", domain.where, corpus)
        if card.target == "regression" and not domain.values:
            yield from _scale(key, card, domain, corpus)
    for way, words, target in _WAYS:
        if getattr(domain, way) and card.target != target:
            yield f"{key}.{way}", f"only a target {target!r} has {words}"
    if card.target == "regression":
        low, high = float(card.low or 0), float(card.high or 0)
        for value in domain.values.values():
            if not low <= value <= high:
                yield f"{key}.values", f"{value:g} leaves this card's {low:g} to {high:g}"
    else:
        yield from _known(f"{key}.map", "class of this card", domain.map.values(), card.classes)
        yield from _known(f"{key}.regions", "class of this card", domain.regions, card.classes)
    values = own_classes(card, domain, catalogue)
    if values is not None:
        yield from _known(f"{key}.map", "class of its corpora", domain.map, values)
        yield from _known(f"{key}.values", "class of its corpora", domain.values, values)


def _scale(key: str, card: HarmonisedCard, domain: Domain, corpus: CorpusCard) -> Found:
    """Whether the numbers of a corpus fit the card's scale, or the scale of its domain them."""
    label = corpus.labels.get(domain.label or card.label)
    if label is None or label.low is None or label.high is None:
        return
    its = f"{label.low:g} to {label.high:g} in {corpus.id}"
    if domain.scale is not None:
        if domain.scale[0] < label.low or domain.scale[1] > label.high:
            yield f"{key}.scale", f"{list(domain.scale)!r} goes beyond the label, which is {its}"
        return
    low, high = float(card.low or 0), float(card.high or 0)
    if label.low < low or label.high > high:
        yield (
            key,
            f"the label is {its}, which leaves this card's {low:g} to {high:g}. Give the domain a "
            "scale, or the card another low and high",
        )


def _suite(card: SuiteCard, catalogue: Catalogue) -> Found:
    yield from _known("upstreams", "upstream", card.upstreams, catalogue.upstreams.ids())
    yield from _known("tasks", "task", card.tasks, catalogue.tasks.ids())
    yield from _known("transfer", "harmonised map", card.transfer, catalogue.harmonised.ids())
    yield from _known("corpora", "corpus", card.corpora, catalogue.corpora.ids())
    yield from _known("sample", "corpus", card.sample, catalogue.corpora.ids())
    used = _used(card, catalogue)
    for name, sample in card.sample.items():
        if name not in catalogue.corpora:
            continue
        corpus = catalogue.corpora.get(name)
        yield from _known(f"sample.{name}.by", "column", sample.by, _columns(corpus))
        yield from _where(f"sample.{name}.where", sample.where, corpus)
        if name not in used:
            yield f"sample.{name}", "no task and no transfer setting of this suite uses it"


def _used(card: SuiteCard, catalogue: Catalogue) -> set[str]:
    tasks = [catalogue.tasks.get(id) for id in card.tasks if id in catalogue.tasks]
    maps = [catalogue.harmonised.get(id) for id in card.transfer if id in catalogue.harmonised]
    domains = [domain for one in maps for domain in one.domains.values()]
    return {task.corpus for task in tasks} | {id for domain in domains for id in domain.corpora}


def _columns(corpus: CorpusCard) -> dict[str, tuple[str, ...]]:
    """A corpus's columns and, where they are known, their values."""
    return COLUMNS | {name: label.values for name, label in corpus.labels.items()}


def _label(key: str, name: str, target: str, corpus: CorpusCard) -> Found:
    yield from _known(key, f"label of {corpus.id}", [name], corpus.labels)
    kind = corpus.labels[name].kind if name in corpus.labels else None
    fitting = {"classes": "class", "regression": "number"}[target]
    if kind not in (None, fitting):
        yield key, f"{name!r} of {corpus.id} is a {kind}, which the target {target!r} does not fit"


def _where(key: str, where: Mapping[str, tuple[str, ...]], corpus: CorpusCard) -> Found:
    columns = _columns(corpus)
    yield from _known(key, f"column of {corpus.id}", where, columns)
    for column, values in where.items():
        if columns.get(column):
            yield from _known(f"{key}.{column}", f"value in {corpus.id}", values, columns[column])


def _known(key: str, kind: str, given: Iterable[str], allowed: Collection[str]) -> Found:
    """A finding for each name that is not among the allowed ones."""
    for name in given:
        if name not in allowed:
            close = get_close_matches(name, allowed, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            listed = ", ".join(sorted(allowed)) or "none"
            yield key, f"no {kind} is called {name!r}.{hint} Allowed: {listed}"
