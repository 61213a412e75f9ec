import hashlib

import pytest

from paralbench.features.batching import Limits, plan_batches
from paralbench.features.plans import resume_or_plan

LIMITS = Limits("any", 400, 480_000)
BUDGET = 10_000
LENGTHS = {hashlib.sha256(bytes([n])).hexdigest(): 1000 + 50 * n for n in range(30)}


def asked(contents):
    return {content: LENGTHS[content] for content in contents}


def refused(contents):
    raise AssertionError(f"the lengths of {contents} are known")


def test_the_first_plan_is_that_of_all_that_is_missing(tmp_path):
    batches = resume_or_plan(tmp_path, list(LENGTHS), asked, BUDGET, LIMITS)
    assert batches == plan_batches(LENGTHS, BUDGET, LIMITS)


def test_what_is_missing_later_is_run_in_the_batch_it_was_planned_in(tmp_path):
    batches = resume_or_plan(tmp_path, list(LENGTHS), asked, BUDGET, LIMITS)
    missing = [batches[1][2].content, batches[3][0].content]
    assert resume_or_plan(tmp_path, missing, refused, BUDGET, LIMITS) == [batches[1], batches[3]]


def test_only_what_no_plan_holds_is_planned_anew(tmp_path):
    contents = list(LENGTHS)
    first = resume_or_plan(tmp_path, contents[:20], asked, BUDGET, LIMITS)
    missing = [first[0][0].content, *contents[20:]]
    later = resume_or_plan(tmp_path, missing, asked, BUDGET, LIMITS)
    fresh = plan_batches(asked(contents[20:]), BUDGET, LIMITS)
    assert later == [first[0], *fresh]
    assert resume_or_plan(tmp_path, missing, refused, BUDGET, LIMITS) == later


def test_the_order_of_the_request_does_not_matter(tmp_path):
    one = resume_or_plan(tmp_path / "a", list(LENGTHS), asked, BUDGET, LIMITS)
    assert resume_or_plan(tmp_path / "b", list(LENGTHS)[::-1], asked, BUDGET, LIMITS) == one
    (file,) = (tmp_path / "a").iterdir()
    (same,) = (tmp_path / "b").iterdir()
    assert (file.name, file.read_bytes()) == (same.name, same.read_bytes())


@pytest.mark.parametrize(
    ("budget", "limits"),
    [(BUDGET // 2, LIMITS), (BUDGET, Limits("equal-length", 400, 480_000))],
)
def test_a_plan_of_another_budget_or_encoder_is_not_taken_up(tmp_path, budget, limits):
    resume_or_plan(tmp_path, list(LENGTHS), asked, BUDGET, LIMITS)
    batches = resume_or_plan(tmp_path, list(LENGTHS)[:9], asked, budget, limits)
    assert batches == plan_batches(asked(list(LENGTHS)[:9]), budget, limits)


@pytest.mark.parametrize("damage", ["", "[]", "{}", "{", '{"budget": 10000}'])
def test_a_damaged_plan_is_passed_over(tmp_path, damage):
    resume_or_plan(tmp_path, list(LENGTHS), asked, BUDGET, LIMITS)
    (file,) = tmp_path.iterdir()
    file.write_text(damage)
    batches = resume_or_plan(tmp_path, list(LENGTHS), asked, BUDGET, LIMITS)
    assert batches == plan_batches(LENGTHS, BUDGET, LIMITS)


def test_what_has_no_length_is_not_planned(tmp_path):
    assert resume_or_plan(tmp_path, list(LENGTHS), lambda contents: {}, BUDGET, LIMITS) == []
    assert list(tmp_path.iterdir()) == []


def test_long_utterances_come_with_all_their_windows(tmp_path):
    limits = Limits("any", 400, 900)
    resume_or_plan(tmp_path, list(LENGTHS), asked, 2000, limits)
    content = list(LENGTHS)[-1]
    batches = resume_or_plan(tmp_path, [content], refused, 2000, limits)
    pieces = sorted(piece for batch in batches for piece in batch if piece.content == content)
    assert [piece.index for piece in pieces] == [0, 1, 2]
    assert pieces[-1].end == LENGTHS[content]
