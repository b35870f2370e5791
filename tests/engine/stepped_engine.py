"""An engine without its thread: a test runs and counts its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from app.engine import build_sequences, validation
from app.engine.batch import Batch
from app.engine.core import EngineCore
from app.engine.events import Embedding, Event, OutputDelta
from app.engine.metrics import EngineMetrics
from app.engine.request import EmbeddingRequest, GenerationRequest, Owner
from app.engine.request_handle import RequestHandle
from app.engine.sequence import Sequence
from app.engine.step_time import StepLoad, StepTimeModel
from app.engine.token_ids import TokenIds
from tests.engine.fakes import VOCAB, CountingRunner, fake_model

HEAVY, LIGHT = Owner("heavy", limited=True), Owner("light", limited=True)


def prompt_of(length: int, salt: int = 0) -> TokenIds:
    return tuple(3 + (salt * 31 + place * 7) % (VOCAB - 3) for place in range(length))


def smollm2_seconds(load: StepLoad) -> float:
    """About what one CPU core takes for a step of SmolLM2: from a few thousand positions on,
    attention takes longer than the rest."""
    return 0.012 + 0.0017 * load.rows + 2.2e-6 * load.read + 6e-7 * load.attended


@dataclass
class SteppedEngine:
    """A scripted model and its engine."""

    slots: int = 64
    kv_cache_tokens: int = 64 * 2048
    row_invariant: bool = False
    prefix_reuse: bool = True
    positions: int = 2048
    #: Duration of a step, for a clock of its own; with it the step times are learned.
    step_seconds: Callable[[StepLoad], float] | None = None
    now: float = 0.0
    steps: int = 0
    told: dict[RequestHandle, list[Event]] = field(default_factory=dict)
    first: dict[RequestHandle, int] = field(default_factory=dict)  #: steps until the first token

    def __post_init__(self) -> None:
        self.runner = CountingRunner(self.slots, self.positions, self.row_invariant)
        self.model = fake_model(
            self.runner,
            kv_cache_tokens=self.kv_cache_tokens,
            prefix_reuse=self.prefix_reuse,
        )
        self.metrics = EngineMetrics()
        if self.step_seconds:
            points = [(rows, self.step_seconds(StepLoad(rows))) for rows in (1, 4, 16, 64)]
            self.model = replace(self.model, step_times=StepTimeModel(points))
            self.runner.on_step = self._pass_time
        self.core = EngineCore(self.model, self.metrics, clock=lambda: self.now)

    def _pass_time(self, batch: Batch) -> None:
        load = StepLoad()
        for row in batch.decode_rows:
            load = load.plus(row.position, 1)
        for chunk in batch.prefill_chunks:
            load = load.plus(chunk.start, len(chunk.tokens))
        assert self.step_seconds
        self.now += self.step_seconds(load)

    def ask(
        self,
        owner: Owner,
        prompt: TokenIds,
        max_tokens: int | None = 400,
        n: int = 1,
        num_beams: int = 1,
    ) -> RequestHandle:
        request = GenerationRequest(
            (prompt,), n=n, num_beams=num_beams, max_tokens=max_tokens, owner=owner
        )
        rooms = validation.check_generation(request, self.model)
        handle = RequestHandle(len(prompt), n, lambda: None, owner)
        return self._accept(
            handle, build_sequences.generation_sequences(request, self.model, handle, rooms)
        )

    def embed(self, owner: Owner, inputs: tuple[TokenIds, ...]) -> RequestHandle:
        handle = RequestHandle(sum(map(len, inputs)), len(inputs), lambda: None, owner)
        return self._accept(
            handle, build_sequences.embedding_sequences(EmbeddingRequest(inputs, owner), handle)
        )

    def _accept(self, handle: RequestHandle, sequences: list[Sequence]) -> RequestHandle:
        self.metrics.accepted += 1
        self.told[handle] = []
        self.core.accept(handle, sequences)
        return handle

    def step(self) -> bool:
        worked = self.core.step()
        self.core.flush()
        self.steps += 1
        for handle, events in self.told.items():
            events += handle.next_events(0) if not handle.done else []
            output = any(isinstance(event, OutputDelta | Embedding) for event in events)
            if output and handle not in self.first:
                self.first[handle] = self.steps
        return worked

    def steps_to_first_token(self, owner: Owner, prompt: TokenIds) -> int:
        begin, handle = self.steps, self.ask(owner, prompt, max_tokens=20)
        while handle not in self.first:
            assert self.steps - begin < 10_000, "never"
            self.step()
        return self.first[handle] - begin

    def finish(self) -> None:
        while self.step():
            pass

    def tokens(self, handle: RequestHandle, index: int = 0) -> list[int]:
        deltas = [e for e in self.told[handle] if isinstance(e, OutputDelta) and e.index == index]
        return [token for delta in deltas for token in delta.token_ids]

    @property
    def computed_tokens(self) -> int:
        """Tokens of all steps so far."""
        return sum(batch.tokens for batch in self.runner.batches)
