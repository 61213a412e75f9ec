"""What goes is what no card makes any more; where that is not certain, it stays."""

import pytest
from tests.features.maintenance.conftest import contents, shipped

from paralbench.features.maintenance.gc import DROPPED, carry_out, plan_gc
from paralbench.storage.atomic import PREFIX
from paralbench.storage.shards import list_shards


@pytest.fixture(scope="module")
def cards():
    return list(shipped().upstreams)


def reasons(plan):
    """Why each space goes, by its folder."""
    return {item.path: item.why for item in plan.items if item.kind == "space"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"family_version": 0}, "made by version 0 of the family fbank, which is now"),
        ({"pooling": "mean, v0"}, "pooled by another version of the code: mean, v0"),
        ({"options": {"bins": 7}}, "no card of the family fbank has its variant and options"),
        ({"weights": "f" * 64}, "made with other weights than fbank has now"),
    ],
)
def test_what_no_card_makes_goes(filled, cards, numbers_of, changes, why):
    home = filled()
    current, old = home.fill([1, 2]), home.fill([1, 2], **changes)
    before = home.files()
    plan = plan_gc(home.home, cards)
    assert home.files() == before
    (item,) = plan.items
    assert (item.path, item.kind) == (old.folder, "space")
    assert why in item.why
    size = sum(path.stat().st_size for path in old.folder.rglob("*") if path.is_file())
    assert item.nbytes == size
    assert carry_out(plan) == size
    assert not old.folder.exists()
    assert numbers_of(current) == [1, 2]
    assert plan_gc(home.home, cards).items == ()


def test_what_is_not_certain_stays_with_the_reason(filled, cards):
    home = filled()
    absent = next(card for card in cards if card.id == "wavlm-large")
    own = home.fill([1, 2], family="module")
    unknown = home.fill([1, 2], family="of-a-plugin")
    elsewhere = home.fill(
        [1, 2],
        family=absent.family,
        family_version=_version(absent.family),
        variant=absent.variant,
        options=dict(absent.options),
        weights="a" * 64,
    )
    undescribed = home.fill([1, 2], options={"bins": 3})
    (undescribed.folder / "description.json").unlink()
    plan = plan_gc(home.home, [card for card in cards if card.id in ("fbank", "wavlm-large")])
    assert plan.items == ()
    assert "'module' is not one of those installed" in plan.kept[own.folder]
    assert "'of-a-plugin'" in plan.kept[unknown.folder]
    assert "wavlm-large, whose weights are not here" in plan.kept[elsewhere.folder]
    assert "cannot be told what made it" in plan.kept[undescribed.folder]


def _version(family):
    from paralbench.upstreams.registry import FAMILIES

    return FAMILIES.get(family).version


def test_what_a_run_read_can_be_kept(filled, cards):
    home = filled()
    old = home.fill([1, 2], family_version=0)
    plan = plan_gc(home.home, cards, keep={old.key[:16]})
    assert plan.items == ()
    assert plan.kept[old.folder].endswith("a run that is kept read it")


def test_only_the_named_upstreams_are_looked_at(filled, cards):
    home = filled()
    old = home.fill([1, 2], family_version=0)
    other = home.fill([1, 2], family="ge2e", family_version=0)
    assert set(reasons(plan_gc(home.home, cards))) == {old.folder, other.folder}
    assert set(reasons(plan_gc(home.home, cards, upstreams=["ge2e"]))) == {other.folder}


def test_damaged_files_leftovers_and_half_removed_spaces_go(filled, cards):
    home = filled()
    space = home.fill([1, 2])
    bad = space.folder / "means" / "a.safetensors.damaged"
    left = space.plans / f"{PREFIX}dead"
    other = space.folder / "budgets" / f"{PREFIX}dead"
    half = home.home / "features" / f"{DROPPED}{'0' * 64}"
    for path in (bad, left, other, half / "means" / "b.safetensors"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    plan = plan_gc(home.home, cards)
    assert {item.path: (item.kind, item.nbytes) for item in plan.items} == {
        bad: ("damaged", 5),
        left: ("leftover", 5),
        other: ("leftover", 5),
        half: ("leftover", 5),
    }
    assert carry_out(plan) == 20
    assert not any(path.exists() for path in (bad, left, other, half))


def test_small_shards_become_one_and_rows_that_are_twice_go(filled, cards, numbers_of):
    home, other = filled(), filled("other")
    space = home.fill(range(12), moments=True)
    for part in ("means", "moments"):
        for shard in list_shards(other.fill(range(9, 15), moments=True).folder / part)[:3]:
            shard.rename(space.folder / part / shard.name)
    plan = plan_gc(home.home, cards)
    assert [item.kind for item in plan.items] == ["shards", "shards"]
    assert "become 1, 3 rows that are there twice" in plan.items[0].why
    assert carry_out(plan) > 0
    assert numbers_of(space) == list(range(15))
    assert space.moments(contents([14])).shape == (1, 2, 2, 3)
    assert len(list_shards(space.folder / "means")) == 1


def test_an_empty_home(filled, cards):
    plan = plan_gc(filled().home, cards)
    assert (plan.items, dict(plan.kept), carry_out(plan)) == ((), {}, 0)
