"""Text to token ids and back: tokenizers, the incremental decoder, stop strings.

Knows nothing about models or HTTP; a tokenizer's chat template it only hands on.
"""
