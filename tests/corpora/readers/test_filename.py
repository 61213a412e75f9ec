"""The reader ``filename``."""

from collections.abc import Callable
from pathlib import Path

import pytest

from paralbench.cards import CorpusCard
from paralbench.corpora.load import load_manifest
from paralbench.corpora.readers import check_card
from paralbench.errors import CardError, CorpusError

Lay = Callable[..., Path]
Card = Callable[..., CorpusCard]

PATTERN = r"(?P<speaker>[a-z]+)_(?P<emotion>\w+)"
CLASSES = {"emotion": {"kind": "class", "values": ["anger", "neutral"]}}


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_matches_the_end_of_a_path_without_its_suffix(
    lay: Lay, make_card: Card, tmp_path: Path, suffix: str
):
    lay(tmp_path, "a/b/ann_anger", "bob_neutral", suffix=suffix)
    frame = load_manifest(make_card(options={"pattern": PATTERN}), tmp_path).frame
    assert frame["utterance"].tolist() == ["a/b/ann_anger", "bob_neutral"]
    assert frame["path"].tolist() == [f"a/b/ann_anger{suffix}", f"bob_neutral{suffix}"]
    assert frame["speaker"].tolist() == ["ann", "bob"]


def test_a_pattern_may_name_folders(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "data/anger/ann/1", "data/neutral/bob/1")
    card = make_card(options={"pattern": r"(?P<emotion>[^/]+)/(?P<speaker>[^/]+)/[0-9]"})
    frame = load_manifest(card, tmp_path).frame
    assert frame["emotion"].tolist() == ["anger", "neutral"]
    assert frame["speaker"].tolist() == ["ann", "bob"]


def test_flags_in_the_pattern(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "x/ANN_anger")
    frame = load_manifest(make_card(options={"pattern": "(?i)" + PATTERN}), tmp_path).frame
    assert frame["speaker"].tolist() == ["ANN"]


def test_hidden_files_and_archive_litter_are_no_audio(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "ann_anger", "._bob_anger", ".git/cid_anger", "__MACOSX/dan_anger")
    manifest = load_manifest(make_card(options={"pattern": PATTERN}), tmp_path)
    assert manifest.frame["speaker"].tolist() == ["ann"]
    assert not manifest.excluded


def test_links_are_followed_and_loops_end(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path / "elsewhere", "ann_anger")
    root = tmp_path / "corpus"
    root.mkdir()
    (root / "part").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    frame = load_manifest(make_card(options={"pattern": PATTERN}), root).frame
    assert frame["utterance"].tolist() == ["part/ann_anger"]


def test_the_better_of_two_copies_is_taken(
    wav: Callable[..., Path], make_card: Card, tmp_path: Path
):
    wav(tmp_path / "ann_anger.ogg")
    wav(tmp_path / "ann_anger.wav")
    manifest = load_manifest(make_card(options={"pattern": PATTERN}), tmp_path)
    assert manifest.frame["path"].tolist() == ["ann_anger.wav"]
    assert [(one.reason, one.detail) for one in manifest.excluded] == [
        ("copy", "ann_anger.ogg beside ann_anger.wav")
    ]


def test_only_the_suffixes_asked_for_count(
    wav: Callable[..., Path], make_card: Card, tmp_path: Path
):
    wav(tmp_path / "ann_anger.wav")
    wav(tmp_path / "bob_anger.ogg")
    card = make_card(options={"pattern": PATTERN, "suffixes": [".ogg"]})
    assert load_manifest(card, tmp_path).frame["speaker"].tolist() == ["bob"]


def test_counts_unknown_and_missing_labels(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "ann_anger", "bob_boredom", "cid_", "dan-anger")
    card = make_card(options={"pattern": r"(?P<speaker>[a-z]+)_(?P<emotion>\w*)"})
    manifest = load_manifest(card, tmp_path, partial=True)
    assert {one.utterance: (one.reason, one.detail) for one in manifest.excluded} == {
        "bob_boredom": ("label-unknown", "emotion: 'boredom'; the card allows anger, neutral"),
        "cid_": ("label-missing", "no emotion is given"),
        "dan-anger": ("extra", "the name is not matched by the pattern"),
    }


