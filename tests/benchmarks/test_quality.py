"""Quality of reduced precisions: losses, limits, fixed texts, the jittered model."""

from __future__ import annotations

import json
import math
from pathlib import Path

import gguf
import numpy
import pytest
import torch
from tokenizers import Tokenizer

from benchmarks.gguf_model import write_gguf
from benchmarks.jittered_model import jittered
from benchmarks.llama_scores import read_scores
from benchmarks.quality_inputs import NAMES, Sequence, Text, embedded_model_texts, real_model_texts
from benchmarks.quality_limits import EMBEDDED_MODEL, REAL_MODEL, exceeded, exceeded_in_4_bits
from benchmarks.token_scores import Summary, TokenScores, compare, summary
from benchmarks.word_tokenizer import write_tokenizer
from config import EMBEDDED_MODEL as EMBEDDED_DIRECTORY

FULL = TokenScores((math.log(0.5), math.log(0.25)), (7, 8))
REDUCED = TokenScores((math.log(0.25), math.log(0.25)), (7, 9))
GOOD = Summary(mean_loss=0.004, worst_loss=0.009, top_1=0.96)
Q8_0 = Summary(mean_loss=0.004, worst_loss=0.006, top_1=0.97)


def test_a_loss_is_the_ratio_of_perplexities() -> None:
    found = compare(FULL, REDUCED)
    assert found.perplexity_full == pytest.approx(8**0.5)
    assert found.perplexity == pytest.approx(4)
    assert found.loss == pytest.approx(2**0.5 - 1)
    assert found.top_1 == 0.5
    with pytest.raises(ValueError, match="zip"):
        compare(FULL, TokenScores((0.0,), (1,)))


def test_the_error_is_that_of_a_mean() -> None:
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(4000, generator=draw, dtype=torch.float64) * 0.1
    full = TokenScores((-2.0,) * 4000, (1,) * 4000)
    found = compare(full, TokenScores(tuple((-2.0 + noise).tolist()), (1,) * 4000))
    assert found.loss_error == pytest.approx(0.1 / 4000**0.5, rel=0.1)
    assert abs(found.loss) < 5 * found.loss_error


def test_texts_count_alike_in_the_mean_and_tokens_in_agreement() -> None:
    short, long = compare(FULL, FULL), compare(
        TokenScores(FULL.logprobs * 3, FULL.top_1 * 3),
        TokenScores(REDUCED.logprobs * 3, REDUCED.top_1 * 3),
    )  # fmt: skip
    whole = summary([short, long])
    assert whole.mean_loss == pytest.approx(long.loss / 2)
    assert whole.worst_loss == long.loss
    assert whole.top_1 == pytest.approx((2 + 3) / 8)


@pytest.mark.parametrize(
    ("ours", "q8_0", "says"),
    [
        (GOOD, Q8_0, []),
        (GOOD, None, []),
        (Summary(0.0029, 0.01, 0.96), Summary(0.0001, 0.001, 0.99), []),  # the floor
        (
            GOOD,
            Summary(0.003, 0.003, 0.99),
            ["mean loss +0.40%, limit beside Q8_0's +0.30% +0.36%"],
        ),
        (Summary(0.008, 0.009, 0.96), None, ["mean loss +0.80%, limit +0.70%"]),
        (Summary(0.004, 0.016, 0.96), Q8_0, ["worst loss +1.60%, limit +1.50%"]),
        (Summary(0.004, 0.009, 0.94), Q8_0, ["top-1 agreement 0.940, limit 0.950"]),
    ],
)  # fmt: skip
def test_limits(ours: Summary, q8_0: Summary | None, says: list[str]) -> None:
    assert exceeded(REAL_MODEL, ours, q8_0) == says


def test_4_bits_lose_no_more_than_those_of_others() -> None:
    peers = {"q4_0": Summary(0.05, 0.06, 0.9), "q4_1": Summary(0.04, 0.05, 0.9)}
    assert exceeded_in_4_bits(Summary(0.04, 0.09, 0.5), peers) == []
    says = "mean loss +4.50% in 4 bits, limit +4.00% (q4_1)"
    assert exceeded_in_4_bits(Summary(0.045, 0.05, 0.9), peers) == [says]


