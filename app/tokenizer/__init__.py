"""Text to token ids and back: tokenizers, the incremental detokenizer, token offsets."""
