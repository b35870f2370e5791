"""Every route of the API with its schemas, in the order a reader wants them.

Knows nothing about Flask; a test compares the list with the routes there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from marshmallow import Schema

from app.openapi import chat_replies, replies, small_replies
from app.schemas.chat import ChatSchema
from app.schemas.completions import CompletionsSchema
from app.schemas.embeddings import EmbeddingsSchema
from app.schemas.tokens import DetokenizeSchema, TokenizeSchema

_WRONG = (400, 401, 404, 413, 415, 429, 500, 503, 504)
_REFUSED = (401, 429, 503)


@dataclass(frozen=True, slots=True)
class Route:
    """One path with one method."""

    path: str
    summary: tuple[str, str]  #: English, Chinese
    answer: type[Schema] | None = None  #: None: plain text
    request: type[Schema] | None = None  #: None: a GET
    chunk: type[Schema] | None = None  #: an event of its stream, if it streams
    example: Mapping[str, object] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    open: bool = False  #: needs no API key, ever


ROUTES = (
    Route(
        "/v1/completions",
        (
            "Continue a text. The prompt is an instruction, wrapped in the Alpaca template.",
            "文字接龙。提示被当作指令套进 Alpaca 模板。",
        ),
        replies.Completion,
        CompletionsSchema,
        replies.CompletionChunk,
        {"prompt": "告诉我中国的首都在哪里"},
        _WRONG,
    ),
    Route(
        "/v1/chat/completions",
        (
            "Answer a conversation. Messages with `content` get OpenAI's answer; messages with "
            "`message` the classic one, which holds the whole conversation.",
            "多轮聊天。消息用 `content` 得到 OpenAI 的回答格式；用 `message` 得到经典格式，"
            "其中包含整段对话。",
        ),
        chat_replies.ChatCompletion,
        ChatSchema,
        chat_replies.ChatCompletionChunk,
        {"messages": [{"role": "user", "content": "给我讲一些有关杭州的故事吧"}]},
        _WRONG,
    ),
    Route(
        "/v1/embeddings",
        (
            "The mean of the last hidden state over each input's tokens, scaled to length 1.",
            "每个输入的最后一层隐藏状态的平均值，长度归一。",
        ),
        small_replies.Embeddings,
        EmbeddingsSchema,
        example={"input": "今天天气真不错"},
        errors=_WRONG,
    ),
    Route(
        "/v1/models",
        ("The model's name and its aliases.", "模型的名字和别名。"),
        small_replies.ModelList,
        errors=_REFUSED,
    ),
    Route(
        "/v1/models/{model_id}",
        ("One of them.", "其中之一。"),
        small_replies.Model,
        errors=(404, *_REFUSED),
    ),
    Route(
        "/tokenize",
        (
            "The tokens that /v1/completions would make of a prompt, or /v1/chat/completions of "
            "messages, with the template applied; nothing is generated.",
            "提示在 /v1/completions 中、或消息在 /v1/chat/completions 中会变成的词元"
            "（已套用模板）；不生成任何内容。",
        ),
        small_replies.Tokenized,
        TokenizeSchema,
        example={"messages": [{"role": "user", "content": "你好"}]},
        errors=_WRONG,
    ),
    Route(
        "/detokenize",
        ("The text of token ids.", "词元编号对应的文本。"),
        small_replies.Detokenized,
        DetokenizeSchema,
        example={"tokens": [1, 300]},
        errors=_WRONG,
    ),
    Route(
        "/tokenizer_info",
        (
            "The tokenizer's special tokens and chat template, for clients that work with ids.",
            "分词器的特殊词元和聊天模板，供使用编号的客户端查询。",
        ),
        small_replies.TokenizerInfo,
        errors=_REFUSED,
    ),
    Route("/health", ("The process is up.", "进程活着。"), small_replies.Status, open=True),
    Route(
        "/ready",
        (
            "200 when the model can answer; 503 while it loads, drains or is dead.",
            "模型可以回答时为 200；加载、停止或失效时为 503。",
        ),
        small_replies.Status,
        open=True,
    ),
    Route(
        "/metrics",
        (
            "Counters, for Prometheus. From this machine it needs no API key.",
            "供 Prometheus 采集的计数。从本机访问不需要 API 密钥。",
        ),
        errors=(401,),
    ),
)
