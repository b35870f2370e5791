"""Hands a request to the engine, and waits until nothing can be wrong with it any more."""

from __future__ import annotations

from app.connection.request_context import RequestContext
from app.engine import Engine
from app.engine.request import GenerationRequest
from app.engine.request_handle import RequestHandle


def submit(engine: Engine, generation: GenerationRequest, context: RequestContext) -> RequestHandle:
    """Accept a request.

    Raises:
        EngineError: it is refused.
        ClientGone, DeadlinePassed: nothing waits for the answer any more.
    """
    handle = engine.generate(generation)
    context.handles.append(handle)
    if generation.structured_output is not None:
        wait_until_prepared(handle, context)
    return handle


def max_tokens_cut(handle: RequestHandle, max_tokens: int | None) -> int | None:
    """What the engine cut `max_tokens` to; None: it was not asked for, or not cut."""
    limit = handle.max_new_tokens
    return limit if max_tokens is not None and limit < max_tokens else None


def wait_until_prepared(handle: RequestHandle, context: RequestContext) -> None:
    """Wait until all that can be wrong with an accepted request is known. Nothing can be written
    meanwhile to tell a client that only stopped sending from one that left: both have left.

    Raises:
        EngineError: it is refused.
        ClientGone, DeadlinePassed: nothing waits for the answer any more.
    """
    try:
        with context.connection.watch_disconnect(handle.cancel):
            while not handle.wait_until_prepared(context.wait_timeout_s()):
                context.raise_if_disconnected()
        context.raise_if_disconnected()
    except BaseException:
        handle.cancel()
        raise
