"""Pooled features of utterances: extracted once, exact, content-addressed.

An encoder's hidden states are averaged over the valid frames of each utterance, layer by layer,
and kept under the sha256 of the audio in a space named by the sha256 of what made them.
Importing this package imports no torch.
"""
