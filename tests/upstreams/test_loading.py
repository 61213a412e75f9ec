"""From a card to an encoder: the size is checked, and a user's own folder takes one small card."""

import pytest
import torch

from paralbench.cards import load_catalogue
from paralbench.errors import UnknownNameError, WeightsError
from paralbench.upstreams.loading import describe, load_encoder
from paralbench.upstreams.registry import FAMILIES
from paralbench.upstreams.weights import resolve

OWN_CARD = """\
kind: upstream
name: My HuBERT
family: wav2vec2-like
weights:
  - source: folder
    path: {folder}
licence: MIT
"""


def test_a_users_folder_takes_one_card_and_no_code(save_speech_model, tmp_path, voice, pad):
    model, folder = save_speech_model("hubert")
    cards = tmp_path / "cards"
    cards.mkdir()
    text = OWN_CARD.format(folder=f"../{folder.name}")
    assert len(text.splitlines()) <= 20
    (cards / "my-hubert.yaml").write_text(text)

    card = load_catalogue(extra=[cards]).upstreams.get("my-hubert")
    encoder = load_encoder(card)
    waveform = encoder.prepare(voice(8000, 1))
    given = encoder.forward(*pad([waveform])).layers[-1]
    with torch.inference_mode():
        expected = model(torch.from_numpy(waveform)[None]).last_hidden_state
    torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("key", "stated", "given"), [("layers", 13, 4), ("dim", 768, 32)])
def test_a_model_of_another_size_than_the_cards_is_refused(
    key, stated, given, save_speech_model, make_card
):
    _, folder = save_speech_model("hubert")
    card = make_card("wav2vec2-like", folder, **{key: stated})
    with pytest.raises(
        WeightsError, match=f"{key}: the card says {stated}, the weights give {given}"
    ):
        load_encoder(card)


def test_an_unknown_family_lists_the_known_ones(make_card):
    with pytest.raises(UnknownNameError, match=r"Did you mean 'whisper'.*wav2vec2-like"):
        load_encoder(make_card("wisper"))


def test_a_description_follows_the_computation(save_speech_model, make_card):
    _, folder = save_speech_model("hubert")

    def described(**fields):
        card = make_card("wav2vec2-like", folder, **fields)
        weights = resolve(card)
        return describe(card, weights, load_encoder(card, weights))

    first = described()
    assert first == described(id="another-name", licence="MIT")
    assert first["weights"] == resolve(make_card("wav2vec2-like", folder)).sha256
    assert first["family_version"] == FAMILIES.get("wav2vec2-like").version
    assert first != described(window=10)
    assert first != described(options={"do_normalize": False})


def test_a_description_follows_the_weights(save_speech_model, make_card):
    from safetensors.torch import load_file, save_file

    _, folder = save_speech_model("hubert")
    card = make_card("wav2vec2-like", folder)
    before = resolve(card)
    tensors = load_file(folder / "model.safetensors")
    tensors["feature_projection.projection.bias"] += 1
    save_file(tensors, folder / "model.safetensors")
    after = resolve(card)
    encoder = load_encoder(card, after)
    assert before.sha256 != after.sha256 == encoder.weights_key


def test_listing_families_imports_no_torch(run_python):
    code = (
        "import sys\n"
        "from paralbench.upstreams.registry import FAMILIES\n"
        "print(*FAMILIES)\n"
        "FAMILIES.get('wav2vec2-like'), FAMILIES.get('whisper')\n"
        "assert not {'torch', 'transformers', 'librosa'} & set(sys.modules)\n"
    )
    listed = run_python(code).stdout.split()
    assert {"fbank", "ge2e", "opensmile", "prosody", "wav2vec2-like", "whisper"} <= set(listed)
