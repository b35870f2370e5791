"""Trains the sentencepiece vocabulary and turns dialogues into training ids.

Knows nothing about the model, nor about what the texts mean.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import sentencepiece as spm

UNK_ID, BOS_ID, EOS_ID = 0, 1, 2

# `normalizer_spec { add_dummy_prefix: true }` in protobuf's encoding: a message appended to another
# overrides it. The prefix is switched on after training only: trained with it, the vocabulary would
# fill with Chinese words that begin with a blank, which prompts never contain; there a Chinese text
# follows a new line or the template's own blank.
_DUMMY_PREFIX = b"\x1a\x02\x18\x01"


@dataclass(frozen=True)
class Encoded:
    """Ids of one example; the loss counts from `answer_start` on."""

    ids: list[int]
    answer_start: int


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> bytes:
    """Returns the bytes of a `tokenizer.model`; new lines stay single bytes, as in LLaMA."""
    lines = (line for text in texts for line in text.split("\n") if line)
    written = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=lines,
        model_writer=written,
        model_type="bpe",
        vocab_size=vocab_size,
        hard_vocab_limit=False,
        byte_fallback=True,
        character_coverage=0.9997,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        add_dummy_prefix=False,
        split_digits=True,
        max_sentencepiece_length=16,
        unk_id=UNK_ID,
        bos_id=BOS_ID,
        eos_id=EOS_ID,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return written.getvalue() + _DUMMY_PREFIX


class Codec:
    """Encodes prompts as the server does: the whole text as one string, BOS first."""

    def __init__(self, model: bytes) -> None:
        self.processor = spm.SentencePieceProcessor(model_proto=model)
        # Where "\n" ends the dummy prefix, the text after it is encoded without any blank.
        self._skip = len(self.processor.encode("\n"))

    def __len__(self) -> int:
        return int(self.processor.vocab_size())

    def prompt(self, text: str) -> list[int]:
        return [BOS_ID, *self.processor.encode(text)]

    def answer(self, text: str) -> list[int]:
        """Ids that continue a prompt: no dummy prefix, since the prompt ends with a blank."""
        return [*self.processor.encode("\n" + text)[self._skip :], EOS_ID]

    def example(self, prompt: str, answer: str) -> Encoded:
        ids = self.prompt(prompt)
        return Encoded(ids + self.answer(answer), len(ids))

    def decode(self, ids: list[int]) -> str:
        return str(self.processor.decode(ids))
