"""An upstream and a corpus of one's own: one card each, at most 20 lines, no code."""

import re

import pytest

from paralbench.tables import RunFolder
from paralbench.torchaudio_cure import ensure_torchaudio


@pytest.fixture
def shown(repository):
    """The cards that README shows, by file name."""
    text = (repository / "README.md").read_text()
    return dict(re.findall(r"`mine/([\w-]+\.yaml)`[^\n]*\n\n```yaml\n(.*?)```", text, re.S))


def test_readme_shows_an_upstream_and_two_corpora_of_at_most_20_lines(shown):
    assert set(shown) == {"my-hubert.yaml", "my-corpus.yaml", "my-table.yaml"}
    assert all(len(card.splitlines()) <= 20 for card in shown.values())


def test_they_run_as_shown(shown, cards, paralbench, tmp_path):
    ensure_torchaudio()
    from transformers import HubertConfig, HubertModel

    mine = tmp_path / "mine"
    (mine / "data" / "wav").mkdir(parents=True)
    config = HubertConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        conv_dim=(8,) * 7, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    HubertModel(config).save_pretrained(tmp_path / "hubert")
    (tmp_path / "hubert" / "preprocessor_config.json").write_text(
        '{"do_normalize": false, "sampling_rate": 16000}'
    )
    for name, text in shown.items():
        (mine / name).write_text(text.replace("/models/my-hubert", str(tmp_path / "hubert")))
    (mine / "clips").mkdir()
    lines = ["clip,who,feeling,arousal"]
    for number, file in enumerate(sorted((cards / "clips").iterdir())):
        (mine / "clips" / file.name).write_bytes(file.read_bytes())
        (mine / "data" / "wav" / file.name).write_bytes(file.read_bytes())
        who, _, emotion, _ = file.stem.split("_")
        lines.append(f"{file.stem},{who},{'ang' if emotion == 'A' else 'neu'},{1 + number % 7}")
    (mine / "data" / "labels.csv").write_text("\n".join(lines) + "\n")
    # The made-up corpus has no happiness: the card names the classes that there are.
    text = (mine / "my-corpus.yaml").read_text()
    (mine / "my-corpus.yaml").write_text(
        text.replace(", H: happiness}", "}").replace(
            "[anger, happiness, neutral]", "[anger, neutral]"
        )
    )
    paralbench("validate", "--cards", mine, check=0)
    tasks = "my-corpus-emotion,my-corpus-gender,my-table-emotion,my-table-arousal"
    arguments = ["--upstreams", "my-hubert", "--tasks", tasks, "--seeds", "1"]
    paralbench("run", "--cards", mine, "--out", tmp_path / "run", *arguments, check=0)
    rows = RunFolder(tmp_path / "run").read("scores")
    assert set(rows["task"]) == set(tasks.split(","))
    assert set(rows.loc[rows["task"] == "my-table-arousal", "metric"]) >= {"ccc", "mae"}
