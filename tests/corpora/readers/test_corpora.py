"""Readers of one corpus each: miniature folders with every trap, and the real corpora."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from paralbench.cards import CorpusCard
from paralbench.corpora.load import load_manifest
from paralbench.corpora.manifest import Manifest
from paralbench.errors import CorpusError

Lay = Callable[..., Path]
Shipped = Callable[[str], CorpusCard]


def row(manifest: Manifest, utterance: str) -> dict:
    (found,) = manifest.frame[manifest.frame["utterance"] == utterance].to_dict("records")
    return {key: value for key, value in found.items() if value == value and value is not None}


def left_out(manifest: Manifest) -> dict[str, str]:
    return {one.utterance: one.reason for one in manifest.excluded}


def test_polish_emotion(lay: Lay, shipped: Shipped, tmp_path: Path):
    root = lay(tmp_path, "m1.a_oddaj_4", "m5.s_tak_1", "m2.n_nie_5", "noise", "m1.x_tak_1")
    (root / "README.md").write_text("not audio")
    manifest = load_manifest(shipped("polish-emotion"), root, partial=True)
    assert manifest.frame["utterance"].tolist() == ["m1.a_oddaj_4", "m2.n_nie_5", "m5.s_tak_1"]
    assert row(manifest, "m5.s_tak_1") == {
        "utterance": "m5.s_tak_1",
        "path": "m5.s_tak_1.wav",
        "speaker": "m5",
        "gender": "male",
        "language": "pl",
        "emotion": "fear",  # s as in strach
        "transcript": "tak",
    }
    assert left_out(manifest) == {"noise": "extra", "m1.x_tak_1": "label-unknown"}


def nemo(lay: Lay, root: Path, *rows: str, suffix: str = ".flac") -> Path:
    names = [one.split("\t")[0].removesuffix(".wav") for one in rows]
    lay(root / "samples", *names, suffix=suffix)
    header = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
    (root / "data.tsv").write_text(header + "".join(f"{one}\n" for one in rows), encoding="utf-8")
    return root


NEMO_ROWS = (
    "EB0_fear_21.wav\tfear\tEgipcjanie uważali ibisy.\tegipcjanie\t        EB0\tfemale\t27",
    'KS0_anger_3.wav\tanger\t"Nie, powiedział.\tnie\t        KS0\tmale\t23',
)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_nemo(lay: Lay, shipped: Shipped, tmp_path: Path, suffix: str):
    manifest = load_manifest(shipped("nemo"), nemo(lay, tmp_path, *NEMO_ROWS, suffix=suffix))
    assert row(manifest, "EB0_fear_21") == {
        "utterance": "EB0_fear_21",
        "path": f"samples/EB0_fear_21{suffix}",  # the table says .wav
        "speaker": "EB0",  # the table has blanks before it
        "gender": "female",
        "language": "pl",
        "emotion": "fear",
        "age": 27.0,
        "transcript": "Egipcjanie uważali ibisy.",
    }
    assert row(manifest, "KS0_anger_3")["transcript"] == '"Nie, powiedział.'
    assert not manifest.excluded


def test_nemo_counts_what_is_missing_extra_double_or_unknown(
    lay: Lay, wav: Callable[..., Path], shipped: Shipped, tmp_path: Path
):
    unknown = (
        NEMO_ROWS[0].replace("EB0_fear_21", "EB0_boredom_1").replace("\tfear\t", "\tboredom\t")
    )
    root = nemo(lay, tmp_path, *NEMO_ROWS, NEMO_ROWS[0], unknown)
    (root / "samples" / "KS0_anger_3.flac").unlink()
    wav(root / "samples" / "XX0_anger_1.wav")
    wav(root / "samples" / "EB0_fear_21.wav")  # a second copy of the flac
    manifest = load_manifest(shipped("nemo"), root, partial=True)
    assert manifest.frame["utterance"].tolist() == ["EB0_fear_21"]
    assert Counter(one.reason for one in manifest.excluded) == {
        "missing": 1,
        "label-unknown": 1,
        "extra": 1,
        "duplicate-row": 1,
        "copy": 1,
    }


def test_urdu(lay: Lay, shipped: Shipped, tmp_path: Path):
    root = lay(
        tmp_path,
        "Angry/SM1_F10_A010",
        "Sad/SF1_F2_S02",
        "Happy/SM24_F1_N077",  # the folder says happy, the name neutral
        "Neutral/other",
    )
    manifest = load_manifest(shipped("urdu"), root, partial=True)
    first = row(manifest, "SM1_F10_A010")
    assert first["emotion"] == "angry"
    assert (first["speaker"], first["gender"], first["language"]) == ("SM1", "male", "ur")
    assert row(manifest, "SF1_F2_S02")["speaker"] == "SF1"  # not the SM1 of the same number
    assert left_out(manifest) == {"Happy/SM24_F1_N077": "label-unknown", "Neutral/other": "extra"}


def test_baved(lay: Lay, shipped: Shipped, tmp_path: Path):
    root = lay(
        tmp_path,
        "0/0-m-21-0-1-105",
        "6/3-f-21-6-2-1700",
        "0/49-m-23-6-1-201",  # the folder of word 0, the name of word 6
        "3/7-m-30-3-0-900",  # 22 years in the table
        "3/53-m-20-3-0-1019",  # the card says: the same recording as one of speaker 46
        "3/9-f-20-3-7-901",  # no such level
    )
    (root / "speakers_info.json").write_text(
        '{"0": {"age": 21, "gender": "m"}, "7": {"age": 22, "gender": "m"}}'
    )
    manifest = load_manifest(shipped("baved"), root, partial=True)
    first = row(manifest, "0-m-21-0-1-105")
    assert (first["level"], first["gender"], first["age"]) == ("neutral", "male", 21.0)
    assert first["transcript"] == "اعجبني"
    assert row(manifest, "3-f-21-6-2-1700")["level"] == "high"
    assert "transcript" not in row(manifest, "49-m-23-6-1-201")
    assert left_out(manifest) == {
        "7-m-30-3-0-900": "label-unknown",
        "53-m-20-3-0-1019": "known-bad",
        "9-f-20-3-7-901": "label-unknown",
    }


def test_baved_refuses_a_broken_speaker_table(lay: Lay, shipped: Shipped, tmp_path: Path):
    root = lay(tmp_path, "0/0-m-21-0-1-105")
    (root / "speakers_info.json").write_text('{"0": 21}')
    with pytest.raises(CorpusError, match=r"speakers_info\.json is not a table of speakers"):
        load_manifest(shipped("baved"), root)


def test_fillets(lay: Lay, shipped: Shipped, tmp_path: Path):
    root = lay(
        tmp_path,
        "airplane/cs/let-m-divna",
        "airplane/nl/let-m-divna",
        "airplane/nl/let-v-budrada",
        "fdto/cs/agenti-m",  # the voice comes last
        "share/border/cs/sp-v-hlava",  # a level deeper
        "city/cs/vit-hs-demoni0",  # another voice
        "hanoi/cs/m-bude",  # a level added later
        "briefcase/cs/help1",
        "airplane/en/let-m-divna",  # a language that the packages do not have
        suffix=".ogg",
    )
    manifest = load_manifest(shipped("fillets"), root)
    found = manifest.frame.set_index("utterance")[["speaker", "gender", "language"]]
    assert found.T.to_dict("list") == {
        "airplane/cs/let-m-divna": ["cs-small", "female", "cs"],
        "airplane/nl/let-m-divna": ["nl-small", "female", "nl"],
        "airplane/nl/let-v-budrada": ["nl-big", "male", "nl"],
        "fdto/cs/agenti-m": ["cs-small", "female", "cs"],
        "share/border/cs/sp-v-hlava": ["cs-big", "male", "cs"],
    }
    # The same line in two languages is no shared session: it would pass for leakage.
    assert manifest.frame["session"].isna().all()
    assert left_out(manifest) == {
        "city/cs/vit-hs-demoni0": "label-missing",
        "hanoi/cs/m-bude": "label-missing",
        "briefcase/cs/help1": "label-missing",
        "airplane/en/let-m-divna": "extra",
    }


def test_asterisk_prompts(lay: Lay, shipped: Shipped, tmp_path: Path):
    root = lay(
        tmp_path,
        "it_IT_m_Carlo/digits/3",
        "en_US_f_Allison/at-tone-time-exactly",  # speech about a tone
        "es_MX_f_Allison/vm-press",
        "ru_RU_f_IvrvoiceRU/is",  # known to be empty
        "en_US_f_Allison/silence/1",
        "en_US_f_Allison/beep",
        "en_US_f_Allison/beeperr",
        "en_US_f_Allison/ascending-2tone",
        "en_US_f_Allison/tt-monkeys",
        "moh/opus",
    )
    manifest = load_manifest(shipped("asterisk-prompts"), root)
    found = manifest.frame.set_index("utterance")[["speaker", "gender", "language"]]
    assert found.T.to_dict("list") == {
        "en_US_f_Allison/at-tone-time-exactly": ["Allison", "female", "en"],
        "es_MX_f_Allison/vm-press": ["Allison", "female", "es"],
        "it_IT_m_Carlo/digits/3": ["Carlo", "male", "it"],
    }
    assert Counter(left_out(manifest).values()) == {"extra": 6, "known-bad": 1}


def test_klettres(lay: Lay, shipped: Shipped, tmp_path: Path):
    root = lay(
        tmp_path,
        "en/alpha/a",
        "en_GB/alpha/a",
        "pt_BR/syllab/ba",
        "nds/syllab/ba",
        "pics/kids/a",
        "zz/alpha/a",  # a language that the card does not name
        suffix=".ogg",
    )
    manifest = load_manifest(shipped("klettres"), root, partial=True)
    assert dict(zip(manifest.frame["utterance"], manifest.frame["language"], strict=True)) == {
        "en/alpha/a": "en",
        "en_GB/alpha/a": "en",
        "pt_BR/syllab/ba": "pt",
        "nds/syllab/ba": "nds",
    }
    assert manifest.frame["speaker"].isna().all()
    assert left_out(manifest) == {"pics/kids/a": "extra", "zz/alpha/a": "label-unknown"}


def test_ktuberling(lay: Lay, wav: Callable[..., Path], shipped: Shipped, tmp_path: Path):
    root = lay(tmp_path, "en/hat", "sr/nos", suffix=".ogg")
    wav(root / "nn" / "hatt.opus", rate=48000)
    for copy in ("sr@latin", "sr@ijekavian", "sr@ijekavianlatin"):
        (root / copy).mkdir()
        (root / copy / "nos.ogg").write_bytes((root / "sr" / "nos.ogg").read_bytes())
    wav(root / "sr@latin" / "kapa.ogg", 40)  # only there
    (root / "en.soundtheme").write_text("<language/>")
    manifest = load_manifest(shipped("ktuberling"), root)
    assert dict(zip(manifest.frame["utterance"], manifest.frame["language"], strict=True)) == {
        "en/hat": "en",
        "nn/hatt": "nn",
        "sr/nos": "sr",
        "sr@latin/kapa": "sr",
    }
    assert Counter(left_out(manifest).values()) == {"copy": 3}


LAYOUTS = {
    "asterisk-prompts": "it_IT_m_Carlo/digits/3",
    "baved": "0/0-m-21-0-1-105",
    "fillets": "airplane/cs/let-m-divna",
    "klettres": "en/alpha/a",
    "ktuberling": "en/hat",
    "polish-emotion": "m1.a_oddaj_4",
    "urdu": "Angry/SM1_F10_A010",
}


@pytest.mark.parametrize("corpus", [*LAYOUTS, "nemo"])
def test_a_folder_too_high_or_too_deep_is_told_and_the_right_one_taken(
    corpus: str, lay: Lay, shipped: Shipped, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    right = tmp_path / "release" / "right"
    if corpus == "nemo":
        nemo(lay, right, *NEMO_ROWS)
    else:
        lay(right, LAYOUTS[corpus])
    deep = right / "samples" if corpus == "nemo" else right / LAYOUTS[corpus].split("/")[0]
    if not deep.is_dir():
        deep = right / "deep"
        deep.mkdir()
    for folder, word in (
        (tmp_path / "release", "one level too high"),
        (tmp_path, "2 levels too high"),
        (deep, "one level too deep"),
    ):
        caplog.clear()
        assert load_manifest(shipped(corpus), folder).root.resolve() == right
        assert word in caplog.text
        assert f"give {right} instead. Going on with that folder." in caplog.text
    shutil.copytree(right, tmp_path / "release" / "another")
    with pytest.raises(CorpusError, match=r"one level too high; give .*another or .*right instead"):
        load_manifest(shipped(corpus), tmp_path / "release")


def test_an_empty_folder_says_what_was_expected(shipped: Shipped, tmp_path: Path):
    with pytest.raises(CorpusError, match=r"files named like m1\.a_oddaj_4\.wav are expected"):
        load_manifest(shipped("polish-emotion"), tmp_path)


# The real corpora


def test_real_nemo(shared_corpora: Path, shipped: Shipped):
    manifest = load_manifest(shipped("nemo"), shared_corpora / "nemo")
    frame = manifest.frame
    assert len(manifest) == 1148
    assert not manifest.excluded
    assert Counter(frame["emotion"]) == {
        "anger": 192,
        "fear": 190,
        "happiness": 193,
        "neutral": 207,
        "sadness": 194,
        "surprised": 172,
    }
    speakers = frame.drop_duplicates("speaker")
    assert Counter(speakers["gender"]) == {"female": 4, "male": 5}
    assert (speakers["age"].min(), speakers["age"].max()) == (23, 28)


def test_real_urdu(shared_corpora: Path, shipped: Shipped):
    card = shipped("urdu")
    manifest = load_manifest(card, shared_corpora / "urdu")
    assert len(manifest) == 400
    assert not manifest.excluded
    assert Counter(manifest.frame["emotion"]) == card.expected.classes["emotion"]
    speakers = manifest.frame.drop_duplicates("speaker")
    assert Counter(speakers["gender"]) == {"female": 11, "male": 18}


def test_real_baved(shared_corpora: Path, shipped: Shipped):
    card = shipped("baved")
    manifest = load_manifest(card, shared_corpora / "baved")
    assert len(manifest) == 1935 - 21
    assert Counter(left_out(manifest).values()) == {"known-bad": 21}
    speakers = manifest.frame.drop_duplicates("speaker")
    assert Counter(speakers["gender"]) == {"female": 16, "male": 43}
    assert "53" not in set(speakers["speaker"])
    assert (manifest.frame.groupby("speaker")["age"].nunique() == 1).all()
