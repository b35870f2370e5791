"""What each field of a request means, in English and Chinese.

Knows nothing about types, ranges or defaults: the schemas do.
"""

from __future__ import annotations

from collections.abc import Mapping

FIELD_TEXTS: Mapping[str, tuple[str, str]] = {
    "prompt": (
        "A text, a list of texts, token ids, or a list of those",
        "一段文本、文本列表、词元编号，或编号列表的列表",
    ),
    "messages": (
        "The conversation; content may be a list of text parts. A string is one user turn",
        "对话；content 可以是文本片段的列表。一个字符串表示一轮用户发言",
    ),
    "input": (
        "A text, a list of texts, token ids, or a list of those",
        "一段文本、文本列表、词元编号，或编号列表的列表",
    ),
    "tokens": ("Token ids", "词元编号"),
    "model": ("The served name or an alias", "模型的名字或别名"),
    "max_tokens": ("New tokens at most", "最多生成的词元数"),
    "max_completion_tokens": (
        "New tokens at most; wins over max_tokens",
        "最多生成的词元数，优先于 max_tokens",
    ),
    "temperature": ("Higher is more random; 0 is greedy", "越高越随机；0 为贪心"),
    "top_p": (
        "The likeliest tokens whose probabilities add up to at least this are candidates",
        "候选为概率之和至少达到此值的最可能词元",
    ),
    "top_k": (
        "Only the k likeliest tokens are candidates; 0: all",
        "候选为最可能的 k 个；0 为全部",
    ),
    "min_p": (
        "Candidates are at least this likely, compared with the likeliest",
        "候选的概率至少为最可能者的这个比例",
    ),
    "num_beams": ("Beams of beam search; 1 is none", "束搜索的束数；1 表示不用"),
    "repetition_penalty": (
        "CTRL's penalty over prompt and output; 1 is none",
        "对提示和输出的重复惩罚（CTRL）；1 表示没有",
    ),
    "presence_penalty": (
        "Taken off the logit of every token already in the output",
        "输出中出现过的词元的 logit 减去此值",
    ),
    "frequency_penalty": (
        "The same, times how often the token is there",
        "同上，再乘以出现次数",
    ),
    "logit_bias": (
        "Token ids and what is added to their logits",
        "词元编号及其 logit 的增量",
    ),
    "do_sample": ("false: greedy", "false 为贪心"),
    "n": ("Answers for each prompt", "每个提示的回答数"),
    "best_of": (
        "Answers made for each prompt; the n with the highest mean log-probability are given",
        "每个提示生成的回答数，返回平均对数概率最高的 n 个",
    ),
    "stop": ("Up to four texts that end the answer", "最多四个结束回答的字符串"),
    "response_format": (
        "Text, any JSON object, or JSON that keeps to a schema",
        "文本、任意 JSON 对象，或符合某个模式的 JSON",
    ),
    "tools": (
        "Not used yet: the answer is text, and X-Ignored-Parameters names them",
        "尚未使用：以文本回答，并在 X-Ignored-Parameters 中列出",
    ),
    "seed": (
        "The same seed gives the same answer, whatever the load",
        "相同的种子得到相同的回答，与负载无关",
    ),
    "stream": ("Server-sent events", "以 server-sent events 返回"),
    "stream_options": (
        "include_usage: a last chunk with the usage",
        "include_usage：最后一块给出用量",
    ),
    "return_progress": (
        "A stream begins with comments: `: queued N`, `: prefill n/m`",
        "流以注释开头：`: queued N`、`: prefill n/m`",
    ),
    "ignore_eos": ("Run to max_tokens", "一直生成到 max_tokens"),
    "echo": (
        "Begin with the prompt as the model saw it; with logprobs its tokens' too",
        "以模型看到的提示开头；与 logprobs 一起时也给出提示的",
    ),
    "logprobs": (
        "Log-probabilities; on /v1/completions the number of alternatives, on "
        "/v1/chat/completions true or false",
        "对数概率；在 /v1/completions 中为备选数，在 /v1/chat/completions 中为 true 或 false",
    ),
    "top_logprobs": ("Alternatives for each token", "每个词元的备选数"),
    "prompt_template": (
        "What wraps a text prompt; none: nothing",
        "提示套用的模板；none 表示不套",
    ),
    "continue_final_message": (
        "The last message is the assistant's and is continued",
        "最后一条消息是助手的，接着写下去",
    ),
    "add_generation_prompt": (
        "false only with continue_final_message",
        "仅可与 continue_final_message 一起为 false",
    ),
    "add_special_tokens": (
        "false: the prompt's own tokens, without BOS and without a template",
        "false：只有提示本身的词元，不加 BOS，也不套模板",
    ),
    "encoding_format": ("Numbers, or little-endian float32", "数字，或小端 float32"),
    "dimensions": ("The first so many numbers, rescaled", "只取前若干个数并重新归一"),
    "user": ("Any name; changes nothing", "任意名字，没有作用"),
}
