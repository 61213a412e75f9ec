"""A cell as SUPERB's code makes it, the upstream in the loop, against ours, in one run.

Both get the same clips of real speech, a base encoder of real size with random weights, and the
same number of passes over the training utterances. Theirs is s3prl's own expert of the encoder and
s3prl's UtteranceLevel head with its optimiser and schedule of batches.
"""

import os
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.performance.loops import load_plainly

from paralbench.cards import load_catalogue
from paralbench.features.extract import extract
from paralbench.features.store import FeatureStore
from paralbench.probes.inputs import FoldRows, Inputs
from paralbench.probes.recipes import RECIPES
from paralbench.probes.target import Target
from paralbench.probes.train import train_folds
from paralbench.runner.data import Corpora
from paralbench.upstreams import blueprints

CLIPS = int(os.environ.get("PARALBENCH_CLIPS", "200"))
UPSTREAM, EPOCHS, TIMED, RATES = "wav2vec2-base", 10, 2, 7
COMMAND = "pytest tests/performance/test_cell.py"


def theirs(folder, waveforms, labels, epochs):
    """Seconds of some epochs of SUPERB's emotion recipe: batches of 4, 8 of them a step."""
    from s3prl.downstream.model import UtteranceLevel
    from s3prl.upstream.hf_wav2vec2.expert import UpstreamExpert

    upstream = UpstreamExpert(str(folder)).eval()
    torch.manual_seed(0)
    projector = torch.nn.Linear(768, 256)
    head = UtteranceLevel(256, int(labels.max()) + 1, pooling="MeanPooling")
    mix = torch.nn.Parameter(torch.zeros(13))
    trained = [mix, *projector.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(trained, lr=1e-4)
    order = np.random.default_rng(0)
    started = time.perf_counter()
    for _ in range(epochs):
        rows = order.permutation(len(waveforms))
        for number, start in enumerate(range(0, len(rows), 4)):
            part = rows[start : start + 4]
            given = [torch.from_numpy(waveforms[row]) for row in part]
            with torch.no_grad():
                states = upstream(given)["hidden_states"]
            mixed = torch.einsum("lbtd,l->btd", torch.stack(states), mix.softmax(0))
            lengths = torch.tensor([round(len(one) / 320) for one in given])
            logits, _ = head(projector(mixed), lengths)
            loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels[part]))
            (loss / 8).backward()
            if number % 8 == 7:
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                optimizer.zero_grad()
    return time.perf_counter() - started


def ours(card, folder, contents, cache, labels, speakers, scratch):
    """Seconds of extraction and of a sweep over the rates: with a development part and a refit."""
    with blueprints.random_encoder(card) as encoder:
        started = time.perf_counter()
        report = extract(
            encoder, {}, contents, cache, FeatureStore(scratch / "features"), threads=2
        )
        extracted = time.perf_counter() - started
    mean = report.space.mean(contents)
    names = sorted(set(speakers))
    test = np.flatnonzero(np.isin(speakers, names[:1]))
    train = np.flatnonzero(~np.isin(speakers, names[:1]))
    chosen = np.isin(np.asarray(speakers)[train], names[1:2])
    steps = EPOCHS * len(train) // 32
    recipe = replace(
        RECIPES["superb"],
        learning_rates=tuple(np.geomspace(1e-5, 1e-2, RATES)),
        checkpoints=(steps,),
    )
    started = time.perf_counter()
    train_folds(
        recipe,
        Inputs(mean),
        Target.of_classes(labels, int(labels.max()) + 1),
        [FoldRows("f", train, test, ((train[~chosen], train[chosen]),))],
        metric="uar",
        seeds=(0,),
    )
    return extracted, time.perf_counter() - started


@pytest.mark.slow
def test_a_cell_against_the_upstream_in_the_loop(record, tmp_path, shared_corpora):
    catalogue = load_catalogue()
    card = catalogue.upstreams.get(UPSTREAM)
    corpora = Corpora(catalogue, {"nemo": shared_corpora / "nemo"}, limit=CLIPS)
    frame = corpora.get("nemo").frame
    contents = frame["content"].tolist()
    waveforms = [np.array(corpora.cache.waveform(content)) for content in contents]
    labels = np.unique(frame["emotion"], return_inverse=True)[1]
    folder = tmp_path / "weights"
    load_plainly(card, folder)
    _write_extractor(folder)
    extracted, probed = ours(
        card, folder, contents, corpora.cache, labels, frame["speaker"].to_numpy(), tmp_path
    )
    epochs = theirs(folder, waveforms, labels, TIMED)
    one, whole = epochs / TIMED * EPOCHS, epochs / TIMED * EPOCHS * RATES
    audio = sum(len(wave) for wave in waveforms) / 16_000
    what = f"{len(contents)} clips of nEMO ({audio:.0f} s), {UPSTREAM}, random weights"
    unit = f"s; baseline: s3prl's way, extrapolated from {TIMED} of {EPOCHS} epochs at one rate"
    shared = {"unit": unit, "command": COMMAND}
    total = extracted + probed
    record(
        "cell",
        [
            shared
            | {
                "measure": f"{what}: a cell with a sweep of {RATES} rates, {EPOCHS} epochs",
                "ours": total,
                "baseline": whole,
                "target": "50",
            },
            shared
            | {
                "measure": f"{what}: a cell at one rate, {EPOCHS} epochs",
                "ours": total,
                "baseline": one,
                "target": "",
            },
            shared
            | {
                "measure": f"{what}: of that the probes, {RATES} rates",
                "ours": probed,
                "unit": "s",
                "target": "",
            },
        ],
    )
    assert total > 0
    assert whole > 0


def _write_extractor(folder):
    """What s3prl's expert reads beside the weights: the normalisation of wav2vec2-base."""
    from transformers import Wav2Vec2FeatureExtractor

    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
