"""The page's own words, in English and Chinese.

Knows nothing about routes or fields.
"""

from __future__ import annotations

from collections.abc import Mapping

PAGE_TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "html_lang": "en",
        "language": "中文",
        "other": "zh-CN",
        "title": "The API",
        "rooms": "Rooms",
        "chat": "Chat",
        "completion": "Completion",
        "embeddings": "Embeddings",
        "theme": "Light or dark",
        "contents": "Routes",
        "example": "Example",
        "about": "The same routes serve OpenAI's clients and classic ones. `null` counts as not "
        "given. Wrong values are answered with 400 and the field's name; unknown fields are "
        "ignored and named in `X-Ignored-Parameters`. Where the server has API keys, every route "
        "but `/`, `/static/`, `/health`, `/ready` and `/openapi.json` needs one: "
        "`Authorization: Bearer YOUR_KEY`. Over the rate limit is 429, without a free place 503; "
        "an answer that takes too long ends with 504.",
        "field": "Field",
        "type": "Values",
        "default": "Default",
        "meaning": "Meaning",
        "required": "required",
        "classic": "classic",
        "refused": "Refused, as they would change the answer",
        "without_effect": "Accepted and without effect",
        "answer": "Answer",
        "stream": "each event of a stream",
        "errors": "Errors",
        "document": "The same for programs:",
    },
    "zh-CN": {
        "html_lang": "zh-CN",
        "language": "English",
        "other": "en",
        "title": "API 说明",
        "rooms": "功能",
        "chat": "聊天",
        "completion": "文字接龙",
        "embeddings": "文本向量",
        "theme": "浅色或深色",
        "contents": "路由",
        "example": "示例",
        "about": "同样的路由同时服务 OpenAI 的客户端和经典客户端。`null` 等于没有给出。"
        "错误的值得到 400 和字段名；未知字段被忽略，并列在 `X-Ignored-Parameters` 中。"
        "服务器设有 API 密钥时，除 `/`、`/static/`、`/health`、`/ready` 和 `/openapi.json` 外"
        "的路由都需要密钥：`Authorization: Bearer YOUR_KEY`。超过速率限制得到 429，"
        "没有空位得到 503，回答用时过长以 504 结束。",
        "field": "字段",
        "type": "取值",
        "default": "默认",
        "meaning": "含义",
        "required": "必填",
        "classic": "经典",
        "refused": "会改变回答、因此被拒绝的字段",
        "without_effect": "接受但没有作用的字段",
        "answer": "回答",
        "stream": "流中的每个事件",
        "errors": "错误",
        "document": "供程序使用的版本：",
    },
}
