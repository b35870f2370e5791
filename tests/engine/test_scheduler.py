"""The scheduler: prefill budgets, turns between requests, admission and preemption."""

from __future__ import annotations

from app.engine.batch import OutputKind
from app.engine.detokenizer import Detokenizer
from app.engine.fairness import EXPECTED_ANSWER_TOKENS
from app.engine.prefill_budget import MAX_PREFILL_TOKENS
from app.engine.prefill_chunking import PrefillChunking
from app.engine.request_handle import RequestHandle
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence
from app.engine.step_time import StepTimeModel
from tests.engine.fakes import CHUNK

GRID = PrefillChunking(CHUNK, row_invariant=False)


def sequence(length: int, max_tokens: int = 50, handle: RequestHandle | None = None) -> Sequence:
    handle = handle or RequestHandle(length, 1, lambda: None)
    answer = Detokenizer((), (), False) if max_tokens else None
    return Sequence(handle, 0, [7] * length, length, max_tokens, detokenizer=answer)


def advance(scheduler: Scheduler) -> None:
    """Pretend that the planned step was computed and every answer got a token."""
    plan = scheduler.plan()
    for each in plan.decode_sequences:
        each.num_computed_tokens += 1
        if each.num_computed_tokens == len(each.tokens):
            each.tokens.append(7)
    for each, chunk in plan.prefilled:
        each.num_computed_tokens = chunk.end
        if chunk.output is OutputKind.LOGITS:
            each.tokens.append(7)


def test_prompts_are_cut_into_chunks_within_the_budget() -> None:
    scheduler = Scheduler(4, 10_000, GRID)
    scheduler.add([sequence(1000)])
    chunks = scheduler.plan().batch.prefill_chunks
    assert [chunk.start for chunk in chunks] == list(range(0, MAX_PREFILL_TOKENS, CHUNK))
    assert {len(chunk.tokens) for chunk in chunks} == {CHUNK}
    assert {chunk.output for chunk in chunks} == {OutputKind.NONE}


def test_only_the_last_chunk_of_a_prompt_needs_logits() -> None:
    scheduler = Scheduler(4, 10_000, GRID)
    scheduler.add([sequence(70)])
    chunks = scheduler.plan().batch.prefill_chunks
    assert [(chunk.start, len(chunk.tokens), chunk.output) for chunk in chunks] == [
        *((start, CHUNK, OutputKind.NONE) for start in range(0, 64, CHUNK)),
        (64, 6, OutputKind.LOGITS),
    ]


def test_answers_advance_in_every_step_beside_a_long_prompt() -> None:
    step_times = StepTimeModel(((1, 1.0), (64, 1.5), (128, 3.1)), learns=False)
    scheduler = Scheduler(4, 10_000, GRID, step_times=step_times)
    scheduler.add([sequence(5)])
    advance(scheduler)
    scheduler.add([sequence(1000)])
    for _ in range(5):
        batch = scheduler.plan().batch
        assert len(batch.decode_rows) == 1
        assert sum(len(chunk.tokens) for chunk in batch.prefill_chunks) == 96  # 97 rows take 2.3
        advance(scheduler)


def test_a_request_of_many_prompts_takes_turns_with_those_behind_it() -> None:
    scheduler = Scheduler(4, 10_000, GRID)
    many = RequestHandle(0, 100, lambda: None)
    scheduler.add([sequence(CHUNK, 0, many) for _ in range(100)])
    late = sequence(5)
    scheduler.add([late])
    scheduler.plan()
    assert late in scheduler.running


def test_admission_expects_likely_lengths_and_never_blocks_an_empty_engine() -> None:
    scheduler = Scheduler(8, 2 * (EXPECTED_ANSWER_TOKENS + 10), GRID)
    for _ in range(4):
        scheduler.add([sequence(10, max_tokens=10_000)])
    scheduler.plan()
    assert len(scheduler.running) == 2
    small = Scheduler(8, 100, GRID)
    small.add([sequence(90, max_tokens=10)])
    small.plan()
    assert len(small.running) == 1


def test_when_the_cache_is_full_the_youngest_starts_again_first_in_line() -> None:
    scheduler = Scheduler(4, 600, GRID)
    old, young, later = sequence(10, 1000), sequence(10, 1000), sequence(10, 1000)
    for each in (old, young, later):
        scheduler.add([each])
    while not scheduler.preempt_for_cache_space():
        advance(scheduler)
    assert scheduler.waiting()[0] is young
    assert scheduler.running == [old]
    assert young.num_computed_tokens == 0
    generated = young.num_generated_tokens
    assert generated > 0, "what was said is not taken back"


def test_a_preempted_answer_replays_its_own_tokens_before_it_samples_again() -> None:
    scheduler = Scheduler(2, 10_000, GRID, prefix_reuse=False)
    each = sequence(40, 100)
    scheduler.add([each])
    for _ in range(6):
        advance(scheduler)
    scheduler.remove(each)
    each.num_computed_tokens = 0
    scheduler.add([each])
    generated = each.num_generated_tokens
    chunks = scheduler.plan().batch.prefill_chunks
    assert [chunk.output for chunk in chunks] == [OutputKind.NONE] * 3
    advance(scheduler)
    needs_logits_by_step = []
    for _ in range(generated):
        needs_logits_by_step.append(scheduler.plan().batch.decode_rows[0].needs_logits)
        advance(scheduler)
    assert needs_logits_by_step == [False] * (generated - 1) + [True]
