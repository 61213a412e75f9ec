"""``corpora new``: from a folder to a card that runs."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.layouts.voices import write_voice
from typer.testing import CliRunner

from paralbench.cards.catalogue import load_catalogue
from paralbench.cli.main import app
from paralbench.corpora.draft import draft
from paralbench.corpora.load import load_manifest
from paralbench.errors import CardError, CorpusError

Lay = Callable[..., Path]
SPEAKERS = {"ann": "f", "bea": "f", "cleo": "f", "dan": "m", "eli": "m", "fred": "m"}
EMOTIONS = ("anger", "joy", "sadness")


def card_of(root: Path, tmp_path: Path, id: str = "mine"):
    made = draft(root, id, tmp_path / "cards")
    return made, load_catalogue([tmp_path / "cards"]).corpora.get(id)


def names_of(pattern: str) -> list[str]:
    """File names with speaker, sex, emotion and a number."""
    return [
        pattern.format(speaker=speaker, sex=sex, emotion=emotion, number=number)
        for speaker, sex in SPEAKERS.items()
        for emotion in EMOTIONS
        for number in range(2)
    ]


def write_table(file: Path, rows: list[list[str]], separator: str = ",", **written: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(separator.join(row) + "\n" for row in rows), **written)


@pytest.fixture
def table(lay: Lay, tmp_path: Path) -> Callable[..., Path]:
    """A corpus of 36 files whose labels are in a table; the cell of the path is told."""

    def build(path: str, file: str = "labels.csv", separator: str = ",", **written: str) -> Path:
        root = tmp_path / "corpus"
        rows = [["file", "SpkrID", "Sex", "mood", "arousal", "note"]]
        for place, name in enumerate(names_of("{speaker}_{sex}_{emotion}_{number}")):
            speaker, sex, emotion, _ = name.split("_")
            lay(root, f"audio/{speaker}/{place:03}")
            cell = path.format(place=f"{place:03}", speaker=speaker)
            rows.append([cell, speaker, sex, emotion, str(1 + place * 0.1), f"note {place} é"])
        write_table(root / file, rows, separator, **written)
        return root

    return build


@pytest.mark.parametrize(
    ("path", "file", "separator", "template"),
    [
        ("audio/{speaker}/{place}.wav", "labels.csv", ",", "{file}"),
        ("{place}.wav", "labels.csv", ";", "audio/{SpkrID}/{file}"),
        ("{place}", "meta/labels.tsv", "\t", "audio/{SpkrID}/{file}"),
        ("{speaker}/{place}.flac", "labels.txt", "|", "audio/{file}"),
        ("{speaker}\\{place}.wav", "a/b/labels.csv", "\t", "audio/{file}"),
    ],
)
def test_tables(table, path: str, file: str, separator: str, template: str, tmp_path: Path):
    root = table(path, file, separator, encoding="cp1252")
    made, card = card_of(root, tmp_path)
    options = card.reader.options
    assert (card.reader.name, options["file"], options["path"]) == ("csv", file, template)
    frame = load_manifest(card, root).frame
    assert len(frame) == 36
    assert set(frame["speaker"]) == set(SPEAKERS)
    assert frame["gender"].value_counts().to_dict() == {"female": 18, "male": 18}
    assert card.labels["mood"].values == EMOTIONS
    assert (card.labels["arousal"].low, card.labels["arousal"].high) == (1, 4.5)
    assert "note" not in card.labels
    assert {task.label: task.split for task in card.tasks} == dict.fromkeys(
        ("gender", "mood", "arousal"), "leave-one-speaker-out"
    )
    assert made.faults == 0
    assert any("column note" in line for line in made.lines)


def test_owners_split_segments_and_a_column_called_otherwise(lay: Lay, tmp_path: Path):
    root = lay(tmp_path / "corpus", *(f"{speaker}" for speaker in SPEAKERS))
    rows = [["clip", "speaker", "set", "begin", "stop", "start", "label", "lang", "session"]]
    for place, speaker in enumerate(SPEAKERS):
        part = "eval" if place % 3 == 2 else "trn"
        for number in range(8):
            times = [str(number / 100), str((number + 1) / 100)]
            label = ("calm", "tense")[number % 2]
            rows.append([f"{speaker}.wav", speaker, part, *times, "yes", label, "de", f"s{place}"])
    write_table(root / "index.csv", rows)
    made, card = card_of(root, tmp_path)
    frame = load_manifest(card, root).frame
    assert frame.groupby("split").size().to_dict() == {"test": 16, "train": 32}
    assert (frame["end"] - frame["start"]).round(3).unique().tolist() == [0.01]
    assert card.languages == ("de",)
    assert frame["session"].nunique() == 6
    assert [(task.label, task.split) for task in card.tasks] == [("label", "official")]
    text = made.file.read_text()
    assert "# check: eval is test; trn is train" in text


def test_an_official_split_that_shares_speakers_is_not_proposed(table, tmp_path: Path):
    root = table("{place}")
    file = root / "labels.csv"
    head, *rows = file.read_text().splitlines()
    parts = [f"{row},{('train', 'test')[place % 2]}" for place, row in enumerate(rows)]
    file.write_text("\n".join([f"{head},split", *parts]))
    _, card = card_of(root, tmp_path)
    assert {task.split for task in card.tasks} == {"leave-one-speaker-out"}


def test_many_speakers_are_folded(lay: Lay, tmp_path: Path):
    names = [f"p{n:02}_{mood}_{k}" for n in range(15) for mood in ("happy", "sad") for k in (1, 2)]
    root = lay(tmp_path / "corpus", *names)
    _, card = card_of(root, tmp_path)
    assert [(task.label, task.split) for task in card.tasks] == [("emotion", "speaker-k-fold")]


@pytest.mark.parametrize(
    "pattern",
    [
        "{speaker}_{sex}_{emotion}_{number}",
        "{emotion}/{speaker}-{sex}.{number}",
        "wav/{speaker}/{emotion}-{sex} {number}",
    ],
)
def test_names(pattern: str, lay: Lay, tmp_path: Path):
    root = lay(tmp_path / "corpus", *names_of(pattern))
    made, card = card_of(root, tmp_path)
    frame = load_manifest(card, root).frame
    assert set(frame["speaker"]) == set(SPEAKERS)
    mine = frame[frame["speaker"] == "ann"]
    assert set(mine["gender"]) == {"female"}
    assert mine["emotion"].value_counts().to_dict() == dict.fromkeys(EMOTIONS, 2)
    assert {task.label for task in card.tasks} == {"emotion", "gender"}
    assert "# check:" in made.file.read_text()
    assert "class1" in card.labels, "the number: it could be one, and has no task"
    assert any(line.startswith("no task      class1: what it is") for line in made.lines)


def test_codes_of_constant_width(lay: Lay, tmp_path: Path):
    names = [
        f"{n:02}a{t:02}{e}{v}" for n in (3, 8, 9, 10) for t in (1, 2) for e in "WLF" for v in "ab"
    ]
    _, card = card_of(lay(tmp_path / "corpus", *names), tmp_path)
    frame = load_manifest(card, tmp_path / "corpus").frame
    assert set(frame["speaker"]) == {"03", "08", "09", "10"}
    assert ("F", "L", "W") in [label.values for label in card.labels.values()]


def test_gender_inside_a_speakers_code(lay: Lay, tmp_path: Path):
    names = [
        f"{e}/S{g}{n}_{k}"
        for e in ("Happy", "Sad")
        for g in "FM"
        for n in range(1, 12)
        for k in "12"
    ]
    root = lay(tmp_path / "corpus", *names)
    _, card = card_of(root, tmp_path)
    frame = load_manifest(card, root).frame
    assert frame["speaker"].nunique() == 22
    assert set(frame.loc[frame["speaker"] == "SF1", "gender"]) == {"female"}


def test_without_speakers_the_card_says_what_is_missing(lay: Lay, tmp_path: Path):
    root = lay(tmp_path / "corpus", *(f"{mood}/clip{n:03}" for mood in EMOTIONS for n in range(20)))
    made, card = card_of(root, tmp_path)
    assert (card.speakers, card.resample, card.tasks) == ("unknown", "utterance", ())
    assert any("who speaks" in line for line in made.lines)
    assert "# - {label: emotion, split: speaker-k-fold}" in made.file.read_text()


def test_files_that_lack_are_told(table, tmp_path: Path):
    root = table("{place}")
    for file in list(root.rglob("00*.wav"))[:4]:
        file.unlink()
    write_voice(root / "audio" / "spare.wav")
    made, _ = card_of(root, tmp_path)
    assert made.faults == 4
    assert "left out     4 missing" in made.lines
    assert "left out     1 extra" in made.lines


def test_nothing_to_go_by(lay: Lay, tmp_path: Path):
    def refused(root: Path, message: str) -> None:
        with pytest.raises(CorpusError, match=message):
            draft(root, "mine", tmp_path / "cards")

    refused(tmp_path / "nowhere", "does not exist")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no audio file under")
    refused(lay(tmp_path, "a", "b") / "a.wav", "is a file, not a folder")
    root = lay(tmp_path / "corpus", *(f"clip{n:03}" for n in range(9)))
    (root / "readme.txt").write_text("Nine clips.\n")
    refused(root, r"Looked at: readme\.txt: .* Two layouts are understood: a table .* ann_f_angry")
    assert not (tmp_path / "cards").exists()


def test_no_card_is_overwritten_and_no_id_taken(lay: Lay, tmp_path: Path):
    root = lay(tmp_path / "corpus", *names_of("{speaker}_{sex}_{emotion}_{number}"))
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "mine.yaml").write_text("mine\n")
    with pytest.raises(CardError, match="is there already"):
        draft(root, "mine", tmp_path / "cards")
    assert (tmp_path / "cards" / "mine.yaml").read_text() == "mine\n"
    with pytest.raises(CardError, match="'nemo' is already taken"):
        draft(root, "nemo", tmp_path / "others", others=["nemo"])
    with pytest.raises(CardError, match="the id 'My Corpus'"):
        draft(root, "My Corpus", tmp_path / "others")


@pytest.mark.parametrize(
    ("corpus", "labels", "speakers"),
    [
        ("nemo", {"emotion": 6, "gender": 2, "age": 0}, 9),
        ("urdu", {"emotion": 4, "gender": 2}, 29),
        ("baved", {"level": 3, "gender": 2, "age": 0}, 60),
    ],
)
def test_real_corpora(
    corpus: str, labels: dict[str, int], speakers: int, shared_corpora: Path, shipped, tmp_path
):
    root = shared_corpora / corpus
    made, card = card_of(root, tmp_path)
    assert labels.items() <= {name: len(one.values) for name, one in card.labels.items()}.items()
    assert set(labels) - {"age"} <= {task.label for task in card.tasks}
    mine = load_manifest(card, root).frame.set_index("path")
    ours = load_manifest(shipped(corpus), root, partial=True).frame.set_index("path")
    assert mine["speaker"].nunique() == speakers
    mine = mine.loc[ours.index]
    for column in ("speaker", "gender", "age"):
        if column in ours:
            assert (mine[column] == ours[column]).all()
    assert made.faults == 0


def invoke(command: str):
    return CliRunner().invoke(app, shlex.split(command))


def test_new_validate_verify_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The commands that each one prints, one after another, on a miniature."""
    monkeypatch.chdir(tmp_path)
    for name in names_of("{speaker}_{sex}_{emotion}_{number}"):
        speaker, _, emotion, _ = name.split("_")
        write_voice(tmp_path / "Our Voices" / f"{name}.wav", speaker, emotion)
    new = invoke("corpora new 'Our Voices'")
    assert new.exit_code == 0, new.output
    assert "Written to cards/our-voices.yaml" in new.stdout
    assert invoke("validate --cards cards").exit_code == 0
    commands = [line.strip() for line in new.stdout.splitlines() if line.startswith("  paralbench")]
    verify, run = (line.removeprefix("paralbench ") for line in commands)
    assert "36, 0.00 h, 6 speakers" in invoke(verify).stdout
    done = invoke(f"{run} --recipes paralbench --seeds 1")
    assert done.exit_code == 0, done.output
    board = invoke("leaderboard runs/our-voices --format csv").stdout
    assert "our-voices-emotion" in board
