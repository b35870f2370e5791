"""The engine for HTTP threads: a daemon thread that alone uses the model.

Requests reach the thread through a queue of functions. Events leave through each request's
handle.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue

from app.engine import build_sequences, validation
from app.engine.core import EngineCore
from app.engine.engine_loop import EngineLoop, Inbox
from app.engine.errors import EngineError, GenerationFailed, ModelLoading, ShuttingDown
from app.engine.grammar_cache import GrammarCache
from app.engine.loaded_model import LoadedModel
from app.engine.metrics import EngineMetrics
from app.engine.model_info import ModelInfo
from app.engine.request import ANONYMOUS, EmbeddingRequest, GenerationRequest, Owner
from app.engine.request_handle import RequestHandle
from app.engine.request_limits import RequestLimits
from app.engine.sequence import Sequence as TokenSequence
from app.engine.stats import DayUsage, EngineState, EngineStats
from app.engine.token_ids import TokenIds
from app.engine.watchdog import HUNG_AFTER_S, StepWatchdog
from app.structured_output.grammar_compiler import grammar_tokens
from app.structured_output.grammar_constraint import GrammarConstraint

#: Seconds between two looks at whether a step hangs.
WATCH_S = 0.25


class AsyncEngine:
    """Implements `app.engine.Engine`. Call `start` once; any thread may call the rest."""

    def __init__(
        self,
        load: Callable[[], LoadedModel],
        max_in_flight: int = 128,
        hung_after_s: float = HUNG_AFTER_S,
        max_per_owner: int | None = None,
    ) -> None:
        """load: reads the model, called on the engine's thread; max_in_flight, max_per_owner: see
        `RequestLimits`."""
        self._load = load
        self._model: LoadedModel | None = None
        self._core: EngineCore | None = None
        self._state = EngineState.LOADING
        self._metrics = EngineMetrics()
        self._running, self._kv_usage_ratio = 0, 0.0  # as of the last step
        self._lock = threading.Lock()  # for `_limits` and `_grammars`, and to set the state
        self._limits = RequestLimits(self._metrics, max_in_flight, max_per_owner)
        self._grammars: GrammarCache | None = None
        self._inbox: Inbox = SimpleQueue()
        self._watchdog = StepWatchdog(hung_after_s)

    def start(
        self,
        on_ready: Callable[[ModelInfo], None] = lambda info: None,
        on_failure: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        """Start the thread, which loads the model and then serves.

        on_ready: called on that thread once the model is loaded; on_failure: called once, on that
        thread when loading or the engine fails, or on another when a step hangs.
        """
        failed = threading.Lock()  # acquired by the first failure and never released

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
                    on_failure(self._fail_hung_requests())

        threading.Thread(target=main, name="engine", daemon=True).start()
        threading.Thread(target=watch, name="engine watchdog", daemon=True).start()

    # --- called by any thread

    @property
    def state(self) -> EngineState:
        """The engine's state. A step that does not end makes it DEAD."""
        return EngineState.DEAD if self._hung else self._state

    @property
    def _hung(self) -> bool:
        core = self._core
        return core is not None and self._watchdog.hung(core.planned_tokens)

    @property
    def stats(self) -> EngineStats:
        """The counters now, those of the cache as of the last step."""
        return self._metrics.snapshot(self._running, self._kv_usage_ratio)

    def usage_today(self, owner: Owner) -> DayUsage:
        """What the owner's key has used on this day (UTC)."""
        return self._metrics.usage.today(owner.key_name)

    @property
    def info(self) -> ModelInfo:
        """Facts about the model. Raises Unavailable until it is loaded."""
        return self._loaded().info

    def encode(self, text: str, *, allow_special: bool = False) -> TokenIds:
        """Token ids of `text`, with a leading BOS if the tokenizer adds one."""
        return self._loaded().tokenizer.encode(text, allow_special=allow_special)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, without special tokens."""
        return self._loaded().tokenizer.decode(ids)

    def check_capacity(self, owner: Owner = ANONYMOUS) -> None:
        """Raises Unavailable when no request of this owner would be accepted now. Not while the
        model loads: errors in a request can be reported even then."""
        if self._state is not EngineState.LOADING:
            with self._lock:
                self._check_accepting()
                self._limits.check(owner)

    def generate(self, request: GenerationRequest) -> RequestHandle:
        """Accept a request, or raise InvalidRequest or Unavailable."""
        model = self._loaded()
        max_new_tokens = validation.check_generation(request, model)
        prompt_tokens = sum(len(prompt) for prompt in request.prompts)
        choices = len(request.prompts) * request.n
        handle = RequestHandle(prompt_tokens, choices, self._wake, request.owner)
        handle.max_new_tokens = min(max_new_tokens)

        def sequences(constraint: GrammarConstraint | None = None) -> list[TokenSequence]:
            return build_sequences.generation_sequences(
                request, model, handle, max_new_tokens, constraint
            )

        if request.structured_output is None:
            return self._submit(handle, sequences())
        self._reserve(handle)
        begin = partial(self._begin, handle, sequences)
        grammars = self._grammars_of(model)
        grammars.request(request.structured_output, request.answer_prefix, handle, begin)
        return handle

    def embed(self, request: EmbeddingRequest) -> RequestHandle:
        """Accept a request, or raise InvalidRequest or Unavailable."""
        model = self._loaded()
        validation.check_embedding(request, model)
        prompt_tokens = sum(map(len, request.inputs))
        handle = RequestHandle(prompt_tokens, len(request.inputs), self._wake, request.owner)
        return self._submit(handle, build_sequences.embedding_sequences(request, handle))

    def drain(self, grace_s: float) -> None:
        """Refuse new requests from now on; those still running after `grace_s` seconds end with
        ShuttingDown. Returns at once."""
        with self._lock:
            if self._state is not EngineState.DEAD:
                self._state = EngineState.DRAINING

        def fail_all() -> None:
            error = ShuttingDown("the server is stopping")
            self._inbox.put(lambda core: core.fail(core.handles, error))

        timer = threading.Timer(grace_s, fail_all)
        timer.daemon = True
        timer.start()

    def _loaded(self) -> LoadedModel:
        model = self._model
        if self._state is EngineState.LOADING or model is None:
            raise ModelLoading("the model is still loading")
        return model

    def _submit(self, handle: RequestHandle, sequences: list[TokenSequence]) -> RequestHandle:
        self._accept(handle)
        handle.mark_prepared()
        self._inbox.put(lambda core: core.accept(handle, sequences))
        return handle

    def _reserve(self, handle: RequestHandle) -> None:
        self._accept(handle)
        self._inbox.put(lambda core: core.reserve(handle))

    def _begin(
        self,
        handle: RequestHandle,
        sequences: Callable[[GrammarConstraint], list[TokenSequence]],
        grammar: GrammarConstraint | EngineError,
    ) -> None:
        """Let a reserved request run, or fail it."""
        if isinstance(grammar, GrammarConstraint):
            built = sequences(grammar)
            handle.mark_prepared()
            self._inbox.put(lambda core: core.begin(handle, built))
        else:
            self._inbox.put(lambda core: core.fail([handle], grammar))

    def _grammars_of(self, model: LoadedModel) -> GrammarCache:
        with self._lock:
            if self._grammars is None:
                self._grammars = GrammarCache(grammar_tokens(model.tokenizer, model.eos_ids))
            return self._grammars

    def _accept(self, handle: RequestHandle) -> None:
        with self._lock:
            self._check_accepting()
            self._limits.add(handle)

    def _check_accepting(self) -> None:
        if self.state is not EngineState.READY:
            raise ShuttingDown("the server is stopping")

    def _wake(self) -> None:
        self._inbox.put(None)

    # --- the engine's thread

    def _serve(self, on_ready: Callable[[ModelInfo], None]) -> None:
        self._model = model = self._load()
        del self._load  # and what it keeps of the model's files
        self._core = core = EngineCore(model, self._metrics)
        with self._lock:
            if self._state is EngineState.LOADING:
                self._state = EngineState.READY
        on_ready(model.info)
        loop = EngineLoop(core, self._inbox, self._watchdog)
        loop.run(after_step=self._publish)
        with self._lock:  # no request is accepted after this
            self._state = EngineState.DEAD
        loop.process_inbox()
        core.fail(core.handles, GenerationFailed("the server failed; try again"))
        self._publish(core)
        raise GenerationFailed("the model is broken: its steps fail")

    def _publish(self, core: EngineCore) -> None:
        # in this order: a reader who sees that nothing runs sees the cache after that, too
        self._kv_usage_ratio = core.scheduler.kv_usage_ratio
        self._running = core.running_requests

    def _fail_hung_requests(self) -> GenerationFailed:
        """Fail all requests from another thread, while the engine's thread hangs."""
        with self._lock:  # no request is accepted after this
            self._state = EngineState.DEAD
            handles = self._limits.handles
        error = GenerationFailed("the model hangs: a step does not end")
        for handle in handles:
            handle.fail(error)
        return error
