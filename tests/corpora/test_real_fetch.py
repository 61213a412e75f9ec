"""The demo's corpora, fetched for real and compared with their cards."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from paralbench.audio.cache import AudioCache
from paralbench.cards import CorpusCard
from paralbench.corpora.fetch import fetch
from paralbench.corpora.verify import verify

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.mark.parametrize(
    "corpus", ["asterisk-prompts", "fillets", "klettres", "ktuberling", "polish-emotion"]
)
def test_fetched_corpus_is_as_its_card_says(
    corpus: str, shipped: Callable[[str], CorpusCard], kept_home: Path
):
    card = shipped(corpus)
    if card.sources[0].source == "debian" and shutil.which("apt-get") is None:
        pytest.skip("needs another platform: this one has no apt-get")
    root = fetch(card)
    assert fetch(card) == root
    report = verify(card, root, AudioCache())
    assert report.differences == []
    # What is left out for its audio is known to the card.
    assert set(report.excluded) <= {"extra", "copy", "known-bad", "label-missing"}
