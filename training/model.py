"""The network: a plain Hugging Face LLaMA in the "nano" shape, and its loss on answers.

Knows nothing about texts, files or optimisers.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from training.tokenizer import BOS_ID, EOS_ID, IGNORED, Codec, Encoded

CONTEXT_LENGTH = 1024


def model_config(vocab_size: int, hidden_size: int = 192, layers: int = 6) -> LlamaConfig:
    """The nano shape; a smoke run passes smaller numbers."""
    heads = hidden_size // 32
    return LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        intermediate_size=hidden_size * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=32,
        max_position_embeddings=CONTEXT_LENGTH,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        tie_word_embeddings=True,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        pad_token_id=None,
        architectures=["LlamaForCausalLM"],
        attention_dropout=0.0,
        # On CPUs the fused kernel's backward pass takes twice as long as everything else together.
        attn_implementation="eager",
    )


def new_model(config: LlamaConfig, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    return LlamaForCausalLM(config)


def grown(weights: dict[str, torch.Tensor], codec: Codec) -> LlamaForCausalLM:
    """A trained model of the nano shape, with rows for the characters that its vocabulary gained.

    A new row begins as the mean of the rows of the bytes that stood for the character before.
    """
    rows = weights["model.embed_tokens.weight"].float()
    model = LlamaForCausalLM(model_config(len(codec), rows.shape[1]))
    added = [
        rows[codec.byte_ids(codec.processor.id_to_piece(index))].mean(0)
        for index in range(len(rows), len(codec))
    ]
    weights = weights | {"model.embed_tokens.weight": torch.stack([*rows, *added])}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if set(missing) - {"lm_head.weight"} or unexpected:
        raise SystemExit(f"other weights were expected: missing {missing}, unexpected {unexpected}")
    return model


def common_prefix(examples: Sequence[Encoded]) -> int:
    """How many first ids all prompts share, leaving each at least one id of its own prompt."""
    shortest = min(example.first_target for example in examples)
    first = examples[0].ids
    for position in range(shortest):
        if any(example.ids[position] != first[position] for example in examples):
            return position
    return shortest


def answer_loss(model: LlamaForCausalLM, examples: Sequence[Encoded]) -> torch.Tensor:
    """Mean cross-entropy over the answers' tokens.

    The template's ids, the same in every row, are computed once and their keys and values
    expanded over the batch: gradients are the same, for about half the work. Rows are padded on
    the right, where causal attention never looks, so that no mask is needed.
    """
    shared = common_prefix(examples)
    past: DynamicCache | None = None
    if shared:
        prefix = torch.tensor([examples[0].ids[:shared]])
        past = model.model(input_ids=prefix, use_cache=True).past_key_values
        past.batch_repeat_interleave(len(examples))
    width = max(len(example.ids) for example in examples) - shared
    inputs = torch.zeros(len(examples), width, dtype=torch.long)
    labels = torch.full((len(examples), width), IGNORED, dtype=torch.long)
    for row, example in enumerate(examples):
        own = len(example.ids) - shared
        inputs[row, :own] = torch.tensor(example.ids[shared:])
        labels[row, :own] = torch.tensor(example.targets[shared:])
    hidden = model.model(
        input_ids=inputs, past_key_values=past, use_cache=past is not None
    ).last_hidden_state
    counted = labels != IGNORED
    # Only the counted positions go through the vocabulary, the dearest single multiplication.
    return cross_entropy(model.lm_head(hidden[counted]).float(), labels[counted])
