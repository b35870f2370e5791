"""One request to an upstream, and how to read its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """What is sent, and what its answer is for."""

    path: str  #: below the upstream's /v1
    body: Mapping[str, object]
    choices: int  #: that are wanted, of all prompts together
    n: int  #: of them, of each prompt
    asked_n: int  #: choices of each prompt that the upstream is asked for: the beams
    streamed: bool = True
    one_choice_each: bool = False  #: sent as one call for each choice
    drop_leading_space: bool = False
    stops: tuple[str, ...] = ()  #: that are looked for here
    stop_ids: frozenset[int] = frozenset()  #: tokens that are looked for here
    #: The upstream does not stop at them: its connection is closed where they are found.
    stops_here_alone: bool = False
    #: The upstream may go on after the only call, so the answer is cut at its end.
    ends_with_call: bool = False
    alternatives: int | None = None  #: to each token, at most; None: as they come
    is_exact: bool = False  #: the upstream's stop strings and logprobs are as ours
    special_texts: frozenset[str] = frozenset()  #: tokens of these names have no text
    echoes: tuple[str, ...] = ()  #: each prompt's text, where this server echoes it
    echoed: tuple[str, ...] = ()  #: the same, where the upstream does
    only_echoes: bool = False  #: `max_tokens` is 0, of which some make 1
    separates_echo: bool = False  #: the upstream echoes, as a first event of each choice
    headers: Mapping[str, str] = field(default_factory=dict)

    def choice_of(self, index: int) -> int | None:
        """The choice that the upstream's choice of this index is; None: one that nobody wants.

        Raises:
            IndexError: it was not asked for.
        """
        prompt, place = divmod(index, self.asked_n)
        if not 0 <= prompt * self.n < self.choices:
            raise IndexError("a choice that was not asked for")
        return prompt * self.n + place if place < self.n else None

    def divided(self) -> tuple[UpstreamCall, ...]:
        """One call for each choice, in their order; a seed is counted up."""
        return tuple(self._of_choice(index) for index in range(self.choices))

    def _of_choice(self, index: int) -> UpstreamCall:
        prompt, place = divmod(index, self.n)
        body = {**self.body, "n": 1}
        prompts = body.get("prompt")
        if isinstance(prompts, list) and not isinstance(prompts[0], int):
            body["prompt"] = prompts[prompt]
        if isinstance(seed := body.get("seed"), int):
            body["seed"] = seed + place
        return replace(
            self,
            body=body,
            choices=1,
            n=1,
            asked_n=1,
            echoes=self.echoes[prompt : prompt + 1],
            echoed=self.echoed[prompt : prompt + 1],
        )
