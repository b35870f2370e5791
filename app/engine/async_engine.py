"""The engine as HTTP sees it: one daemon thread that alone touches the model.

Knows nothing about HTTP. Requests go in through a queue, events come out through each
request's own outbox; what the thread computes, it alone decides.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from weakref import WeakSet

from app.engine import build_sequences, validation
from app.engine.core import EngineCore
from app.engine.errors import (
    EngineError,
    GenerationFailed,
    ModelLoading,
    OutOfMemory,
    Overloaded,
    ShuttingDown,
)
from app.engine.grammar_cache import Grammars
from app.engine.loaded_model import LoadedModel
from app.engine.metrics import EngineMetrics
from app.engine.request_handle import RequestHandle
from app.engine.sequence import Sequence as TokenSequence
from app.engine.types import (
    ANONYMOUS,
    EmbeddingRequest,
    EngineState,
    EngineStats,
    GenerationRequest,
    ModelInfo,
    Owner,
    TokenIds,
)
from app.structured_output.grammar_compiler import grammar_tokens
from app.structured_output.json_constraint import JsonConstraint

log = logging.getLogger(__name__)

#: This many faulty steps in a row are the engine's end, and so is a step that takes longer than
#: this and than so many times what its tokens took before. Until something is known about the
#: model's speed, the first time counts as many times.
FAULTS_ALLOWED = 3
HUNG_AFTER_S = 60.0
HUNG_AFTER_TIMES = 10
WATCH_S = 0.25
STEP_TIME_DECAY = 0.99  #: one slow step is not remembered for ever


class AsyncEngine:
    """Implements `app.engine.Engine`. `start` once; any thread may call the rest."""

    def __init__(
        self,
        load: Callable[[], LoadedModel],
        max_in_flight: int = 128,
        hung_after_s: float = HUNG_AFTER_S,
        max_per_owner: int | None = None,
    ) -> None:
        """load: reads the model, called on the engine's thread; max_per_owner: requests of one
        owner at once, where there are several; None: half of `max_in_flight`, at least one."""
        self._load, self._max_in_flight, self._hung_after_s = load, max_in_flight, hung_after_s
        self._max_per_owner = max_per_owner or max(1, max_in_flight // 2)
        self._model: LoadedModel | None = None
        self._state = EngineState.LOADING
        self._metrics = EngineMetrics()
        self._running, self._kv_usage_ratio = 0, 0.0  # as of the last step
        self._lock = threading.Lock()  # guards what is accepted; nothing enters once closed
        self._inbox: SimpleQueue[Callable[[EngineCore], None] | None] = SimpleQueue()
        self._open: WeakSet[RequestHandle] = WeakSet()  # guarded by the lock; may hold ended ones
        self._grammars: Grammars | None = None  # guarded by the lock
        self._stepper: EngineCore | None = None
        self._step_began = 0.0  # monotonic; 0 between steps
        self._token_s = 0.0  # what one row of a step took at most; 0: not known

    def start(
        self,
        on_ready: Callable[[ModelInfo], None] = lambda info: None,
        on_failure: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        """Start the thread, which loads the model and then serves. The callbacks run on it:
        `on_ready` once the model answers, `on_failure` when loading or the engine itself fails,
        or from another thread when it hangs."""
        failed = threading.Lock()  # taken by the first failure, for good

        def main() -> None:
            try:
                self._serve(on_ready)
            except BaseException as error:
                self._state = EngineState.DEAD
                if failed.acquire(blocking=False):
                    on_failure(error)

        def watch() -> None:
            while self._state is not EngineState.DEAD:
                time.sleep(WATCH_S)
                if self._hung and failed.acquire(blocking=False):
                    on_failure(self._give_up())

        threading.Thread(target=main, name="engine", daemon=True).start()
        threading.Thread(target=watch, name="engine watchdog", daemon=True).start()

    # --- any thread

    @property
    def state(self) -> EngineState:
        """Where the engine is in its life; a step that never ends makes it DEAD."""
        return EngineState.DEAD if self._hung else self._state

    @property
    def _hung(self) -> bool:
        began, core = self._step_began, self._stepper
        if not began or core is None:
            return False
        usual_s = self._token_s * core.planned_tokens or self._hung_after_s
        return time.monotonic() - began > max(self._hung_after_s, HUNG_AFTER_TIMES * usual_s)

    @property
    def stats(self) -> EngineStats:
        """The counters now, those of the cache as of the last step."""
        return self._metrics.snapshot(self._running, self._kv_usage_ratio)

    @property
    def info(self) -> ModelInfo:
        """Facts about the model. Raises Unavailable until it is loaded."""
        return self._loaded().info

    def encode(self, text: str, *, allow_special: bool = False) -> TokenIds:
        """Token ids of `text`, BOS first where the tokenizer says so."""
        return self._loaded().tokenizer.encode(text, allow_special=allow_special)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, control tokens left out."""
        return self._loaded().tokenizer.decode(ids)

    def check_capacity(self, owner: Owner = ANONYMOUS) -> None:
        """Raises Unavailable when nothing of this owner would be accepted now; while the model
        loads, what is wrong with a request can still be told."""
        if self._state is not EngineState.LOADING:
            with self._lock:
                self._check_capacity(owner)

    def generate(self, request: GenerationRequest) -> RequestHandle:
        """Accept a request, or refuse it (InvalidRequest, Unavailable)."""
        model = self._loaded()
        rooms = validation.check_generation(request, model)
        prompt_tokens = sum(len(prompt) for prompt in request.prompts)
        choices = len(request.prompts) * request.n
        handle = RequestHandle(prompt_tokens, choices, self._wake, request.owner)
        handle.max_new_tokens = min(rooms)

        def sequences(constraint: JsonConstraint | None = None) -> list[TokenSequence]:
            return build_sequences.generation_sequences(request, model, handle, rooms, constraint)

        if request.json_schema is None:
            return self._submit(handle, sequences())
        self._reserve(handle)
        begin = partial(self._begin, handle, sequences)
        self._grammars_of(model).find(request.json_schema, request.answer_prefix, handle, begin)
        return handle

    def embed(self, request: EmbeddingRequest) -> RequestHandle:
        """Accept a request, or refuse it (InvalidRequest, Unavailable)."""
        model = self._loaded()
        validation.check_embedding(request, model)
        prompt_tokens = sum(map(len, request.inputs))
        handle = RequestHandle(prompt_tokens, len(request.inputs), self._wake, request.owner)
        return self._submit(handle, build_sequences.embedding_sequences(request, handle))

    def drain(self, grace_s: float) -> None:
        """Refuse new requests from now on; those still running after `grace_s` seconds end
        with ShuttingDown. Returns at once."""
        with self._lock:
            if self._state is not EngineState.DEAD:
                self._state = EngineState.DRAINING

        def cut() -> None:
            error = ShuttingDown("the server is stopping")
            self._inbox.put(lambda core: core.fail(core.handles, error))

        timer = threading.Timer(grace_s, cut)
        timer.daemon = True
        timer.start()

    def _loaded(self) -> LoadedModel:
        model = self._model
        if self._state is EngineState.LOADING or model is None:
            raise ModelLoading("the model is still loading")
        return model

    def _submit(self, handle: RequestHandle, sequences: list[TokenSequence]) -> RequestHandle:
        self._count_in(handle)
        handle.mark_prepared()
        self._inbox.put(lambda core: core.accept(handle, sequences))
        return handle

    def _reserve(self, handle: RequestHandle) -> None:
        self._count_in(handle)
        self._inbox.put(lambda core: core.reserve(handle))

    def _begin(
        self,
        handle: RequestHandle,
        sequences: Callable[[JsonConstraint], list[TokenSequence]],
        found: JsonConstraint | EngineError,
    ) -> None:
        """Let a reserved request run, or end it."""
        if isinstance(found, JsonConstraint):
            made = sequences(found)
            handle.mark_prepared()
            self._inbox.put(lambda core: core.begin(handle, made))
        else:
            self._inbox.put(lambda core: core.fail([handle], found))

    def _grammars_of(self, model: LoadedModel) -> Grammars:
        with self._lock:
            if self._grammars is None:
                self._grammars = Grammars(grammar_tokens(model.tokenizer, model.eos_ids))
            return self._grammars

    def _count_in(self, handle: RequestHandle) -> None:
        with self._lock:
            self._check_capacity(handle.owner)
            self._metrics.accepted += 1
            self._open.add(handle)

    def _check_capacity(self, owner: Owner) -> None:
        if self.state is not EngineState.READY:
            raise ShuttingDown("the server is stopping")
        if self._metrics.in_flight >= self._max_in_flight:
            raise Overloaded(
                f"the server is busy with {self._max_in_flight} requests, its maximum "
                "(--max_in_flight); try again in a moment"
            )
        most = self._max_per_owner
        if owner.limited and self._held_by(owner) >= most:
            raise Overloaded(
                f"this API key has {most} requests in flight, the maximum for one key "
                "(--max_per_key); try again when one has finished"
            )

    def _held_by(self, owner: Owner) -> int:
        return sum(not each.ended and each.owner.name == owner.name for each in self._open)

    def _wake(self) -> None:
        self._inbox.put(None)

    # --- the engine's thread

    def _serve(self, on_ready: Callable[[ModelInfo], None]) -> None:
        self._model = model = self._load()
        self._stepper = core = EngineCore(model, self._metrics)
        with self._lock:
            if self._state is EngineState.LOADING:
                self._state = EngineState.READY
        on_ready(model.info)
        faults = 0
        while True:
            self._take_inbox(core)
            core.drop_cancelled()
            faults = self._step(core, faults)
            self._publish(core)  # first, so that whoever has an answer finds it counted
            core.flush()
            if faults >= FAULTS_ALLOWED:
                self._die(core)

    def _take_inbox(self, core: EngineCore) -> None:
        """Do what other threads asked for; wait for it when there is nothing to compute."""
        if not core.scheduler.busy:
            self._do(self._inbox.get(), core)
        while not self._inbox.empty():
            self._do(self._inbox.get(), core)

    @staticmethod
    def _do(task: Callable[[EngineCore], None] | None, core: EngineCore) -> None:
        if task is not None:
            task(core)

    def _step(self, core: EngineCore, faults: int) -> int:
        """Compute one step; returns how many in a row have failed now. A failure costs only
        those the step ran for, and where memory ran out only one of them."""
        self._step_began = began = time.monotonic()
        try:
            if not core.step():
                return faults
            took_s = (time.monotonic() - began) / core.planned_tokens
            self._token_s = max(took_s, self._token_s * STEP_TIME_DECAY)
            return 0
        except MemoryError:
            log.exception("memory ran out in a step of the engine; one request is given up")
            core.recover_from_out_of_memory(OutOfMemory("the server ran out of memory; try again"))
            return faults
        except Exception:
            log.exception("a step of the engine failed")
            core.fail(
                core.requests_of_last_step(), GenerationFailed("the server failed; try again")
            )
            return faults + 1 if self._works(core) else FAULTS_ALLOWED
        finally:
            self._step_began = 0.0

    @staticmethod
    def _works(core: EngineCore) -> bool:
        """After a failure: whether the model can compute anything at all."""
        try:
            core.probe()
        except Exception:
            log.exception("the model is broken")
            return False
        return True

    def _publish(self, core: EngineCore) -> None:
        self._running = core.running_requests
        self._kv_usage_ratio = core.scheduler.used_tokens / core.scheduler.kv_cache_tokens

    def _die(self, core: EngineCore) -> None:
        with self._lock:  # nothing is accepted after this
            self._state = EngineState.DEAD
        while not self._inbox.empty():
            self._do(self._inbox.get(), core)
        core.fail(core.handles, GenerationFailed("the server failed; try again"))
        self._publish(core)
        raise GenerationFailed("the model is broken: its steps fail")

    def _give_up(self) -> GenerationFailed:
        """The engine's thread hangs: tell all who wait, from another."""
        with self._lock:  # nothing is accepted after this
            self._state = EngineState.DEAD
            handles = list(self._open)
        error = GenerationFailed("the model hangs: a step does not end")
        for handle in handles:
            handle.fail(error)
        return error
