"""vLLM's benchmark client: six requests on each text route, all with text and a first token."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from vllm.benchmarks.serve import add_cli_args
from vllm.benchmarks.serve import main as measure

address, model = sys.argv[1:3]
found = []
for backend, path in (("openai", "/v1/completions"), ("openai-chat", "/v1/chat/completions")):
    parser = argparse.ArgumentParser()
    add_cli_args(parser)
    words = (
        f"--backend {backend} --base-url {address} --endpoint {path} --model model --num-prompts 6 "
        f"--tokenizer {model} --dataset-name random --random-input-len 60 --random-output-len 12 "
        "--ignore-eos --save-result --save-detailed --result-filename measured.json"
    )
    measure(parser.parse_args(words.split()))
    result = json.loads(Path("measured.json").read_text())
    assert (result["completed"], result["failed"]) == (6, 0), result["errors"]
    assert all(result["generated_texts"]), result["generated_texts"]
    assert result["total_output_tokens"] == 72, result["total_output_tokens"]
    # The first token took a step over the whole prompt: it cannot be as fast as nothing.
    assert min(result["ttfts"]) > 0.002, result["ttfts"]
    found.append(f"{path}: 6 of 6 with text")
print(json.dumps({"found": found}))
