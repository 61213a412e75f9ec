import hashlib
import json
from typing import Any

import pytest
import torch

from paralbench.features import budget as budgets
from paralbench.features.batching import BUDGETS, Limits
from paralbench.features.budget import Trial, budget_for, find, grow, recall, remember, try_batch
from paralbench.features.plans import resume_or_plan
from paralbench.upstreams.base import SAMPLE_RATE

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
LIMITS = Limits("any", 400, 480_000)
MANY = {hashlib.sha256(bytes([n])).hexdigest(): 300 * SAMPLE_RATE for n in range(200)}


def device(seconds, memory=lambda budget: 0.0, fits=10**9):
    """A made-up device: seconds per second of audio and memory by budget."""
    tried = []

    def measure(budget):
        tried.append(budget)
        return Trial(seconds(budget), memory(budget)) if budget <= fits else None

    return measure, tried


def test_budgets_are_doubled_while_throughput_grows():
    # A launch costs as much as 300 samples: 3,200 gain 8 % over 1,600, and 6,400 another 4 %.
    measure, tried = device(lambda budget: 1 + 300 / budget)
    assert grow(measure, first=100, most=10**6) == 3200
    assert tried == [100, 200, 400, 800, 1600, 3200, 6400]


def test_memory_is_left_for_longer_utterances():
    measure, tried = device(lambda budget: 1 / budget, memory=lambda budget: budget / 2000)
    assert grow(measure, first=100, most=10**6) == 800
    assert tried == [100, 200, 400, 800]  # 1,600 would take 80 %
    measure, _ = device(lambda budget: 1 / budget, memory=lambda budget: 0.71 * (budget > 200))
    assert grow(measure, first=100, most=10**6) == 200


def test_memory_that_runs_out_ends_the_search():
    measure, tried = device(lambda budget: 1 / budget, fits=500)
    assert grow(measure, first=100, most=10**6) == 400
    assert tried[-1] == 800
    measure, tried = device(lambda budget: 1.0, fits=50)
    assert grow(measure, first=100, most=10**6) is None
    assert tried == [100]


def test_there_is_an_end():
    measure, tried = device(lambda budget: 1 / budget)
    assert grow(measure, first=100, most=400) == 400
    assert tried == [100, 200, 400]


def test_a_trial_encodes_what_the_budget_buys(fakes):
    encoder = fakes.ConvEncoder()
    trial = try_batch(encoder, CPU, 96_000, (16_000, 32_000), LIMITS)
    assert trial is not None
    assert trial.seconds > 0
    assert trial.memory == 0
    first, longest = encoder.batches[0], encoder.batches[-1]
    assert encoder.batches == [first] * 3 + [longest]
    assert first == [16_000, 15_200] * 3
    assert longest == [32_000, 30_400, 32_000]


def test_a_trial_of_a_batch_that_does_not_fit_is_none(fakes):
    encoder = fakes.SmallMemoryEncoder()
    assert try_batch(encoder, CPU, 90_000, (16_000,), LIMITS) is not None
    assert try_batch(encoder, CPU, 200_000, (16_000,), LIMITS) is None


def test_a_search_ends_where_memory_does(fakes, monkeypatch):
    monkeypatch.setattr(budgets, "LEAST_GAIN", -1e9)  # time on this machine decides nothing here
    encoder = fakes.SmallMemoryEncoder(limit=200 * SAMPLE_RATE)
    assert find(encoder, CPU, [16_000] * 9, LIMITS) == 160 * SAMPLE_RATE


def test_encoders_of_one_waveform_at_a_time_are_tried_so(fakes):
    encoder = fakes.ConvEncoder()
    try_batch(encoder, CPU, 10**6, (16_000,), Limits("single", 400, 480_000))
    assert encoder.batches == [[16_000]] * 3


@pytest.fixture
def gpu(monkeypatch):
    """A machine whose device has a name and a budget that is found; counts the searches."""
    found = []
    monkeypatch.setattr(budgets, "device_name", lambda device: "Made-up 100")

    def search(*arguments):
        found.append(1)
        return 1000 * SAMPLE_RATE + len(found)

    monkeypatch.setattr(budgets, "find", search)
    return found


def ask(space, missing, lengths, device=CUDA):
    encoder: Any = None  # which nobody runs here
    return budget_for(space, missing, lengths, encoder, LIMITS, device)


def test_on_the_cpu_it_is_fixed(store, gpu):
    assert ask(store.space({}), list(MANY), MANY, CPU) == BUDGETS["cpu"]
    assert not gpu


def test_it_is_found_once_and_remembered(store, gpu):
    space = store.space({})
    first = ask(space, list(MANY), MANY)
    assert first == 1000 * SAMPLE_RATE + 1
    assert ask(space, list(MANY), MANY) == ask(space, list(MANY)[:1], MANY) == first
    assert len(gpu) == 1
    assert ask(store.space({"other": 1}), list(MANY), MANY) == first + 1


def test_little_work_is_not_searched_for(store, gpu):
    space = store.space({})
    assert ask(space, list(MANY)[:10], MANY) == BUDGETS["cuda"]
    assert not gpu


def test_a_plan_that_was_begun_is_gone_on_with(store, gpu):
    """Planned elsewhere with the fixed budget, such as in shards: here nothing else is found."""
    space = store.space({})
    some = dict(list(MANY.items())[:150])
    resume_or_plan(space.plans, list(some), lambda c: some, BUDGETS["cuda"], LIMITS)
    assert ask(space, list(MANY), MANY) == BUDGETS["cuda"]
    assert not gpu
    rest = list(MANY)[150:]
    assert ask(space, rest * 4, MANY) == 1000 * SAMPLE_RATE + 1


def test_what_another_process_has_kept_counts(tmp_path):
    assert remember(tmp_path, "Made-up 100", 5) == 5
    assert remember(tmp_path, "Made-up 100", 7) == 5
    assert remember(tmp_path, "Made-up 200", 7) == 7
    assert recall(tmp_path, "Made-up 100") == 5


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"budget": "5"}', '{"budget": 0}'])
def test_what_cannot_be_read_is_not_there(tmp_path, damage):
    remember(tmp_path, "Made-up 100", 5)
    (file,) = (tmp_path / "budgets").iterdir()
    assert json.loads(file.read_text())["device"] == "Made-up 100"
    file.write_text(damage)
    assert recall(tmp_path, "Made-up 100") is None
