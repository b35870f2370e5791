"""Checks what answers must match before the upstream is asked: a refusal names the client's field,
and is the same over every upstream. Upstreams refuse other schemas, some of them in their own
words, or answer with what matches nothing.

Over another Westlake nothing is checked here: it does the same.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from app.connection.request_context import RequestContext
from app.engine.errors import EngineError
from app.engine.request_handle import RequestHandle
from app.generation.encoding import engine_errors_as_fields
from app.generation.request import FieldNames
from app.generation.submission import wait_until_prepared
from app.structured_output.structured_output import StructuredOutput

if TYPE_CHECKING:
    from app.engine.grammar_cache import GrammarCache
    from app.structured_output.grammar_constraint import GrammarConstraint


class FormatCheck:
    """Any thread may use it. Compiles a grammar for single bytes: whether an answer matches does
    not depend on the tokens that it is made of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._grammars: GrammarCache | None = None

    def check(
        self, output: StructuredOutput, begun: str, names: FieldNames, context: RequestContext
    ) -> None:
        """begun: text that the answer continues.

        Raises:
            FieldRefused: nothing can match, or `begun` begins nothing that does.
            EngineError: it cannot be checked now.
            ClientGone, DeadlinePassed: nothing waits for the answer any more.
        """
        handle = RequestHandle(0, 1, lambda: None, context.owner)

        def on_compiled(result: GrammarConstraint | EngineError) -> None:
            if isinstance(result, EngineError):
                handle.fail(result)
            else:
                handle.mark_prepared()

        with engine_errors_as_fields(names):
            self._cache().request(output, begun, handle, on_compiled)
            wait_until_prepared(handle, context)

    def _cache(self) -> GrammarCache:
        with self._lock:
            if self._grammars is None:
                # The library and numpy are imported with the first format.
                from app.engine.grammar_cache import GrammarCache
                from app.structured_output.grammar_compiler import GrammarTokens

                end = 256
                single_bytes = tuple(bytes((value,)) for value in range(end))
                tokens = GrammarTokens((*single_bytes, b"\xff[%d]" % end), (end,), (end,), None)
                self._grammars = GrammarCache(tokens)
            return self._grammars
