"""Whether a tokenizer was made for Chinese: what its vocabulary and its template hold.

Knows nothing about models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Share of tokens with Chinese characters: 0.2 % of SmolLM2's, 2 of Llama 2's, 3 of Llama 3's;
#: 16 of Qwen's.
_ENOUGH = 0.05
_CHINESE = re.compile("[\u4e00-\u9fff]")


def supports_chinese(token_bytes: Sequence[bytes], chat_template: str | None) -> bool:
    """Whether a person may expect Chinese answers."""
    if _CHINESE.search(chat_template or ""):
        return True
    texts = (token.decode("utf-8", "ignore") for token in token_bytes)
    return sum(map(bool, map(_CHINESE.search, texts))) >= _ENOUGH * max(len(token_bytes), 1)
