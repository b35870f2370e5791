"""Unlearns loops: the model answers by itself, and what it says a second time is made less likely.

Knows nothing about what was asked, nor about right answers.

Learning right answers never shows a model its own loops; a penalty on what it really says does
(Welleck et al. 2020, "Neural Text Generation With Unlikelihood Training", section 5.2).
"""

from collections.abc import Sequence

import torch
from transformers import LlamaForCausalLM

from training.tokenizer import EOS_ID

_RUN = 3  # pieces; said again, the last of them counts as a loop
_LONGEST = 40  # pieces of an answer


def answered(model: LlamaForCausalLM, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
    """(prompts, at most 40) greedy ids after prompts of one length, EOS to the end of each row."""
    ids = torch.tensor(prompts)
    model.eval()
    with torch.no_grad():
        rows = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=_LONGEST,
            do_sample=False,
            eos_token_id=EOS_ID,
            pad_token_id=EOS_ID,
        )
    model.train()
    answers: torch.Tensor = rows[:, ids.shape[1] :]
    return answers


def repeats(answer: Sequence[int]) -> list[int]:
    """Positions that end a run of three pieces which the answer has said before."""
    ended = answer.index(EOS_ID) if EOS_ID in answer else len(answer)
    seen: set[tuple[int, ...]] = set()
    found = []
    for end in range(_RUN, ended + 1):
        run = tuple(answer[end - _RUN : end])
        if run in seen:
            found.append(end - 1)
        seen.add(run)
    return found


def loop_loss(model: LlamaForCausalLM, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Mean of -log(1 - p) over the pieces of the model's own answers that end a repeated run."""
    said = answered(model, prompts)
    marked = [(row, at) for row, ids in enumerate(said.tolist()) for at in repeats(ids)]
    if not marked:
        return torch.zeros(())
    chosen = sorted({row for row, _ in marked})
    inputs = torch.cat((torch.tensor(prompts), said), 1)[chosen]
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state
    rows = torch.tensor([chosen.index(row) for row, _ in marked])
    ends = torch.tensor([len(prompts[0]) + at for _, at in marked])
    chances = model.lm_head(hidden[rows, ends - 1]).float().log_softmax(-1)
    repeated = chances[torch.arange(len(marked)), inputs[rows, ends]]
    return -torch.log1p(-repeated.exp() + 1e-4).mean()
