"""The report of `python wsgi.py --check`: what would be served, and how much memory it needs."""

from __future__ import annotations

from app.checkpoint.check import CheckedModel
from app.checkpoint.generation_config import GENERATION_CONFIG
from app.checkpoint.hardware.cpu_count import cpu_count
from app.checkpoint.hardware.cpu_features import kernels
from app.checkpoint.lora.adapter import Lora
from app.prompts import ChatTemplateError
from app.prompts.chat_template import ChatTemplate
from app.prompts.reasoning_tags import mentions_reasoning_tags
from app.prompts.template_selection import read_chat_template
from app.prompts.template_variables import thinking_switch
from app.prompts.tool_format import tool_format_of
from app.tokenizer.tokenizer import Tokenizer
from config import Config

_GB = 10**9


def format_check_report(config: Config, checked: CheckedModel, tokenizer: Tokenizer) -> str:
    """One line per item, its name first."""
    model = checked.model
    lines = [
        ("base model", str(checked.directory)),
        (
            "",
            f"{model.architecture}, {model.layers} layers, width {model.hidden_size}, "
            f"{_stored(checked)}",
        ),
    ]
    for lora in checked.loras:
        lines += [("LoRA", str(lora.settings.directory)), ("", _lora(lora))]
    lines += [
        ("vocabulary", _vocabulary(checked)),
        ("tokenizer", f"{_reader(checked)} in {checked.tokenizer_directory}"),
        ("chat template", _template(config, tokenizer)),
        ("thinking", _thinking(config, tokenizer)),
        ("tool calls", _tool_format(config, tokenizer)),
        ("sampling", _sampling(checked)),
        ("context", _context_line(config, checked)),
        ("device", checked.device),
        *_compute(config, checked),
        *_memory(config, checked),
    ]
    return "\n".join(f"{name:15}{text}" for name, text in lines)


def _stored(checked: CheckedModel) -> str:
    if not checked.quantization:
        return f"{checked.model.dtype}{', pickled' if checked.pickled else ''}"
    types = ", ".join(f"{kind} {share:.0%}" for kind, share in checked.type_shares.items())
    return f"{checked.parameters / 1e6:,.0f} M parameters, {checked.quantization}: {types}"


def _lora(lora: Lora) -> str:
    settings = lora.settings
    ranks = sorted({settings.rank, *settings.rank_pattern.values()})
    text = f"rank {'/'.join(map(str, ranks))}, {len(lora.deltas)} matrices"
    if lora.replaced:
        text += ", whole: " + ", ".join(sorted(name.split(".")[-2] for name in lora.replaced))
    if settings.unusual:
        text += f"; {settings.unusual}: peft merges it, with the whole model in float32"
    return text + (", pickled" if lora.pickled else "")


def _vocabulary(checked: CheckedModel) -> str:
    vocabulary = checked.vocabulary
    parts = [f"base model {vocabulary.base}"]
    if checked.loras:
        parts.append(f"with LoRA {vocabulary.trained.embedding}")
    parts += [f"tokenizer {vocabulary.tokens}", f"result {vocabulary.rows}"]
    never_sampled = vocabulary.rows - vocabulary.tokens + len(vocabulary.untrained)
    return ", ".join(parts) + (f" ({never_sampled} never sampled)" if never_sampled else "")


def _reader(checked: CheckedModel) -> str:
    if checked.tokenizer_directory.is_file():
        return "GGUF vocabulary"
    if (checked.tokenizer_directory / "tokenizer.model").is_file():
        return "sentencepiece (tokenizer.model)"
    return "tokenizers (tokenizer.json)"


def _template(config: Config, tokenizer: Tokenizer) -> str:
    if config.CHAT_TEMPLATE is not None:
        return config.CHAT_TEMPLATE
    return "the tokenizer's own" if tokenizer.chat_template else "none: Alpaca is used"


def _thinking(config: Config, tokenizer: Tokenizer) -> str:
    named = config.CHAT_TEMPLATE
    source = tokenizer.chat_template if named is None else read_chat_template(named)
    if not mentions_reasoning_tags(source):
        return "none: its template has no <think>"
    switch = thinking_switch(source)
    switched = f"switched by {switch}" if switch else "always on"
    return f"<think> … </think> is reasoning_content, {switched}"


def _tool_format(config: Config, tokenizer: Tokenizer) -> str:
    if config.TOOL_PARSER is not None:
        return config.TOOL_PARSER
    source = tokenizer.tool_chat_template or tokenizer.chat_template
    if config.CHAT_TEMPLATE is not None:
        source = read_chat_template(config.CHAT_TEMPLATE)
    template = None
    if source is not None:
        template = ChatTemplate(source, tokenizer.named_tokens, tokenizer.special_texts)
    try:
        return f"{tool_format_of(template)}, as the chat template has it"
    except ChatTemplateError:
        return "unknown: the chat template fails"


def _sampling(checked: CheckedModel) -> str:
    """Where the defaults of sampling parameters come from."""
    defaults = checked.sampling_defaults
    if not defaults:
        return "the server's defaults"
    named = ", ".join(f"{name} {value:g}" for name, value in defaults.items())
    return f"{named} ({GENERATION_CONFIG}); the server's defaults for others"


def _context_line(config: Config, checked: CheckedModel) -> str:
    length, reach = _context(config, checked), checked.model.max_context
    extension = f"; --max_model_len may be up to {reach}" if reach > length else ""
    return f"{length} tokens{extension}"


def _context(config: Config, checked: CheckedModel) -> int:
    return config.MAX_MODEL_LEN or checked.model.max_positions


def _compute(config: Config, checked: CheckedModel) -> list[tuple[str, str]]:
    """The CPU kernels and threads; empty on a GPU."""
    if checked.gpus:
        return []
    return [("", kernels()), ("", cpu_count().describe(config.THREADS))]


def _memory(config: Config, checked: CheckedModel) -> list[tuple[str, str]]:
    table, bits = checked.memory, config.weight_bits
    items = [
        ("matrices" + (f" ({bits} bits)" if bits else ""), table.linears),
        ("head", table.head),
        ("embedding", table.embedding),
        ("norms, biases", table.small),
        ("everything else", table.runtime),
        ("keys and values (--kv_cache_mb)", table.kv_pool),
        ("together", table.needed),
    ]
    lines = [f"{size / _GB:9.2f} GB  {item}" for item, size in items if size]
    if table.available is not None:
        lines.append(f"{table.available / _GB:9.2f} GB  available")
    lines.append(_cache(config, checked))
    return [("memory" if not index else "", line) for index, line in enumerate(lines)]


def _cache(config: Config, checked: CheckedModel) -> str:
    table, length = checked.memory, _context(config, checked)
    per_token = table.kv_bytes_per_token
    size = f"{length * per_token / _GB:9.2f} GB"
    line = f"{size}  keys and values of one full context in {checked.kv_cache_dtype}"
    if table.available is None or table.kv_pool:
        return line
    free = max(table.available - table.needed, 0)
    if free >= length * per_token:
        return f"{line}, of {free / _GB:.2f} GB left"
    return f"{line}: more than is left; --max_model_len {free // per_token} fits"
