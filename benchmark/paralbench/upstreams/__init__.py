"""Upstream families: one file each, from a card to hidden states.

A family is a function ``load(card, folder) -> Encoder`` with an integer attribute ``version`` that
is raised whenever its features change; ``folder`` is where the weights lie, or None.
"""
