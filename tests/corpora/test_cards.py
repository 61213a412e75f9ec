"""Every shipped corpus card."""

from pathlib import Path

import pytest

from paralbench.cards import CorpusCard
from paralbench.cards.catalogue import read_card, shipped_folder
from paralbench.corpora.readers import READERS, check_card

FILES = sorted((shipped_folder() / "tasks" / "corpora").glob("*.yaml"))
OURS = (
    "asterisk-prompts",
    "baved",
    "fillets",
    "klettres",
    "ktuberling",
    "nemo",
    "polish-emotion",
    "urdu",
)


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def card(request: pytest.FixtureRequest) -> CorpusCard:
    (card, *_) = read_card(request.param, "corpus")
    assert isinstance(card, CorpusCard)
    return card


def test_the_demo_corpora_have_cards():
    assert set(OURS) <= {file.stem for file in FILES}


def test_id_is_the_files_name(card: CorpusCard):
    assert card.file is not None
    assert card.id == Path(card.file).stem


def test_reader_and_options_are_known(card: CorpusCard):
    check_card(card)
    assert callable(READERS.get(card.reader.name))


def test_says_where_it_comes_from(card: CorpusCard):
    assert card.citation
    assert card.homepage
    assert card.sources, "a shipped card says how the corpus is had"
    assert card.traps


def test_sources_are_pinned(card: CorpusCard):
    for source in card.sources:
        if source.source == "pypi":
            assert "==" in source.package
        if source.source == "url":
            assert all(file.url.startswith("https://") for file in source.files)


def test_labels_and_languages(card: CorpusCard):
    for label in card.labels.values():
        if label.kind == "class":
            assert len(label.values) >= 2
        else:
            assert label.unit or None not in (label.low, label.high)  # a rating scale has no unit
    if "language" in card.labels:
        assert card.labels["language"].values == card.languages
    if "gender" in card.labels:
        assert card.labels["gender"].values == ("female", "male")


def test_expected_counts_agree_with_each_other(card: CorpusCard):
    for name, expected in {"": card.expected, **card.releases}.items():
        total = expected.utterances
        for label, counts in expected.classes.items():
            # A label may be given for some utterances only.
            assert total is None or sum(counts.values()) <= total, (name, label)
        if total is not None and expected.splits:
            assert sum(expected.splits.values()) <= total, name
        for split, by_label in expected.split_classes.items():
            for label, counts in by_label.items():
                assert sum(counts.values()) <= expected.splits.get(split, 10**9), (name, split)
                whole = expected.classes.get(label, {})
                for value, count in counts.items():
                    assert count <= whole.get(value, 10**9), (name, split, label, value)


def test_speakers_are_only_resampled_where_they_are_known(card: CorpusCard):
    assert card.speakers == "known" or card.resample != "speaker"
