"""The vocabularies of the tokenizer tests."""

from tests.tokenizer.conftest import byte_level, metaspace, sentences

__all__ = ["byte_level", "metaspace", "sentences"]
