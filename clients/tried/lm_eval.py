"""lm-eval through the server, by ids, by text and by the server's own tokenizer, against its own
transformers backend: the same log-likelihoods and the same score."""

from __future__ import annotations

import json
import sys
from pathlib import Path

# This file has the package's name: its own folder must not come first.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".") != Path(__file__).parent]
from lm_eval import simple_evaluate  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

QUESTIONS = (
    ("What is the capital of France?", "Paris", "Berlin", "a small green lamp"),
    ("Which animal says meow?", "a cat", "a dog", "a stone bridge"),
    ("How many legs does a spider have?", "eight", "two", "a hundred and five"),
    ("What do bees make?", "honey", "iron", "blue glass windows"),
    ("Which is the largest planet?", "Jupiter", "Mercury", "the town hall"),
    ("What is frozen water called?", "ice", "smoke", "a long wooden chair"),
    ("西湖在哪个城市？", "杭州", "北京", "一个红色的盒子里"),
    ("What colour is grass?", "green", "purple", "loud"),
)
TASK = """
task: facts
dataset_path: json
dataset_kwargs: {data_files: {test: %s}}
output_type: multiple_choice
test_split: test
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: "{{choices}}"
doc_to_target: 0
target_delimiter: " "
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true},
              {metric: acc_norm, aggregation: mean, higher_is_better: true}]
"""
WORST = 1e-3

address, model = sys.argv[1:3]
folder = Path("facts").resolve()
folder.mkdir(exist_ok=True)
rows = [{"question": question, "choices": choices} for question, *choices in QUESTIONS]
(folder / "facts.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
(folder / "facts.yaml").write_text(TASK % (folder / "facts.jsonl"))
manager = TaskManager(include_path=str(folder), include_defaults=False)


def evaluated(backend: str, arguments: str) -> tuple[dict[str, float], list[float]]:
    """Scores, and every choice's log-likelihood."""
    result = simple_evaluate(
        model=backend,
        model_args=arguments,
        tasks=["facts"],
        task_manager=manager,
        bootstrap_iters=0,
    )
    scores = {
        k: v for k, v in result["results"]["facts"].items() if k in ("acc,none", "acc_norm,none")
    }
    samples = sorted(result["samples"]["facts"], key=lambda sample: sample["doc_id"])
    return scores, [float(each[0]) for sample in samples for each in sample["filtered_resps"]]


scores, expected = evaluated("hf", f"pretrained={model},dtype=float32,device=cpu")
found = []
for name, how in (
    ("ids", "tokenized_requests=True,tokenizer_backend=huggingface"),
    ("text", "tokenized_requests=False,tokenizer_backend=huggingface"),
    ("the server's tokenizer", "tokenizer_backend=remote"),
):
    asked = f"model=model,base_url={address}/v1/completions,tokenizer={model},{how}"
    own, values = evaluated("local-completions", f"{asked},num_concurrent=1,max_retries=1")
    worst = max(abs(a - b) for a, b in zip(expected, values, strict=True))
    assert worst < WORST, (name, worst)
    assert own == scores, (name, own, scores)
    found.append(f"by {name}: as its hf backend, log-likelihoods within {worst:.0e}")
print(json.dumps({"found": found, "scores": scores}))
