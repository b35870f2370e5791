"""Special tokens that a request wants as text: the tags of tool calls."""

from __future__ import annotations

from app.engine.build_sequences import generation_sequences
from app.engine.request import GenerationRequest
from app.engine.request_handle import RequestHandle
from tests.engine.fakes import CountingRunner, fake_model

CALLS, ARGS = 7, 8


def answer(*shown: str) -> str:
    """The text of the tokens 7, 5, 8 and 6, of which 7 and 8 are special."""
    model = fake_model(CountingRunner())
    tokenizer = model.tokenizer
    tokenizer.special_texts, tokenizer.special_ids = ("[TOOL_CALLS]", "[ARGS]"), (CALLS, ARGS)  # type: ignore[misc]
    tokenizer.token_bytes = tuple(  # type: ignore[misc]
        b"" if token in (CALLS, ARGS) else text for token, text in enumerate(tokenizer.token_bytes)
    )
    request = GenerationRequest(((3,),), max_tokens=9, shown_special_texts=shown)
    handle = RequestHandle(1, 1, lambda: None)
    (sequence,) = generation_sequences(request, model, handle, [9])
    return "".join(sequence.append(token, set())[0] for token in (CALLS, 5, ARGS, 6))


def test_they_are_text_only_where_they_are_wanted() -> None:
    assert answer() == "5.6."
    assert answer("[TOOL_CALLS]") == "[TOOL_CALLS]5.6."
    assert answer("[TOOL_CALLS]", "[ARGS]", "<tool_call>") == "[TOOL_CALLS]5.[ARGS]6."
