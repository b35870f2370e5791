"""A prompt as the beginning of its choices' text, with its tokens' logprobs if asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.engine import Engine
from app.engine.events import OutputDelta, TokenLogprob
from app.engine.token_ids import TokenIds
from app.generation.request import PromptInput
from app.prompts import Prompt
from app.tokenizer.token_offsets import OffsetDetokenizer


class PromptEcho:
    """Gathers one prompt's logprobs. Used by one HTTP thread."""

    def __init__(
        self, text: str, ids: TokenIds, token_bytes: Sequence[bytes], *, scored: bool
    ) -> None:
        """scored: the logprobs of the prompt's tokens are asked for."""
        self._text = text
        self._offsets = _offsets(text, ids, token_bytes) if scored else []
        self._logprobs = [TokenLogprob(ids[0], None, ())] if scored else []

    @property
    def missing(self) -> int:
        """Logprobs that have not come yet."""
        return len(self._offsets) - len(self._logprobs)

    def add(self, logprobs: Sequence[TokenLogprob]) -> None:
        """Take the next tokens' logprobs."""
        for logprob in logprobs:
            self._logprobs.append(replace(logprob, offset=self._offsets[len(self._logprobs)]))

    def delta(self, index: int) -> OutputDelta:
        """The prompt as the first delta of one choice."""
        return OutputDelta(index, self._text, logprobs=tuple(self._logprobs), is_prompt=True)

    def shift(self, delta: OutputDelta) -> OutputDelta:
        """A delta whose logprobs' offsets count from the prompt's beginning."""
        length = len(self._text)
        moved = (replace(each, offset=each.offset + length) for each in delta.logprobs)
        return replace(delta, logprobs=tuple(moved))


def prompt_echoes(
    source: PromptInput,
    render: Callable[[str], Prompt],
    prompts: tuple[TokenIds, ...],
    engine: Engine,
    *,
    scored: bool,
) -> list[PromptEcho]:
    """The prompts as the model sees them, where they are to be echoed. prompts: those of `source`,
    rendered and encoded; scored: see `PromptEcho`."""
    if not source.echo:
        return []
    return [
        PromptEcho(
            render(item).text if isinstance(item, str) else engine.decode(item),
            ids,
            engine.info.token_bytes,
            scored=scored,
        )
        for item, ids in zip(source.prompts, prompts, strict=True)
    ]


def _offsets(text: str, ids: TokenIds, token_bytes: Sequence[bytes]) -> list[int]:
    """Where each token's text begins. The tokens may begin with a space before the text."""
    decoder = OffsetDetokenizer(token_bytes)
    starts = [decoder.push(token).start for token in ids]
    decoder.finish()
    before = max(0, decoder.length - len(text))
    return [min(max(0, start - before), len(text)) for start in starts]
