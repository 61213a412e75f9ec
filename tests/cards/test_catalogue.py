"""Which cards are found, by which id, and what is refused."""

from pathlib import Path

import pytest

from paralbench.cards import catalogue as finding
from paralbench.cards import load_catalogue
from paralbench.cards.catalogue import KINDS, card_files, kind_of, shipped_folder
from paralbench.errors import CardError, UnknownNameError

FOLDERS = {
    "upstream": "upstreams",
    "corpus": "tasks/corpora",
    "task": "tasks",
    "harmonised": "tasks/harmonised",
    "suite": "tasks/suites",
}


@pytest.fixture
def shipped(monkeypatch, tmp_path, smallest, write):
    """A shipped folder with one card of each kind, whose id is the kind's name."""
    folder = tmp_path / "shipped"
    for kind, place in FOLDERS.items():
        write(folder / place / f"{kind}.yaml", smallest[kind])
    monkeypatch.setattr(finding, "shipped_folder", lambda: folder)
    return folder


def test_the_place_of_a_shipped_card_is_its_kind(shipped):
    catalogue = load_catalogue()
    for kind in KINDS:
        shelf = catalogue.shelf(kind)
        assert shelf.ids() == (kind,)
        assert kind_of(shelf.get(kind)) == kind
        assert shelf.get(kind).file == shipped / FOLDERS[kind] / f"{kind}.yaml"


def test_sub_folders_sort_cards_without_changing_kind_or_id(shipped, smallest, write):
    write(shipped / "upstreams/extended/older/more.yaml", smallest["upstream"])
    write(shipped / "tasks/demo/other.yaml", smallest["task"])
    catalogue = load_catalogue()
    assert catalogue.upstreams.ids() == ("more", "upstream")
    assert catalogue.tasks.ids() == ("other", "task")


@pytest.mark.parametrize("layout", ["flat", "foldered"])
def test_cards_of_the_user_in_both_layouts(shipped, tmp_path, smallest, write, layout):
    mine = tmp_path / "mine"
    for kind, place in FOLDERS.items():
        where = mine if layout == "flat" else mine / place
        key = {"kind": kind} if layout == "flat" else {}
        write(where / f"my-{kind}.yaml", key | smallest[kind])
    catalogue = load_catalogue([mine])
    for kind in KINDS:
        assert catalogue.shelf(kind).ids() == tuple(sorted([f"my-{kind}", kind]))


def test_several_folders_of_the_user(shipped, tmp_path, smallest, write):
    for name in ("one", "two"):
        write(tmp_path / name / f"{name}.yaml", {"kind": "upstream"} | smallest["upstream"])
    catalogue = load_catalogue([tmp_path / "one", tmp_path / "two"])
    assert catalogue.upstreams.ids() == ("one", "two", "upstream")


def test_an_id_that_is_taken_names_both_files(shipped, tmp_path, smallest, write):
    mine = write(tmp_path / "mine/upstream.yaml", {"kind": "upstream"} | smallest["upstream"])
    with pytest.raises(CardError) as caught:
        load_catalogue([mine.parent])
    assert str(mine) in str(caught.value)
    assert str(shipped / "upstreams/upstream.yaml") in str(caught.value)
    assert "the upstream id 'upstream' is already taken" in str(caught.value)


def test_kinds_may_share_an_id(shipped, smallest, write):
    write(shipped / "tasks/corpus.yaml", smallest["task"])
    catalogue = load_catalogue()
    assert [kind_of(card) for card in catalogue.find("corpus")] == ["corpus", "task"]


def test_an_unknown_id_is_refused_with_the_known_ones(shipped):
    catalogue = load_catalogue()
    with pytest.raises(UnknownNameError, match=r"unknown upstream 'upstrem'. Did you mean"):
        catalogue.upstreams.get("upstrem")
    with pytest.raises(UnknownNameError) as caught:
        catalogue.find("upstrem")
    assert str(caught.value) == (
        "unknown card 'upstrem'. Did you mean 'upstream'? "
        "Known: corpus, harmonised, suite, task, upstream."
    )


