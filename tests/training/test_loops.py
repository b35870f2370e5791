"""Loops are unlearnt: which pieces count as said again, and that they are said less afterwards."""

from __future__ import annotations

from random import Random

import torch

from training.loops import answered, loop_loss, repeats
from training.model import model_config, new_model
from training.tokenizer import BOS_ID, EOS_ID


def test_the_last_piece_of_a_run_said_before_is_marked() -> None:
    assert repeats([7, 8, 9, 5, 7, 8, 9]) == [6]
    assert repeats([7, 7, 7, 7, 7]) == [3, 4]
    assert repeats([7, 8, 9, 5, 8, 9, 7]) == []
    assert repeats([7, 8, 9, EOS_ID, EOS_ID, EOS_ID, EOS_ID, EOS_ID, EOS_ID, EOS_ID]) == []
    assert repeats([]) == []


def test_a_model_that_only_loops_stops_looping() -> None:
    """An untrained model says nothing else; forty steps later hardly a run comes twice."""
    torch.set_grad_enabled(True)
    model = new_model(model_config(60, hidden_size=64, layers=2), seed=5)
    random = Random(3)
    prompts = [[BOS_ID, *random.sample(range(3, 60), 6)] for _ in range(16)]

    def looped() -> int:
        return sum(len(repeats(row)) for row in answered(model, prompts).tolist())

    before = looped()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(40):
        loss = loop_loss(model, prompts)
        if not loss.requires_grad:
            break
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert before > 200
    assert looped() < before / 5
