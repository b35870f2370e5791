"""Trains the sentencepiece vocabulary and turns dialogues into training ids.

Knows nothing about the model, nor about what the texts mean.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sentencepiece as spm
from sentencepiece.sentencepiece_model_pb2 import ModelProto

UNK_ID, BOS_ID, EOS_ID = 0, 1, 2
IGNORED = -100
_FIRST_PIECE = 3 + 256  # before it are control tokens and single bytes

# `normalizer_spec { add_dummy_prefix: true }` in protobuf's encoding: a message appended to another
# overrides it. The prefix is switched on after training only: trained with it, the vocabulary would
# fill with Chinese words that begin with a blank, which prompts never contain; there a Chinese text
# follows a new line or the template's own blank.
_DUMMY_PREFIX = b"\x1a\x02\x18\x01"


@dataclass(frozen=True)
class Encoded:
    """Ids of one example, and for each the id to be predicted after it, or IGNORED."""

    ids: list[int]
    targets: list[int]

    @property
    def first_target(self) -> int:
        """The position of the first id that something is predicted from."""
        return next(i for i, target in enumerate(self.targets) if target != IGNORED)


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


def add_characters(vocabulary: bytes, characters: Iterable[str]) -> bytes:
    """Appends a piece for every character that has none; all other texts keep their ids.

    No merge rule mentions the new pieces, so they only take the place of three bytes each.
    """
    model = ModelProto.FromString(vocabulary)
    known = {piece.piece for piece in model.pieces}
    lowest = min(piece.score for piece in model.pieces)
    for character in sorted(set(characters) - known):
        lowest -= 1
        model.pieces.add(piece=character, score=lowest)
    model.trainer_spec.vocab_size = len(model.pieces)
    return bytes(model.SerializeToString())


class Codec:
    """Encodes prompts as the server does: the whole text as one string, BOS first.

    `added` is a token on top of the vocabulary, which an adapter brings; "" is none.
    """

    def __init__(self, model: bytes, added: str = "") -> None:
        self.processor = spm.SentencePieceProcessor(model_proto=model)
        self._added, self._pieces = added, int(self.processor.vocab_size())
        # Where "\n" ends the dummy prefix, the text after it is encoded without any blank.
        self._skip = len(self.processor.encode("\n"))

    def __len__(self) -> int:
        return self._pieces + bool(self._added)

    def prompt(self, text: str) -> list[int]:
        first, *others = text.split(self._added) if self._added else [text]
        return [BOS_ID, *self.processor.encode(first), *self._after_added(others)]

    def continued(self, text: str) -> list[int]:
        """Ids that continue a text: no dummy prefix."""
        first, *others = text.split(self._added) if self._added else [text]
        return [*self._unprefixed(first), *self._after_added(others)]

    def _unprefixed(self, text: str) -> list[int]:
        return list(self.processor.encode("\n" + text)[self._skip :])

    def _after_added(self, texts: Iterable[str]) -> Iterator[int]:
        for text in texts:
            yield self._pieces
            yield from self._unprefixed(text)

    def example(self, prompt: str, answer: str) -> Encoded:
        """One answer to be learnt, after a prompt exactly as the server encodes it."""
        ids, answered = self.prompt(prompt), [*self.continued(answer), EOS_ID]
        targets = [IGNORED] * (len(ids) - 1) + answered + [IGNORED]
        return Encoded(ids + answered, targets)

    def transcript(self, parts: Sequence[str]) -> Encoded:
        """Prompt, answer, prompt, answer, …: every answer is to be learnt, with EOS at its end.

        What follows an answer in the text is the next prompt, not EOS, as in the server's prompts.
        """
        ids, targets = [BOS_ID], [IGNORED]
        for index, part in enumerate(parts):
            added = self.continued(part) if index else self.prompt(part)[1:]
            ids += added
            if index % 2:
                targets[-1:] = [*added, EOS_ID]
            else:
                targets += [IGNORED] * len(added)
        return Encoded(ids, targets)

    @property
    def pieces(self) -> range:
        """The ids of all pieces of text: neither control tokens nor single bytes."""
        return range(_FIRST_PIECE, self._pieces)

    def byte_ids(self, text: str) -> list[int]:
        """The ids of the single bytes that stand for a text without pieces."""
        return [int(self.processor.piece_to_id(f"<0x{byte:02X}>")) for byte in text.encode()]

    def decode(self, ids: list[int]) -> str:
        parts: list[list[int]] = [[]]
        for index in ids:
            if index == self._pieces:
                parts.append([])
            else:
                parts[-1].append(index)
        return self._added.join(str(self.processor.decode(part)) for part in parts)
