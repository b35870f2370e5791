"""Prompts of completions as an upstream's fields, wrapped in the template in use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.engine.request import GenerationRequest
from app.engine.token_ids import TokenIds
from app.generation.rendering import instruction_renderer
from app.generation.request import FieldNames, PromptInput
from app.protocol.prompt_fields import TextOrIds
from app.upstream.sampling_fields import not_supported
from app.upstream.server_kind import ServerKind

#: The text of tokens, special ones left out.
TextOf = Callable[[TokenIds], str]


@dataclass(frozen=True, slots=True)
class PromptFields:
    """What is sent, and what is done here."""

    fields: dict[str, object]
    drop_leading_space: bool = False
    echoes: tuple[str, ...] = ()  #: the prompts, where this server echoes them
    echoed: tuple[str, ...] = ()  #: the prompts' texts, where the upstream echoes them
    only_echoes: bool = False  #: what the upstream generates is left out


def prompt_fields(
    source: PromptInput,
    template: str,
    request: GenerationRequest,
    names: FieldNames,
    kind: ServerKind,
    text_of: TextOf | None = None,
) -> PromptFields:
    """template: "alpaca" or "none"; text_of: the upstream's detokenizer, if it has one.

    Raises:
        UpstreamError: the upstream cannot echo what is not known here.
    """
    echo: dict[str, object] = {"echo": True} if source.echo else {}
    if kind.wraps_prompts:
        wrapped = {"prompt_template": template} if isinstance(source.prompts[0], str) else {}
        return PromptFields({**_prompt(source.prompts, names), **wrapped, **echo})
    render = instruction_renderer(template)
    prompts = [render(item).text if isinstance(item, str) else item for item in source.prompts]
    fields = _prompt(prompts, names)
    if kind.has_add_special_tokens and isinstance(prompts[0], str):
        fields["add_special_tokens"] = True  # none of our templates writes a BOS
    drops = template == "alpaca" and isinstance(source.prompts[0], str)
    drops = drops and request.structured_output is None
    if not source.echo:
        return PromptFields(fields, drops)
    texts = _texts(prompts, text_of)
    # Those that have echo take no `max_tokens` of 0 without it.
    is_free = request.prompt_logprobs is None and (request.max_tokens != 0 or not kind.echoes)
    only_echoes = request.max_tokens == 0
    if texts and is_free:
        return PromptFields(fields, drops, texts, only_echoes=only_echoes)
    if not kind.echoes:
        raise not_supported("echo", kind, "with logprobs" if texts else "")
    return PromptFields({**fields, **echo}, echoed=texts, only_echoes=only_echoes)


def _texts(prompts: Sequence[TextOrIds], text_of: TextOf | None) -> tuple[str, ...]:
    """The prompts' texts; () where they are not known."""
    if text_of is None and not all(isinstance(item, str) for item in prompts):
        return ()
    return tuple(
        item if isinstance(item, str) else text_of(item)  # type: ignore[misc]
        for item in prompts
    )


def _prompt(prompts: Sequence[TextOrIds], names: FieldNames) -> dict[str, object]:
    """In the form in which the client gave it: refusals name the path of a bad one."""
    items = [item if isinstance(item, str) else list(item) for item in prompts]
    return {"prompt": items if names.is_list else items[0]}