def test_a_kind_that_contradicts_the_folder_is_refused(shipped, smallest, write):
    file = write(shipped / "tasks/wrong.yaml", {"kind": "upstream"} | smallest["upstream"])
    with pytest.raises(CardError, match=r"kind: 'upstream' lies in a folder of 'task' cards"):
        load_catalogue()
    file.unlink()
    write(shipped / "tasks/right.yaml", {"kind": "task"} | smallest["task"])
    assert "right" in load_catalogue().tasks


def test_a_flat_card_says_its_kind(shipped, tmp_path, smallest, write):
    write(tmp_path / "mine/card.yaml", smallest["task"])
    with pytest.raises(CardError, match=r"card\.yaml: kind: missing; .* Allowed: upstream, corpus"):
        load_catalogue([tmp_path / "mine"])


@pytest.mark.parametrize("kind", ["tsk", "[task]", "1", "Task"])
def test_an_unknown_kind_is_refused(shipped, tmp_path, write, kind):
    write(tmp_path / "mine/card.yaml", f"kind: {kind}\nname: x\n")
    with pytest.raises(CardError, match=r"kind: .* is not allowed\. Allowed: upstream, corpus"):
        load_catalogue([tmp_path / "mine"])


@pytest.mark.parametrize("name", ["card.yml", "card.YAML", "card.Yml"])
def test_another_suffix_is_refused_and_not_skipped(shipped, tmp_path, smallest, write, name):
    write(tmp_path / "mine" / name, {"kind": "task"} | smallest["task"])
    with pytest.raises(CardError, match=r"a card's file name ends in \.yaml; rename it"):
        load_catalogue([tmp_path / "mine"])


def test_hidden_and_other_files_are_not_read(shipped, tmp_path, smallest, write):
    mine = tmp_path / "mine"
    write(mine / "card.yaml", {"kind": "upstream"} | smallest["upstream"])
    for name in ("._card.yaml", ".ipynb_checkpoints/card-checkpoint.yaml", "README.md", "a.csv"):
        write(mine / name, "\0 no card")
    assert load_catalogue([mine]).upstreams.ids() == ("card", "upstream")


def test_an_empty_registry_raises(shipped, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(CardError, match=r"mine: holds no card \(\*\.yaml\)"):
        load_catalogue([tmp_path / "mine"])
    for file in shipped.rglob("*.yaml"):
        file.unlink()
    with pytest.raises(CardError, match="holds no card"):
        load_catalogue()


@pytest.mark.parametrize("part", ["upstreams", "tasks"])
def test_half_a_shipped_registry_raises(shipped, part):
    (shipped / part).rename(shipped / "elsewhere")
    with pytest.raises(CardError, match=f"{part}: holds no card"):
        load_catalogue()


def test_a_folder_that_is_not_there_is_named(shipped, tmp_path, write):
    with pytest.raises(CardError, match=r"absent: no such folder of cards"):
        load_catalogue([tmp_path / "absent"])
    file = write(tmp_path / "card.yaml", "name: x")
    with pytest.raises(CardError, match=r"card\.yaml: is a file; name the folder of cards"):
        load_catalogue([file])


def test_all_faults_at_once(shipped, smallest, write):
    write(shipped / "upstreams/bad.yaml", smallest["upstream"] | {"famly": "fbank"})
    write(shipped / "tasks/bad.yaml", smallest["task"] | {"span": "long ago"})
    write(shipped / "tasks/worse.yaml", "a: b: c")
    faults: list[str] = []
    catalogue = load_catalogue(faults=faults)
    assert catalogue.tasks.ids() == ("task",)
    assert [Path(fault.partition(":")[0].partition(",")[0]).name for fault in faults] == [
        "bad.yaml",
        "bad.yaml",
        "worse.yaml",
    ]


def test_a_checkout_or_wheel_without_cards_is_a_broken_installation(monkeypatch, tmp_path):
    module = tmp_path / "site-packages" / "paralbench" / "cards" / "catalogue.py"
    monkeypatch.setattr(finding, "__file__", str(module))
    with pytest.raises(CardError, match=r"no cards: neither .*_cards nor a checkout"):
        shipped_folder()
    (module.parents[1] / "_cards").mkdir(parents=True)
    assert shipped_folder() == module.parents[1] / "_cards"


def test_files_come_in_a_fixed_order(shipped):
    files = [file for file, _ in card_files(shipped)]
    assert files == sorted(files)
