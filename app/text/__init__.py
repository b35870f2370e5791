"""Text to token ids and back: tokenizers, the incremental decoder, stop strings.

Knows nothing about models, prompts' templates or HTTP.
"""
