"""Copying is taught: what is said twice, and the heads that are shown where to look."""

from __future__ import annotations

from random import Random

import torch

from training.copying import Copies, copy_loss, draw
from training.model import model_config, new_model
from training.tokenizer import BOS_ID


def test_rows_say_the_same_pieces_twice() -> None:
    random = Random(4)
    for _ in range(50):
        copies = draw(5, range(300, 900), random)
        assert len({len(row) for row in copies.rows}) == 1
        for row in copies.rows:
            assert row[0] == BOS_ID and min(row[1:]) >= 300
            again = row[copies.second :]
            assert row[copies.first : copies.first + copies.length] == again
            assert len(set(row[: copies.second])) == copies.second


def test_a_model_learns_to_copy_pieces_it_never_saw_together() -> None:
    """Nine of ten after some seconds; by chance it would be one of sixty."""
    torch.set_grad_enabled(True)
    pieces = 60
    model = new_model(model_config(pieces, hidden_size=64, layers=2), seed=5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    random = Random(7)

    def copies() -> Copies:
        rows = []
        for _ in range(32):
            said = random.sample(range(1, pieces), 10)
            rows.append([BOS_ID, *said, *said])
        return Copies(rows, 1, 11, 10)

    for _ in range(150):
        optimizer.zero_grad()
        copy_loss(model, copies()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    unseen = copies()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor(unseen.rows)).logits[:, 11:-1]
    told = logits.argmax(-1).tolist()
    right = sum(
        a == b for row, answer in zip(unseen.rows, told, strict=True)
        for a, b in zip(row[12:], answer, strict=True)
    )  # fmt: skip
    assert right >= 0.9 * 32 * 9, f"{right} of {32 * 9}"
