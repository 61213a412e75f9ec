"""Two ways to encode a corpus: as a user of transformers does, and as an extraction does."""

import itertools

import torch

from paralbench.features.extract import extract
from paralbench.features.store import FeatureStore
from paralbench.torchaudio_cure import ensure_torchaudio
from paralbench.upstreams import blueprints


def load_plainly(card, folder, device="cpu", dtype=torch.float32):
    """The card's architecture with random weights, as transformers loads it."""
    ensure_torchaudio()
    from transformers import AutoModel

    if not folder.exists():
        blueprints.write_random(card, folder)
    return AutoModel.from_pretrained(folder, dtype=dtype).eval().to(device)


def plain_loop(model, cache, size):
    """A function that encodes contents in batches of a size, in their order, mask passed.

    Every layer is averaged over the valid frames of each clip.
    """

    def encode(group):
        waveforms = [cache.waveform(content) for content in group]
        lengths = torch.tensor([len(one) for one in waveforms])
        batch = torch.zeros(len(group), int(lengths.max()))
        for row, one in zip(batch, waveforms, strict=True):
            row[: len(one)] = torch.from_numpy((one - one.mean()) / (one.std() + 1e-7))
        mask = None
        if len(group) > 1:
            mask = (torch.arange(batch.shape[1]) < lengths[:, None]).long().to(model.device)
        frames = model._get_feat_extract_output_lengths(lengths).tolist()
        with torch.inference_mode():
            batch = batch.to(model.device, model.dtype)
            states = model(batch, attention_mask=mask, output_hidden_states=True).hidden_states
            return [
                torch.stack([layer[row, :valid].mean(0) for layer in states]).float().cpu().numpy()
                for row, valid in enumerate(frames)
            ]

    def run(contents):
        for start in range(0, len(contents), size):
            encode(contents[start : start + size])

    return run


def scheduled(encoder, cache, folder, **how):
    """A function that extracts the features of contents, into a new store each time."""
    numbers = itertools.count()

    def run(contents):
        store = FeatureStore(folder / f"{next(numbers)}")
        report = extract(encoder, {}, contents, cache, store, **how)
        assert report.encoded == len(contents)

    return run
