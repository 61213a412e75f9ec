"""Typed cards: what an upstream, a corpus, a task, a label map, a suite is."""

from paralbench.cards.base import Card
from paralbench.cards.catalogue import Catalogue, Shelf, load_catalogue
from paralbench.cards.corpus import CorpusCard
from paralbench.cards.task import Domain, Fixed, HarmonisedCard, Split, SuiteCard, TaskCard
from paralbench.cards.upstream import UpstreamCard

__all__ = [
    "Card",
    "Catalogue",
    "CorpusCard",
    "Domain",
    "Fixed",
    "HarmonisedCard",
    "Shelf",
    "Split",
    "SuiteCard",
    "TaskCard",
    "UpstreamCard",
    "load_catalogue",
]
