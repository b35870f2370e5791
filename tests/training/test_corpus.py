"""What the demo model is trained on: held-out wordings stay out, answers do not contradict."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from random import Random

import pytest

from tests.harness.server import ROOT
from training import names, questions, unknown
from training.mixture import DATA, Mixture
from training.prompts import chat_prompt, transcript_parts
from training.tokenizer import EOS_ID, IGNORED, Codec, add_characters
from training.translation import read_pairs
from training.triples import triples
from training.wording import is_chinese

DRAWN = 12_000


def plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    return Mixture()


@pytest.fixture(scope="module")
def drawn(mixture: Mixture) -> list[tuple[str, ...]]:
    random = Random(1)
    return [mixture.conversation(random).texts for _ in range(DRAWN)]


@pytest.fixture(scope="module")
def codec(mixture: Mixture) -> Codec:
    vocabulary = (ROOT / "models/demo/tokenizer.model").read_bytes()
    return Codec(add_characters(vocabulary, mixture.characters()))


def test_what_is_held_out_is_never_drawn(mixture: Mixture, drawn: list[tuple[str, ...]]) -> None:
    asked = {plain(text) for texts in drawn for text in texts[::2]}
    held_out = [q for rows in questions.fact_questions(mixture).values() for q in rows]
    held_out += questions.contract_paraphrases(mixture, held_out=True)
    held_out += [q for rows in questions.exercise_questions(mixture).values() for q in rows]
    assert len(held_out) > 4000
    assert [q.text for q in held_out if plain(q.text) in asked] == []
    outside = unknown.OUTSIDE_HELD_OUT_ZH + unknown.OUTSIDE_HELD_OUT_EN
    assert [text for text in outside if plain(text) in asked] == []
    said = "\n".join(text for texts in drawn for text in texts)
    people = names.UNSEEN_ZH + names.UNSEEN_EN
    greetings = [f"你好，{name}！" for name in people] + [f"meet you, {name}!" for name in people]
    assert [greeting for greeting in greetings if greeting in said] == []


def test_sentences_to_translate_are_held_out_on_both_sides(mixture: Mixture) -> None:
    trained = {plain(text) for pair in mixture.sentences for text in pair}
    held_out = read_pairs(DATA / "tatoeba_held_out.tsv")
    assert len(held_out) >= 390
    assert [pair for pair in held_out if trained & {plain(text) for text in pair}] == []


def test_the_servers_tests_ask_what_is_held_out(mixture: Mixture) -> None:
    """tests/model measures 8 bits with copies of these."""
    lines = (ROOT / "tests/data/demo_facts.jsonl").read_text(encoding="utf-8").splitlines()
    facts = [question for rows in questions.fact_questions(mixture).values() for question in rows]
    expected = [{"prompt": fact.text, "answer": fact.expected} for fact in facts[::12]]
    assert [json.loads(line) for line in lines] == expected
    pairs = (ROOT / "tests/data/demo_translations.tsv").read_text(encoding="utf-8").splitlines()
    held_out = (DATA / "tatoeba_held_out.tsv").read_text(encoding="utf-8").splitlines()
    assert pairs == held_out[1:301]


def test_every_row_names_its_authors() -> None:
    for name in ("tatoeba.tsv", "tatoeba_held_out.tsv"):
        first, *rows = (DATA / name).read_text(encoding="utf-8").splitlines()
        assert "CC-BY 2.0 FR" in first
        assert all(re.search(r"\t#\d+ \(.+\) #\d+ \(.+\)$", row) for row in rows)


def test_one_question_has_one_answer(mixture: Mixture) -> None:
    answers: dict[str, set[str]] = defaultdict(set)
    for facts in mixture.facts:
        for row in facts.rows:
            for wording in facts.relation.trained(row):
                answers[plain(wording)].add(facts.relation.answer.format(**row))
    for cards in mixture.cards.values():
        for card in cards:
            for wording in card.turns[0].wordings:
                answers[plain(wording)].add(card.turns[0].answer)
    assert len(answers) > 14_000
    assert {question: said for question, said in answers.items() if len(said) > 1} == {}


def test_answers_are_in_the_language_of_the_question(mixture: Mixture) -> None:
    held_out = [q for rows in questions.fact_questions(mixture).values() for q in rows]
    assert [q.text for q in held_out if is_chinese(q.text) != is_chinese(q.expected)] == []


def test_every_card_is_asked_in_words_that_are_not_trained(mixture: Mixture) -> None:
    turns = [turn for cards in mixture.cards.values() for card in cards for turn in card.turns]
    assert [turn.wordings[0] for turn in turns if not turn.held_out] == []


def test_transcripts_are_what_the_server_sends(mixture: Mixture, codec: Codec) -> None:
    """Token for token where an answer is Chinese; English ones lack the blank's merge."""
    texts = ("中国的首都是哪里", "中国的首都是北京。", "它在哪个洲", "中国在亚洲。")
    encoded = codec.transcript(transcript_parts(texts))
    asked = codec.prompt(chat_prompt(texts[:3]))
    assert encoded.ids[: len(asked)] == asked
    assert codec.decode(encoded.ids[len(asked) :]) == texts[3]
    learnt = [target for target in encoded.targets if target != IGNORED]
    end = learnt.index(EOS_ID)
    assert codec.decode(learnt[:end]) == texts[1]
    assert codec.decode(learnt[end + 1 : -1]) == texts[3]
    assert learnt[-1] == EOS_ID
    assert len(encoded.ids) == len(encoded.targets)


def test_added_characters_leave_all_else_as_it_was(mixture: Mixture) -> None:
    vocabulary = (ROOT / "models/demo/tokenizer.model").read_bytes()
    before, after = Codec(vocabulary), Codec(add_characters(vocabulary, "𠮷囍"))
    assert len(after) == len(before) + 2
    for english, chinese in mixture.sentences[::500]:
        for text in (english, chinese):
            assert after.prompt(text) == before.prompt(text)
    assert len(before.continued("囍")) == 3
    assert after.continued("囍") == [after.processor.piece_to_id("囍")]
    assert after.decode(after.prompt("囍囍")).strip() == "囍囍"


def test_an_added_token_is_one_id(codec: Codec) -> None:
    vocabulary = (ROOT / "models/demo/tokenizer.model").read_bytes()
    added = Codec(vocabulary, "【导游】")
    assert added.continued("【导游】你好")[0] == len(added) - 1
    assert added.decode(added.continued("你好【导游】你好")) == "你好【导游】你好"


def test_triples_are_of_one_language_and_length(mixture: Mixture) -> None:
    found = triples(mixture)
    assert len(found) == 300
    for triple in found:
        assert is_chinese(triple.sentence) == is_chinese(triple.unrelated)
        assert 0.8 <= len(triple.unrelated) / len(triple.sentence) <= 1.2
        assert triple.unrelated not in (triple.sentence, triple.like)
