"""The types of a vocabulary's tokens, in GGUF and in sentencepiece's models alike."""

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
