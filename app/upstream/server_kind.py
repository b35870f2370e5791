"""What differs between the servers that can be an upstream: one row each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.structured_output.schema_patterns import portable_pattern
from app.structured_output.structured_output import StructuredOutputKind
from app.upstream.gbnf import choice_grammar

#: From the text of a StructuredOutput to the fields of a request.
FormatFields = Callable[[str], Mapping[str, object]]


def _response_format(text: str) -> Mapping[str, object]:
    schema = {"name": "answer", "schema": json.loads(text), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _json_schema(text: str) -> Mapping[str, object]:
    return {"json_schema": json.loads(text)}


def _grammar(text: str) -> Mapping[str, object]:
    return {"grammar": text}


def _choice(text: str) -> Mapping[str, object]:
    return {"grammar": choice_grammar(text)}


def _structured_outputs(key: str, read: Callable[[str], object] = str) -> FormatFields:
    return lambda text: {"structured_outputs": {key: read(text)}}


#: vLLM's, which Westlake has too.
_WESTLAKE_FORMATS: Mapping[StructuredOutputKind, FormatFields] = {
    StructuredOutputKind.JSON_SCHEMA: _response_format,
    StructuredOutputKind.REGEX: _structured_outputs("regex"),
    StructuredOutputKind.CHOICE: _structured_outputs("choice", json.loads),
    StructuredOutputKind.GRAMMAR: _structured_outputs("grammar"),
    StructuredOutputKind.STRUCTURAL_TAG: _structured_outputs("structural_tag"),
}
_VLLM_FORMATS = {
    **_WESTLAKE_FORMATS,
    StructuredOutputKind.REGEX: _structured_outputs("regex", portable_pattern),
}

_LLAMA_FORMATS: Mapping[StructuredOutputKind, FormatFields] = {
    StructuredOutputKind.GRAMMAR: _grammar,
    StructuredOutputKind.CHOICE: _choice,
}


@dataclass(frozen=True, slots=True)
class ServerKind:
    """One kind of server. Fields are called as Westlake calls them."""

    name: str
    owners: frozenset[str] = frozenset()  #: `owned_by` of its models in /v1/models
    #: Path beside /v1 that answers 200 when it is ready; "": /v1/models does.
    health: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)  #: our field -> its name there
    #: Fields it does not have: refused where they would change the answer.
    lacking: frozenset[str] = frozenset()
    formats: Mapping[StructuredOutputKind, FormatFields] = field(default_factory=dict)
    completion_formats: Mapping[StructuredOutputKind, FormatFields] | None = None  #: None: the same
    #: `max_tokens` over what the context leaves is cut there, not refused.
    cuts_max_tokens: bool = False
    #: `prompt_template` wraps prompts there, with all that follows from it.
    wraps_prompts: bool = False
    has_add_special_tokens: bool = True
    echoes: bool = True  #: has `echo`
    #: The echoed prompt is an event of its own, before the answer's.
    separates_echo: bool = False
    #: The name of the switch of beam search if beams are counted by `n`; "": `num_beams`.
    beam_switch: str = ""
    #: `return_progress` makes it send comments on queue and prompt.
    shows_progress: bool = False
    reasoning_field: str = "reasoning_content"  #: of an assistant's message
    #: Where thinking is switched: a field of the request, or a template variable.
    has_enable_thinking: bool = False
    penalty_window: str = ""  #: field for how far back `repetition_penalty` looks
    tells_tokenizer: bool = False  #: has vLLM's /tokenizer_info
    tokenizer: str = "vllm"  #: whose forms of /tokenize and /detokenize it has; "": none
    #: Its stop strings and logprobs are ours: it is one of us.
    is_exact: bool = False
    #: Field that leaves the stop string in the text, so that ours can be found in it.
    includes_stop: str = ""
    #: It neither does that nor says which one it was: they are looked for here alone.
    hides_stop: bool = False
    #: Where calls are demanded it lets the model write further ones, and leaves these out.
    repeats_calls: bool = False
    #: Fields that make each event of a stream tell the tokens so far.
    counts_at_once: Mapping[str, object] = field(default_factory=dict)
    #: Several choices are not greedy there, but may be the likeliest of one token.
    refuses_greedy_choices: bool = False
    #: Its answers to several choices cannot be told apart, or counted: one request for each.
    one_choice_each: bool = False
    #: In a stream of several choices it has the echoed prompt's logprobs for one, and fails.
    scores_one_choice: bool = False
    min_top_logprobs: int = 0  #: with fewer it tells no logprobs at all
    no_top_k: int = 0  #: `top_k` that leaves all tokens in
    reads_templates: bool = True  #: texts of special tokens in a prompt are these tokens
    #: Its random numbers depend on the lowest 32 bits of a seed alone.
    has_short_seeds: bool = False
    #: What an answer must match begins with the text that is continued, not after it.
    continues_formats: bool = False
    #: Tokens that are not in its vocabulary are left out of `logit_bias`, not refused.
    ignores_unknown_tokens: bool = False
    #: It has grammars of tokens, and `min_tokens` is one; `stop_token_ids` are found here, by the
    #: ids that its logprobs tell.
    ends_by_grammar: bool = False


WESTLAKE = ServerKind(
    "Westlake",
    owners=frozenset(("westlake",)),
    health="ready",
    formats=_WESTLAKE_FORMATS,
    cuts_max_tokens=True,
    wraps_prompts=True,
    has_add_special_tokens=False,
    separates_echo=True,
    shows_progress=True,
    has_enable_thinking=True,
    tells_tokenizer=True,
    tokenizer="westlake",
    is_exact=True,
    reads_templates=False,
    continues_formats=True,
)
VLLM = ServerKind(
    "vLLM",
    owners=frozenset(("vllm",)),
    health="health",
    renamed={"thinking_budget": "thinking_token_budget"},
    formats=_VLLM_FORMATS,
    cuts_max_tokens=True,
    beam_switch="use_beam_search",
    tells_tokenizer=True,
    reasoning_field="reasoning",
    includes_stop="include_stop_str_in_output",
    counts_at_once={"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
    refuses_greedy_choices=True,
    repeats_calls=True,
    scores_one_choice=True,
    has_short_seeds=True,
)
LLAMA_SERVER = ServerKind(
    "llama-server",
    owners=frozenset(("llamacpp",)),
    health="health",
    renamed={
        "repetition_penalty": "repeat_penalty",
        "thinking_budget": "thinking_budget_tokens",
    },
    lacking=frozenset(("num_beams",)),
    formats={**_LLAMA_FORMATS, StructuredOutputKind.JSON_SCHEMA: _response_format},
    completion_formats={**_LLAMA_FORMATS, StructuredOutputKind.JSON_SCHEMA: _json_schema},
    cuts_max_tokens=True,
    has_add_special_tokens=False,
    echoes=False,
    tokenizer="llama.cpp",
    penalty_window="repeat_last_n",
    counts_at_once={"timings_per_token": True},
    one_choice_each=True,
    min_top_logprobs=1,
    has_short_seeds=True,
    ignores_unknown_tokens=True,
    ends_by_grammar=True,
    hides_stop=True,
)
OPENAI = ServerKind(
    "OpenAI",
    owners=frozenset(("openai", "system", "openai-internal")),
    lacking=frozenset(
        (
            "top_k",
            "min_p",
            "repetition_penalty",
            "min_tokens",
            "ignore_eos",
            "num_beams",
            "stop_token_ids",
            "thinking_budget",
            "chat_template_kwargs",
            "continue_final_message",
            "add_generation_prompt",
        )
    ),
    formats={StructuredOutputKind.JSON_SCHEMA: _response_format},
    completion_formats={},
    has_add_special_tokens=False,
    tokenizer="",
)
#: Any other server: taken for one that has vLLM's fields, but for beam search.
OTHER = ServerKind(
    "an unknown server",
    renamed={"thinking_budget": "thinking_token_budget"},
    lacking=frozenset(("num_beams",)),
    formats=_VLLM_FORMATS,
    no_top_k=-1,
)

_KINDS = (WESTLAKE, VLLM, LLAMA_SERVER, OPENAI)


def kind_of_owner(owned_by: object) -> ServerKind | None:
    """By `owned_by` of a model in /v1/models; None: an owner that no kind names."""
    return next((kind for kind in _KINDS if owned_by in kind.owners), None)
