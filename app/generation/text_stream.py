"""An accepted generation request's text, delta by delta or as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.connection.request_context import RequestContext
from app.engine.request_handle import RequestHandle
from app.engine.types import FinishReason, OutputDelta, Progress, PromptLogprobs, TokenLogprob
from app.generation.prompt_echo import PromptEcho
from app.generation.results import Choice, Completion, Usage


class TextStream:
    """One request's deltas, echoed prompts first. Used by one HTTP thread."""

    def __init__(
        self,
        handle: RequestHandle,
        choices: int,
        context: RequestContext,
        echoes: Sequence[PromptEcho] = (),
        *,
        max_tokens_cut: int | None = None,
        unread_fields: tuple[str, ...] = (),
    ) -> None:
        """choices: of all prompts together; echoes: one for each prompt, where that is asked
        for; max_tokens_cut: what `max_tokens` was cut to, if it was; unread_fields: paths of
        what the model's template does not show to the model."""
        self.context = context
        self.max_tokens_cut, self.unread_fields = max_tokens_cut, unread_fields
        self._handle, self._choices, self._echoes = handle, choices, echoes
        self._completion_tokens = 0
        self._begun: set[int] = set()  #: choices whose prompt was echoed
        self._waiting: dict[int, list[OutputDelta]] = {}  #: by prompt, until all of it is scored

    @property
    def done(self) -> bool:
        """True when every choice has finished and all deltas were taken."""
        return self._handle.done

    @property
    def usage(self) -> Usage:
        """Tokens so far."""
        handle = self._handle
        return Usage(handle.prompt_tokens, self._completion_tokens, handle.cached_tokens)

    def next_deltas(self) -> list[OutputDelta | Progress]:
        """Wait for news of the request, and take all there is; [] after at most a second.

        Raises:
            DeadlinePassed: the request took too long.
            EngineError: the request failed; nothing more will come.
        """
        deltas: list[OutputDelta | Progress] = []
        for event in self._handle.next_events(self.context.wait_timeout_s()):
            if isinstance(event, Progress):
                deltas.append(event)
            elif isinstance(event, PromptLogprobs):
                deltas += self._scored(event)
            elif isinstance(event, OutputDelta):
                self._completion_tokens += len(event.token_ids)
                deltas += self._after_prompt(event)
        return deltas

    def collect(self) -> Completion:
        """Wait for all choices.

        Raises:
            ClientGone, DeadlinePassed: nothing waits for the answer any more.
            EngineError: the request failed.
        """
        choices = [_Collected() for _ in range(self._choices)]
        with self.context.cancel_on_disconnect(self.cancel):
            while not self.done:
                for delta in self.next_deltas():
                    if isinstance(delta, OutputDelta):
                        choices[delta.index].add(delta)
                self.context.raise_if_disconnected()
        return Completion(tuple(choice.finished() for choice in choices), self.usage)

    def wake(self) -> None:
        """End a wait in `next_deltas` now. Any thread may call it."""
        self._handle.wake()

    def cancel(self) -> None:
        """Give up the request; harmless when it is done."""
        self._handle.cancel()

    def _scored(self, event: PromptLogprobs) -> list[OutputDelta]:
        """Take a prompt's logprobs; with the last of them its choices may begin."""
        prompt = self._prompt_of(event.index)
        echo = self._echoes[prompt]
        echo.add(event.logprobs)
        if echo.missing:
            return []
        waiting = self._waiting.pop(prompt, [])
        return [ready for delta in waiting for ready in self._after_prompt(delta)]

    def _after_prompt(self, delta: OutputDelta) -> list[OutputDelta]:
        """The delta, moved behind its choice's echoed prompt, which comes first; nothing while
        the prompt's logprobs are incomplete."""
        if not self._echoes:
            return [delta]
        prompt = self._prompt_of(delta.index)
        echo = self._echoes[prompt]
        if echo.missing:
            # A later choice may be ahead of the first, with which the logprobs come.
            self._waiting.setdefault(prompt, []).append(delta)
            return []
        moved = echo.shift(delta)
        if delta.index in self._begun:
            return [moved]
        self._begun.add(delta.index)
        return [echo.delta(delta.index), moved]

    def _prompt_of(self, choice: int) -> int:
        """Index of the prompt that a choice answers."""
        return choice * len(self._echoes) // self._choices


@dataclass(slots=True)
class _Collected:
    """One choice while it is collected."""

    texts: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    prompt_tokens: int = 0
    finish_reason: FinishReason = FinishReason.STOP

    def add(self, delta: OutputDelta) -> None:
        self.texts.append(delta.text)
        self.logprobs += delta.logprobs
        self.prompt_tokens += len(delta.logprobs) if delta.is_prompt else 0
        self.finish_reason = delta.finish_reason or self.finish_reason

    def finished(self) -> Choice:
        text = "".join(self.texts)
        return Choice(text, self.finish_reason, tuple(self.logprobs), self.prompt_tokens)
