"""The vocabularies of the tokenizers' tests, for templates too."""

from tests.tokenizer.conftest import byte_level, metaspace, sentences

__all__ = ["byte_level", "metaspace", "sentences"]
