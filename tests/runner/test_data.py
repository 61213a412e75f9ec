"""A corpus made ready: what the audit says of it."""

import shutil

from paralbench.cards import load_catalogue
from paralbench.runner.data import Corpora


def test_the_same_audio_under_several_names_is_remarked(cards, tmp_path):
    clips = tmp_path / "clips"
    shutil.copytree(cards / "clips", clips)
    for name in ("ann_f_A_7", "ann_f_A_5"):
        shutil.copy(clips / "ann_f_A_0.wav", clips / f"{name}.wav")
    shutil.copy(clips / "dan_m_N_1.wav", clips / "dan_m_N_9.wav")
    data = Corpora(load_catalogue([cards]), {"voices": clips}).get("voices")
    assert len(data.frame) == 39
    found = data.audit[data.audit["reason"] == "duplicate-content"]
    assert found["kept"].all()
    assert dict(zip(found["utterance"], found["detail"], strict=True)) == {
        "ann_f_A_5": "same audio as ann_f_A_0",
        "ann_f_A_7": "same audio as ann_f_A_0",
        "dan_m_N_9": "same audio as dan_m_N_1",
    }
