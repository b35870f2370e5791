"""Sentence embeddings as the server makes them, and the contrastive loss that gives them meaning.

Knows nothing about where pairs of sentences come from.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy, normalize
from transformers import LlamaForCausalLM

_TEMPERATURE = 0.05


def embeddings(model: LlamaForCausalLM, rows: Sequence[list[int]]) -> torch.Tensor:
    """(rows, hidden size): the mean of the last hidden state over a row's ids, of length 1."""
    lengths = torch.tensor([len(row) for row in rows])
    inputs = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for index, row in enumerate(rows):
        inputs[index, : len(row)] = torch.tensor(row)
    # Padding is on the right, where causal attention never looks: no mask is needed.
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state.float()
    real = torch.arange(inputs.shape[1]) < lengths[:, None]
    return normalize((hidden * real[..., None]).sum(1) / lengths[:, None], dim=-1)


def pair_loss(
    model: LlamaForCausalLM, pairs: Sequence[tuple[list[int], list[int]]]
) -> torch.Tensor:
    """InfoNCE: each sentence has to find its partner among all other sentences of the batch."""
    rows = [first for first, _ in pairs] + [second for _, second in pairs]
    vectors = embeddings(model, rows)
    likeness = vectors @ vectors.T / _TEMPERATURE
    likeness = likeness.masked_fill(torch.eye(len(rows), dtype=torch.bool), -torch.inf)
    return cross_entropy(likeness, torch.arange(len(rows)).roll(len(pairs)))
