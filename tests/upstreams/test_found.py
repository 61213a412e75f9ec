"""Which file of a folder is the checkpoint."""

import pytest

from paralbench.cards import UpstreamCard
from paralbench.cards.upstream import UrlWeights
from paralbench.errors import WeightsError
from paralbench.upstreams.found import checkpoint_file, name_of

HUB = {
    "source": "hub",
    "repository": "somebody/models",
    "revision": None,
    "files": [{"name": "config.yaml"}, {"name": "small/model.pt"}],
}


@pytest.fixture
def card():
    data = {"name": "x", "family": "beats", "licence": "none", "weights": [HUB]}
    return UpstreamCard.build(data, id="x")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small").mkdir()
    for name in ("config.yaml", "small/model.pt", "large.pt", "larger.pt"):
        (tmp_path / name).touch()
    return tmp_path


def test_the_cards_file_counts_whatever_else_is_there(card, folder):
    """As in a hub's cache from which another model was taken too."""
    assert checkpoint_file(card, folder, (".pt",)) == folder / "small/model.pt"


def test_without_the_cards_file_there_must_be_one(card, folder):
    (folder / "small/model.pt").unlink()
    with pytest.raises(WeightsError, match=r"2 \.pt files \(large\.pt, larger\.pt\); exactly one"):
        checkpoint_file(card, folder, (".pt",))
    (folder / "large.pt").unlink()
    assert checkpoint_file(card, folder, (".pt",)) == folder / "larger.pt"
    (folder / "larger.pt").unlink()
    with pytest.raises(WeightsError, match=r"0 \.ckpt or \.pt files; exactly one"):
        checkpoint_file(card, folder, (".ckpt", ".pt"))
    with pytest.raises(WeightsError, match="exactly one"):
        checkpoint_file(card, folder / "nowhere", (".pt",))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://a.org/b/model%20x.pt?raw=1", "model x.pt"),
        ("https://a.org/b/%2e%2e", "weights"),
        ("https://a.org/b/..", "weights"),
        ("https://a.org", "weights"),
    ],
)
def test_a_file_from_an_address_stays_in_its_folder(address, name):
    assert name_of(UrlWeights(source="url", url=address, sha256=None)) == name
