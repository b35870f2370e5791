"""Command line: builds the demo model from the repository's own data, from corpus to export.

Knows nothing about the server, and nothing outside this package is read.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file

from training.batches import Batches
from training.exporting import export
from training.mixture import Mixture
from training.model import grown, model_config, new_model
from training.tokenizer import Codec, add_characters, train_tokenizer
from training.train import Schedule, train

SEED = 20240607
REPOSITORY = Path(__file__).parent.parent


@dataclass(frozen=True)
class Numbers:
    """Sizes of one build."""

    steps: int
    batch: int
    vocabulary: int = 4096
    vocabulary_texts: int = 60000
    hidden_size: int = 192
    layers: int = 6
    seed: int = SEED
    peak: float = Schedule.peak


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "models" / "demo")
    # Holds the vocabulary and the checkpoint: the same command again resumes from there.
    parser.add_argument("--run", type=Path, default=REPOSITORY / "build" / "demo-model")
    parser.add_argument("--start", type=Path, help="train an exported nano model further")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=64, help="examples per step")
    parser.add_argument("--seed", type=int, default=SEED, help="of the batches")
    parser.add_argument("--peak", type=float, default=Schedule.peak, help="the highest rate")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--smoke", action="store_true", help="tiny numbers, done in a minute")
    build(parser.parse_args(arguments))


def build(options: argparse.Namespace) -> None:
    """Corpus to export; a smoke run leaves nothing but the exported files."""
    torch.set_num_threads(options.threads)
    if options.smoke:
        with TemporaryDirectory() as run:
            _build(options.out, Path(run), options.start, Numbers(4, 8, 1500, 300, 64, 2))
    else:
        numbers = Numbers(options.steps, options.batch, seed=options.seed, peak=options.peak)
        _build(options.out, options.run, options.start, numbers)


def _build(out: Path, run: Path, start: Path | None, numbers: Numbers) -> None:
    mixture = Mixture()
    vocabulary = run / "tokenizer.model"
    if not vocabulary.is_file():
        run.mkdir(parents=True, exist_ok=True)
        if start:
            trained = (start / "tokenizer.model").read_bytes()
        else:
            trained = train_tokenizer(
                mixture.texts(numbers.vocabulary_texts, SEED), numbers.vocabulary
            )
        vocabulary.write_bytes(add_characters(trained, mixture.characters()))
    codec = Codec(vocabulary.read_bytes())
    if start:
        model = grown(load_file(start / "model.safetensors"), codec)
    else:
        model = new_model(model_config(len(codec), numbers.hidden_size, numbers.layers), SEED)
    print(f"{len(codec)} pieces, {sum(p.numel() for p in model.parameters())} parameters")
    batches = Batches(mixture, codec, numbers.batch, numbers.seed)
    schedule = Schedule(steps=numbers.steps, peak=numbers.peak)
    progress = train(model, batches, schedule, run / "checkpoint.pt")
    export(model, vocabulary.read_bytes(), out)
    print(json.dumps(asdict(progress)))


if __name__ == "__main__":
    main()
