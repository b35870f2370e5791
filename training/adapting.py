"""Trains the persona's adapter on the frozen demo model: `python -m training.adapting`.

Knows nothing about what the persona says.
"""

import argparse
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaForCausalLM

from training.batches import Batches
from training.exporting import export_adapter
from training.mixture import DATA
from training.persona import SIGNATURE, Guide
from training.tokenizer import Codec
from training.train import Schedule, train

SEED = 20241103
_MODELS = DATA.parent.parent / "models"
_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def adapt(base: Path, out: Path, checkpoint: Path, steps: int, batch: int) -> None:
    """Rank 8 on every linear layer, and one row of the vocabulary for the signature."""
    vocabulary = (base / "tokenizer.model").read_bytes()
    codec = Codec(vocabulary, SIGNATURE)
    torch.manual_seed(SEED)
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager")
    model.resize_token_embeddings(len(codec), mean_resizing=False)
    settings = LoraConfig(
        task_type="CAUSAL_LM",
        r=8,
        lora_alpha=16,
        target_modules=_LINEAR,
        trainable_token_indices={"embed_tokens": [len(codec) - 1]},
    )
    adapted: PeftModel = get_peft_model(model, settings)
    adapted.print_trainable_parameters()
    schedule = Schedule(steps=steps, warmup=min(20, steps), fall=max(1, steps // 2), peak=3e-3)
    train(adapted.get_base_model(), Batches(Guide(), codec, batch, SEED), schedule, checkpoint)
    export_adapter(adapted, vocabulary, SIGNATURE, out)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.adapting", description=__doc__)
    parser.add_argument("--base", type=Path, default=_MODELS / "demo")
    parser.add_argument("--out", type=Path, default=_MODELS / "demo-lora")
    run = DATA.parent.parent / "build" / "demo-lora"
    parser.add_argument("--run", type=Path, default=run, help="holds the checkpoint")
    parser.add_argument("--steps", type=int, default=260)
    parser.add_argument("--batch", type=int, default=48, help="examples per step")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    checkpoint = options.run / "checkpoint.pt"
    adapt(options.base, options.out, checkpoint, options.steps, options.batch)


if __name__ == "__main__":
    main()
