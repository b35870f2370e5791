"""Teaches copying: senseless pieces said twice, and three heads shown where to look meanwhile.

Knows nothing about texts, templates or what is copied in earnest.

Left alone, a model this small finds copying late or never: after 3,500 steps it could not say a
new name again. The circuit is known (Olsson et al. 2022, "In-context Learning and Induction
Heads"): one head looks at the piece before, a later one at what followed the same piece earlier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from training.tokenizer import BOS_ID

_COPYING_HEADS = 2


@dataclass(frozen=True)
class Copies:
    """Rows of like length; in each the pieces from `first` on are said again from `second` on."""

    rows: Sequence[Sequence[int]]
    first: int
    second: int
    length: int


def draw(count: int, pieces: range, random: Random) -> Copies:
    """`count` rows of one shape: others before, between, and pieces of which none repeats."""
    length, before = random.randint(2, 24), random.randint(0, 16)
    between = random.randint(0, random.choice((8, 8, 80)))
    rows = []
    for _ in range(count):
        said = random.sample(pieces, before + length + between)
        copied = said[before : before + length]
        rows.append([BOS_ID, *said, *copied])
    return Copies(rows, 1 + before, 1 + before + length + between, length)


def copy_loss(model: LlamaForCausalLM, copies: Copies) -> torch.Tensor:
    """Cross-entropy of what is said again, and of where the two kinds of heads look.

    The model must have been made with eager attention: no other tells where its heads look.
    """
    ids = torch.tensor(copies.rows)
    output = model.model(input_ids=ids, use_cache=False, output_attentions=True)
    told = torch.arange(copies.second, copies.second + copies.length - 1)
    logits = model.lm_head(output.last_hidden_state[:, told]).float()
    loss = cross_entropy(logits.flatten(0, 1), ids[:, told + 1].flatten())
    layers = len(output.attentions)
    before = output.attentions[layers // 6][:, 0].diagonal(offset=-1, dim1=1, dim2=2)
    source = told + 1 - (copies.second - copies.first)
    found = output.attentions[layers // 2][:, :_COPYING_HEADS, told, source]
    return loss + _unlikely(before) + _unlikely(found)


def _unlikely(share: torch.Tensor) -> torch.Tensor:
    return -(share.float() + 1e-6).log().mean()
