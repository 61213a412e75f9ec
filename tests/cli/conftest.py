"""Cards of small models, and the command line with them."""

import json
from pathlib import Path

import pytest

from paralbench.cards import load_catalogue
from paralbench.upstreams import blueprints

CARD = """\
kind: upstream
name: {name}
family: wav2vec2-like
weights: [{weights}]
layers: {layers}
dim: 32
parameters: {parameters}
architecture: {architecture}
licence: none
"""
NOWHERE = "{source: hub, repository: somebody/model, revision: null}"


@pytest.fixture(scope="session")
def small_models(tmp_path_factory) -> Path:
    """A folder of cards: ``mine`` is here, ``absent`` is not, ``broken`` is truncated."""
    folder = tmp_path_factory.mktemp("cards")
    card = blueprints.shrunk(load_catalogue().upstreams.get("hubert-base"))
    architecture = json.dumps(card.architecture)
    parameters = blueprints.count_parameters(card)

    def write(name, weights, parameters=parameters, layers=4):
        text = CARD.format(
            name=name,
            weights=weights,
            architecture=architecture,
            parameters=parameters,
            layers=layers,
        )
        (folder / f"{name}.yaml").write_text(text)

    blueprints.write_random(card, folder / "hubert")
    blueprints.write_random(card, folder / "damaged")
    tensors = folder / "damaged" / "model.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:5000])
    write("mine", "{source: folder, path: hubert}")
    write("absent", NOWHERE)
    write("broken", "{source: folder, path: damaged}")
    write("miscounted", "{source: folder, path: hubert}", parameters=7)
    write("other-size", "{source: folder, path: hubert}", layers=13)
    return folder


@pytest.fixture
def paralbench(small_models, command_line, tmp_path, monkeypatch):
    """``paralbench(*arguments)``: the command line with the cards of small models."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def run(*arguments):
        return command_line(*arguments, "--cards", small_models)

    return run
