"""Command line: builds the demo model from the repository's own data, from corpus to export.

Knows nothing about the server, and nothing outside this package is read.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch

from demo_model.exporting import export
from demo_model.mixture import Batches, Mixture
from demo_model.model import model_config, new_model
from demo_model.tokenizer import Codec, train_tokenizer
from demo_model.training import Schedule, train

SEED = 20240607
REPOSITORY = Path(__file__).parent.parent


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m demo_model", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "models" / "demo")
    parser.add_argument("--run", type=Path, default=None, help="folder of the checkpoint (resumes)")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=64, help="examples per step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--smoke", action="store_true", help="tiny numbers, done in a minute")
    build(parser.parse_args(arguments))


def build(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    if options.smoke:
        options.steps, options.batch = 4, 8
    mixture = Mixture()
    vocabulary, texts = (1500, 300) if options.smoke else (4096, 60000)
    run = options.run or options.out / ".run"
    tokenizer_path = run / f"tokenizer-{vocabulary}.model"
    if not tokenizer_path.is_file():
        run.mkdir(parents=True, exist_ok=True)
        tokenizer_path.write_bytes(train_tokenizer(mixture.texts(texts, SEED), vocabulary))
    tokenizer = tokenizer_path.read_bytes()
    codec = Codec(tokenizer)
    shape = {"hidden_size": 64, "layers": 2} if options.smoke else {}
    model = new_model(model_config(len(codec), **shape), SEED)
    print(f"{len(codec)} pieces, {sum(p.numel() for p in model.parameters())} parameters")
    batches = Batches(mixture, codec, options.batch, SEED)
    progress = train(model, batches, Schedule(steps=options.steps), run / "checkpoint.pt")
    export(model, tokenizer, options.out)
    print(json.dumps(asdict(progress)))


if __name__ == "__main__":
    main()