def test_a_row_with_one_of_two_labels_is_kept(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "ann_anger_30", "bob_neutral", "cid_anger_999")
    labels = {**CLASSES, "age": {"kind": "number", "low": 0, "high": 120, "unit": "years"}}
    pattern = r"(?P<speaker>[a-z]+)_(?P<emotion>[a-z]+)(?:_(?P<age>[0-9]+))?"
    manifest = load_manifest(
        make_card(labels=labels, options={"pattern": pattern}), tmp_path, partial=True
    )
    assert manifest.frame["age"].dtype == "float64"
    assert manifest.frame["age"].isna().tolist() == [False, True]
    assert [(one.utterance, one.detail) for one in manifest.excluded] == [
        ("cid_anger_999", "age: '999'; the card allows numbers from 0.0 to 120.0")
    ]


def test_constants_splits_and_genders_are_put_into_our_words(
    lay: Lay, make_card: Card, tmp_path: Path
):
    lay(tmp_path, "Train/ann_F_anger", "devel/bob_w_neutral", "test/cid_unknown_anger")
    card = make_card(
        options={
            "pattern": r"(?P<split>\w+)/(?P<speaker>[a-z]+)_(?P<gender>\w+)_(?P<emotion>[a-z]+)",
            "values": {"gender": {"w": "female"}},
            "constants": {"language": "ur", "session": "one"},
        }
    )
    frame = load_manifest(card, tmp_path).frame
    assert frame["split"].tolist() == ["train", "development", "test"]
    assert frame["gender"].tolist()[:2] == ["female", "female"]
    assert frame["gender"].isna().tolist() == [False, False, True]
    assert set(frame["language"]) == {"ur"}
    assert set(frame["session"]) == {"one"}


def test_a_split_of_another_name_is_refused(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "eval/ann_anger")
    card = make_card(options={"pattern": rf"(?P<split>\w+)/{PATTERN}"})
    with pytest.raises(CorpusError, match="split: 'eval' is not allowed"):
        load_manifest(card, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "pattern"),
        ({"pattern": "(?P<emotion>["}, "not a regular expression"),
        ({"pattern": r"(?P<speaker>\w+)"}, r"no group \(\?P<emotion>...\) for the label 'emotion'"),
        ({"pattern": PATTERN + "(?P<emoton>x)"}, "the group 'emoton' is neither a column nor a"),
        ({"pattern": PATTERN, "value": {}}, "value"),
        ({"pattern": PATTERN, "values": {"gendre": {"m": "male"}}}, "'gendre' is no column"),
        ({"pattern": PATTERN, "constants": {"lang": "pl"}}, "'lang' is no column"),
    ],
)
def test_wrong_options_are_card_errors(options: dict, message: str, make_card: Card):
    with pytest.raises(CardError, match=message):
        check_card(make_card(options=options))


def test_readers_of_one_corpus_take_no_options(make_card: Card):
    with pytest.raises(CardError, match="the reader 'urdu' has none; given: pattern"):
        check_card(make_card("urdu", options={"pattern": "x"}))


def test_no_match_shows_a_name(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "01-anger")
    with pytest.raises(CorpusError, match="none of the 1 audio files") as error:
        load_manifest(make_card(options={"pattern": PATTERN}), tmp_path)
    assert "'01-anger'" in str(error.value)


def test_a_folder_too_deep_for_the_pattern(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path / "anger", "ann_1")
    card = make_card(options={"pattern": r"(?P<emotion>[a-z]+)/(?P<speaker>[a-z]+)_[0-9]"})
    with pytest.raises(CorpusError, match="too deep") as error:
        load_manifest(card, tmp_path / "anger")
    assert f"give {tmp_path} instead" in str(error.value)


def test_everything_left_out_says_why(lay: Lay, make_card: Card, tmp_path: Path):
    lay(tmp_path, "ann_rage", "bob_rage")
    with pytest.raises(CorpusError, match="label-unknown 2, such as ann_rage") as error:
        load_manifest(make_card(options={"pattern": PATTERN}), tmp_path)
    assert "the card allows anger, neutral" in str(error.value)


def test_no_audio_no_folder_a_file(make_card: Card, tmp_path: Path):
    card = make_card(options={"pattern": PATTERN})
    with pytest.raises(CorpusError, match="no audio file under"):
        load_manifest(card, tmp_path)
    with pytest.raises(CorpusError, match="does not exist"):
        load_manifest(card, tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match="is a file"):
        load_manifest(card, tmp_path / "file")


def test_a_folder_that_cannot_be_read_is_not_passed_over(
    lay: Lay, make_card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import os

    lay(tmp_path, "ann_anger", "closed/bob_anger")
    scandir = os.scandir

    def refuse(path):  # permissions do not hold back root, which may run the tests
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CorpusError, match="closed cannot be read: Permission denied"):
        load_manifest(make_card(options={"pattern": PATTERN}), tmp_path)
