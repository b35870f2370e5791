"""What upstreams do otherwise, so that tests fail through them: docs/upstream.md shows the same.

A test that is named here and passes is reported as a failure, as is any other that fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Of one upstream, at most.
MOST = 8


@dataclass(frozen=True, slots=True)
class UpstreamException:
    """One difference."""

    about: str
    reason: str
    tests: tuple[str, ...]  #: file::test, with its parameters in brackets or for all of them

    def covers(self, node: str) -> bool:
        """Whether it is about this test. node: file::test[parameters]."""
        return any(node == test or node.startswith(f"{test}[") for test in self.tests)


_CONTINUED_FORMAT = UpstreamException(
    "a format with `continue_final_message`",
    "refused: its formats begin with the answer, so that the begun text and the answer together "
    "would not match",
    ("test_response_format.py::test_a_text_that_is_gone_on_with_begins_the_answer",),
)

VLLM: Sequence[UpstreamException] = (
    UpstreamException(
        "embeddings",
        "404: a vLLM that generates has none",
        (
            "test_other_routes.py::test_embeddings",
            "test_python_sdk.py::test_a_thousand_inputs",
            "test_node_sdk.py::test_every_call",
        ),
    ),
    UpstreamException(
        "which tokens a text is, of `/tokenize` and of raw prompts",
        "it reads a sentencepiece model as transformers does, and the text of a special token as "
        "that token",
        (
            "test_other_routes.py::test_tokens_and_back[ lead]",
            "test_other_routes.py::test_tokens_and_back[</s>]",
        ),
    ),
    UpstreamException(
        "bytes that are no characters, in logprobs",
        "it names their tokens by what they add to the text, which is nothing",
        (
            "test_logprobs.py::test_bytes_put_the_text_together[chat-whole]",
            "test_logprobs.py::test_bytes_put_the_text_together[chat-stream]",
            "test_logprobs.py::test_offsets_are_where_tokens_begin",
        ),
    ),
    _CONTINUED_FORMAT,
    UpstreamException(
        "structural tags",
        "its backend guidance takes any JSON between the tags",
        ("test_structured_outputs.py::test_structural_tags",),
    ),
    UpstreamException(
        "calls that are demanded, where there may be several",
        "so small a model writes further ones until `max_tokens`: the list of them has no end",
        (
            "test_tool_requests.py::test_what_is_demanded_is_kept_to"
            "[pydantic-ai_tool_output_strict_streamed]",
            "test_tool_requests.py::test_what_is_demanded_is_kept_to[AI_SDK_tools]",
        ),
    ),
)

LLAMA_SERVER: Sequence[UpstreamException] = (
    UpstreamException(
        "`num_beams`", "refused: it has no beam search", ("test_fields.py::test_num_beams",)
    ),
    UpstreamException(
        "`echo` with `logprobs`",
        "refused: it does not score prompts",
        (
            "test_fields.py::test_logit_bias_never_is_never",
            "test_logprobs.py::test_offsets_are_where_tokens_begin",
            "test_logprobs.py::test_echo_scores_are_the_models_loss",
            "test_logprobs.py::test_greedy_can_be_told_from_the_alternatives",
            "test_node_sdk.py::test_every_call",
        ),
    ),
    UpstreamException(
        "`ignore_eos`",
        "it never takes the end of sequence; here an answer goes on after it",
        ("test_penalties.py::test_the_answer_is_the_one_by_hand",),
    ),
    UpstreamException(
        "regexes, structural tags, grammars in Lark",
        "refused: it has JSON schemas, and grammars of its own",
        (
            "test_structured_outputs.py::test_random_regexes_and_choices",
            "test_structured_outputs.py::test_every_kind_on_every_route[2-completions-whole]",
            "test_structured_outputs.py::test_every_kind_on_every_route[2-completions-stream]",
            "test_structured_outputs.py::test_every_kind_on_every_route[2-chat-whole]",
            "test_structured_outputs.py::test_every_kind_on_every_route[2-chat-stream]",
            "test_structured_outputs.py::test_every_kind_on_every_route[4-completions-whole]",
            "test_structured_outputs.py::test_every_kind_on_every_route[4-completions-stream]",
            "test_structured_outputs.py::test_every_kind_on_every_route[4-chat-whole]",
            "test_structured_outputs.py::test_every_kind_on_every_route[4-chat-stream]",
            "test_structured_outputs.py::test_structural_tags",
            "test_stops.py::test_a_grammar_that_is_complete_ends_before_min_tokens",
        ),
    ),
    _CONTINUED_FORMAT,
    UpstreamException(
        "calls that are demanded",
        "refused: it holds calls to a grammar only where its chat template shows tools, as the "
        "embedded model's does not",
        (
            "test_messages_streamed_is_whole.py::test_streamed_is_whole",
            "test_tool_requests.py::test_what_is_demanded_is_kept_to[LangChain_bind_tools_any]",
            "test_tool_requests.py::test_what_is_demanded_is_kept_to"
            "[LangChain_with_structured_output_function_calling]",
            "test_tool_requests.py::test_what_is_demanded_is_kept_to"
            "[LangChain_with_structured_output_function_calling_strict]",
            "test_tool_requests.py::test_what_is_demanded_is_kept_to[pydantic-ai_tool_output]",
            "test_tool_requests.py::test_what_is_demanded_is_kept_to"
            "[pydantic-ai_tool_output_strict_streamed]",
            "test_tool_requests.py::test_what_is_demanded_is_kept_to[instructor_TOOLS]",
            "test_tool_requests.py::test_what_is_demanded_is_kept_to[instructor_TOOLS_asks_again]",
            "test_tool_requests.py::test_what_is_demanded_is_kept_to[AI_SDK_tools]",
            "test_tool_shapes.py::test_calls_have_openai_s_shape",
            "test_tools_sdk.py::test_a_loop_of_three_turns",
            "test_tools_sdk.py::test_parsed_arguments",
            "test_tools_sdk.py::test_the_stream_helper",
        ),
    ),
)

#: By `owned_by` of the upstream's models; one of our own has none.
EXCEPTIONS: Mapping[str, Sequence[UpstreamException]] = {
    "vllm": VLLM,
    "llamacpp": LLAMA_SERVER,
}