def test_the_embedded_model_has_one_limit() -> None:
    assert exceeded(EMBEDDED_MODEL, Summary(0.0029, 0.5, 0.1), None) == []
    assert len(exceeded(EMBEDDED_MODEL, Summary(0.0031, 0.0, 1.0), None)) == 1


def test_the_embedded_models_texts_are_answers() -> None:
    zh, en = embedded_model_texts(Path(EMBEDDED_DIRECTORY))
    assert (len(zh.sequences), len(en.sequences)) == (300, 300)
    assert zh.tokens > 2000 < en.tokens
    assert all(each.ids[-1] == 2 and 1 < each.first_scored < len(each.ids) for each in en.sequences)


def test_what_llama_printed_is_read_by_text() -> None:
    texts = [
        Text("a", (Sequence((5, 6, 7)), Sequence((1, 2, 3), first_scored=2))),
        Text("b", (Sequence((1, 2)),)),
    ]
    printed = "-1 1\n-2 2\n-3 3\n-4 4\n-5 5\n"
    scored = read_scores(printed, texts)
    assert scored["a"] == TokenScores((-1.0, -2.0, -4.0), (1, 2, 4))
    assert scored["b"] == TokenScores((-5.0,), (5,))
    with pytest.raises(ValueError, match="fewer"):
        read_scores(printed[:-5], texts)
    with pytest.raises(ValueError, match="more"):
        read_scores(printed + "-6 6\n", texts)


@pytest.mark.parametrize(("q8_0", "levels"), [(False, 15), (True, 254)])
def test_jitter_stays_inside_a_step(q8_0: bool, levels: int) -> None:
    weight = torch.randn(64, 96, generator=torch.Generator().manual_seed(0))
    moved = jittered(weight, q8_0, torch.Generator().manual_seed(1))
    assert torch.equal(moved, jittered(weight, q8_0, torch.Generator().manual_seed(1)))
    blocks = weight.view(64, 3, 32)
    low, high = (-blocks.abs().amax(-1), blocks.abs().amax(-1)) if q8_0 else blocks.aminmax(dim=-1)
    step = ((high - low) / levels)[..., None]
    share = (moved.view(64, 3, 32) - blocks) / step
    assert share.abs().max() <= 0.5001
    assert share.std().item() == pytest.approx(12**-0.5, rel=0.05)  # uniform


def test_gguf_of_grouped_query_attention_with_a_tokenizer(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    hidden, heads, kv_heads = 64, 4, 2
    config = {
        "vocab_size": 20032, "hidden_size": hidden, "intermediate_size": 96,
        "num_hidden_layers": 1, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2,
        "rope_parameters": {"rope_theta": 5000.0},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_tokenizer(tmp_path, 20032)
    key = torch.randn(hidden // heads * kv_heads, hidden)
    save_file({"model.layers.0.self_attn.k_proj.weight": key}, tmp_path / "model.safetensors")
    reader = gguf.GGUFReader(write_gguf(tmp_path, tmp_path / "model.gguf", "F32"))
    [stored] = reader.tensors
    width = hidden // heads
    for row in range(width // 2):  # pairs side by side
        for head in range(kv_heads):
            first, second = key[head * width + row], key[head * width + row + width // 2]
            data = stored.data[head * width + 2 * row : head * width + 2 * row + 2]
            assert numpy.array_equal(data, torch.stack((first, second)).numpy())
    facts = {name: field.contents() for name, field in reader.fields.items()}
    assert facts["llama.attention.head_count_kv"] == kv_heads
    assert facts["llama.rope.freq_base"] == 5000.0
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert facts["tokenizer.ggml.pre"] == "gpt-2"
    assert facts["tokenizer.ggml.tokens"] == [tokenizer.id_to_token(i) for i in range(20032)]


def test_a_text_can_be_scored_from_several_starts(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, 20032)
    once, thrice = real_model_texts(tmp_path), real_model_texts(tmp_path, starts=3)
    assert [text.name for text in once] == [text.name for text in thrice] == list(NAMES)
    for single, several in zip(once, thrice, strict=True):
        [whole] = single.sequences
        assert len(whole.ids) > 2000
        assert [each.ids for each in several.sequences] == [whole.ids[n:] for n in (0, 5, 10)]
