"""The pure parts of the harness: sums, arrivals, the random models' tokenizer and forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from benchmarks.http_load import Load, arrivals
from benchmarks.llama_build import avx2_options
from benchmarks.model_forms import MODELS, Places
from benchmarks.online_load import measure, medians
from benchmarks.peers import OURS, PEERS
from benchmarks.prompts import text_windows
from benchmarks.report import finish, median, quantile, table
from benchmarks.servers import Running, Server, of_another_checkout, westlake
from benchmarks.w8a8_model import rounded
from benchmarks.word_tokenizer import vocabulary, words, write_tokenizer


def test_medians_and_quantiles() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    values = list(range(1, 101))
    assert [quantile(values, share) for share in (0, 0.5, 0.99, 1)] == [1, 50, 99, 100]
    assert quantile([7.0], 0.99) == 7.0


def test_the_last_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    print(table(("clients", "tok/s"), [["1", 20.25], ["16", 119.9]]))
    finish("online", {"rounds": 3})
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["clients  tok/s", "1         20.2", "16         120"]
    last = json.loads(lines[-1])
    assert (last["benchmark"], last["rounds"]) == ("online", 3)
    assert last["cores"] >= 1


def test_arrivals_have_the_rate_and_no_rhythm() -> None:
    moments = arrivals(4000, 5.0, "seed")
    assert moments == arrivals(4000, 5.0, "seed") != arrivals(4000, 5.0, "other")
    gaps = torch.tensor(moments).diff()
    assert gaps.min() > 0
    assert gaps.mean().item() == pytest.approx(0.2, rel=0.1)
    assert gaps.std().item() == pytest.approx(0.2, rel=0.1)  # as the exponential's


@pytest.mark.parametrize("size", [20032, 55296])
def test_a_word_is_a_token(size: int, tmp_path: Path) -> None:
    made = vocabulary(size)
    assert len(set(made.tokens)) == len(made.tokens) == size
    assert made.tokens[-len(made.merges) :] == tuple(a + b for a, b in made.merges)
    write_tokenizer(tmp_path, size)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = words(64, "seed")
    ids = tokenizer.encode(text).ids
    assert len(ids) == 64
    assert tokenizer.decode(ids) == text
    assert text == words(64, "seed") != words(64, "other")


def test_rounding_to_eight_bits() -> None:
    matrix = torch.randn(6, 64, generator=torch.Generator().manual_seed(0))
    eight, scale = rounded(matrix)
    assert eight.dtype == torch.int8
    assert scale.shape == (6, 1)
    assert torch.equal(eight.abs().amax(1), torch.full((6,), 127, dtype=torch.int8))
    assert ((eight * scale - matrix).abs() <= scale / 2 * 1.0001).all()


@pytest.mark.parametrize("model", MODELS)
def test_every_peer_is_told_where_to_listen(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for form in ("checkpoint", "gguf", "w8a8"):
        monkeypatch.setattr(f"benchmarks.peers.{form}", lambda places, *_: places.models / "model")
    for name, build in (OURS | PEERS).items():
        server = build(Places(tmp_path, tmp_path, model))
        assert server.name == name
        assert "{port}" in server.command
        assert any(str(tmp_path / "model") == part for part in server.command)


def test_avx512_is_masked_on_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("checkpoint", "gguf"):
        monkeypatch.setattr(f"benchmarks.peers.{form}", lambda places, *_: places.models / "model")
    plain, masked = (Places(tmp_path, tmp_path, avx2=avx2) for avx2 in (False, True))
    assert OURS["8bit"](plain).environ == {}
    assert OURS["8bit"](masked).environ == {"DISABLE_CPU_FEATURES": "avx512f,avxvnni"}
    assert PEERS["llama-q8_0"](plain).command[0] == str(tmp_path / "llama/bin/llama-server")
    assert PEERS["llama-q8_0"](masked).command[0] == str(tmp_path / "llama-avx2/bin/llama-server")


def test_a_baseline_is_the_same_server_of_another_checkout(tmp_path: Path) -> None:
    server = westlake(tmp_path / "model", "--load_in_8bit", name="8bit", environ={"A": "B"})
    other = of_another_checkout(server, tmp_path)
    assert other.name == "8bit-baseline"
    assert other.command[1] == str(tmp_path / "wsgi.py") != server.command[1]
    assert (other.command[2:], other.environ) == (server.command[2:], server.environ)


def test_medians_of_rounds_come_with_their_spread() -> None:
    rounds = [{"tokens_per_s": speed, "first_token_s": 0.5, "gap_s": 1.0} for speed in (9, 10, 12)]
    assert medians(rounds) == {
        "tokens_per_s": 10, "first_token_s": 0.5, "gap_s": 1.0,
        "tokens_per_s_spread": 0.3, "first_token_s_spread": 0.0,
    }  # fmt: skip


def test_servers_take_turns_in_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, str, int]] = []

    def figures(target: Running, load: Callable[[], Load]) -> dict[str, float]:
        load()
        return {"tokens_per_s": float(len(order)), "first_token_s": 1.0}

    def run(name: str, target: Running, number: int) -> Load:
        order.append((target.server.name, name, number))
        return Load((), 1.0, 0.0)

    monkeypatch.setattr("benchmarks.online_load.beside_others", figures)
    targets = [
        Running(Server(name, (), "/"), 0, None, Path(), 0.0)  # type: ignore[arg-type]
        for name in ("ours", "theirs")
    ]
    loads = {name: partial(run, name) for name in ("1", "4")}
    found = measure(targets, loads, rounds=3)
    assert order == [
        (server, load, number)
        for number in range(3) for load in ("1", "4") for server in ("ours", "theirs")
    ]  # fmt: skip
    assert found["theirs"]["1"]["tokens_per_s"] == 6.0  # of 2, 6 and 10


def test_prompts_of_a_real_model_are_parts_of_the_texts(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, 20032)
    prompts = text_windows(tmp_path)
    made = prompts(32, "seed")
    assert made == prompts(32, "seed") != prompts(32, "other")
    assert all(len(prompt) == 64 for prompt in made)
    assert len({tuple(prompt[1:]) for prompt in made}) == 32


def test_llama_without_avx512_is_built_for_avx2_alone() -> None:
    options = avx2_options()
    assert "GGML_NATIVE=OFF" in options
    assert "GGML_AVX2=ON" in options
    assert {each for each in options if "512" in each or "VNNI" in each} == {
        "GGML_AVX512=OFF", "GGML_AVX512_VBMI=OFF", "GGML_AVX512_VNNI=OFF", "GGML_AVX_VNNI=OFF",
    }  # fmt: skip
