"""An accepted generation request's text, delta by delta or as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.connection.request_context import RequestContext
from app.engine.events import FinishReason, OutputDelta, Progress, PromptLogprobs, TokenLogprob
from app.engine.model_info import NO_TOKEN_TEXTS, TokenTexts
from app.engine.request_handle import RequestHandle
from app.generation.prompt_echo import PromptEcho
from app.generation.results import Choice, Completion, GeneratedCall, Usage
from app.generation.tool_call_deltas import ToolCallDeltas
from app.tool_calls.events import CallBegin


class TextStream:
    """One request's deltas, echoed prompts first. Used by one HTTP thread."""

    def __init__(
        self,
        handle: RequestHandle,
        choices: int,
        context: RequestContext,
        echoes: Sequence[PromptEcho] = (),
        *,
        token_texts: TokenTexts = NO_TOKEN_TEXTS,
        tool_calls: ToolCallDeltas | None = None,
        max_tokens_cut: int | None = None,
        unread_fields: tuple[str, ...] = (),
        may_think: bool = False,
    ) -> None:
        """choices: of all prompts together; echoes: one for each prompt, where that is asked for;
        token_texts: what the ids of its logprobs stand for; tool_calls: finds calls in the text,
        where tools are offered; max_tokens_cut: what `max_tokens` was cut to, if it was;
        unread_fields: paths of what the model's template does not show to the model; may_think:
        the model is one that thinks, or can."""
        self.context, self.token_texts = context, token_texts
        self.max_tokens_cut, self.unread_fields = max_tokens_cut, unread_fields
        self._handle, self._choices, self._echoes = handle, choices, echoes
        self._tool_calls = tool_calls
        self._may_think = may_think
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
        thought = handle.reasoning_tokens
        if thought is None and self._may_think:
            thought = 0
        return Usage(handle.prompt_tokens, handle.generation_tokens, handle.cached_tokens, thought)

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
                deltas += (
                    self._tool_calls.split(event) if self._tool_calls else self._after_prompt(event)
                )
        return deltas

    def collect(self) -> Completion:
        """Wait for all choices.

        Raises:
            ClientGone, DeadlinePassed: nothing waits for the answer any more.
            EngineError: the request failed.
        """
        choices = [_Collected() for _ in range(self._choices)]
        for delta in self.all_deltas():
            choices[delta.index].add(delta)
        return Completion(tuple(choice.finished() for choice in choices), self.usage)

    def all_deltas(self) -> Iterator[OutputDelta]:
        """All deltas as they come, for an answer that is sent whole.

        Raises:
            ClientGone, DeadlinePassed: nothing waits for the answer any more.
            EngineError: the request failed.
        """
        with self.context.cancel_on_disconnect(self.cancel):
            while not self.done:
                for delta in self.next_deltas():
                    if isinstance(delta, OutputDelta):
                        yield delta
                self.context.raise_if_disconnected()

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
    reasoning: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    prompt_tokens: int = 0
    finish_reason: FinishReason = FinishReason.STOP
    tool_calls: list[tuple[CallBegin, list[str]]] = field(default_factory=list)  #: with arguments

    def add(self, delta: OutputDelta) -> None:
        self.texts.append(delta.text)
        self.reasoning.append(delta.reasoning)
        if isinstance(delta.tool_call, CallBegin):
            self.tool_calls.append((delta.tool_call, []))
        elif delta.tool_call is not None:
            self.tool_calls[-1][1].append(delta.tool_call.text)
        self.logprobs += delta.logprobs
        self.prompt_tokens += len(delta.logprobs) if delta.is_prompt else 0
        self.finish_reason = delta.finish_reason or self.finish_reason

    def finished(self) -> Choice:
        calls = tuple(
            GeneratedCall(call.name, "".join(pieces), call.id) for call, pieces in self.tool_calls
        )
        return Choice(
            "".join(self.texts),
            self.finish_reason,
            tuple(self.logprobs),
            self.prompt_tokens,
            "".join(self.reasoning),
            calls,
        )
