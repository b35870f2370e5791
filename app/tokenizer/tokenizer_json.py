"""Reads the parts of `tokenizer.json` that the `tokenizers` library does not expose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.vocabulary import MAX_TOKENS
from app.tokenizer.config_files import MAX_ADDED_TOKENS, MAX_TOKEN_CHARACTERS
from app.tokenizer.token_bytes import TokenTextFormat


def read_token_text_format(source: dict[str, Any], path: Path) -> TokenTextFormat:
    """How the decoder in the tokenizer.json at `path` expects its tokens to be written.

    Raises:
        StartupError: the decoder is not supported because it gives tokens no fixed bytes.
    """
    steps = _steps(source.get("decoder"))
    types = {step.get("type") for step in steps}
    replaced = [_replaced_by_space(step) for step in steps if step.get("type") == "Replace"]
    metaspaces = [step for step in steps if step.get("type") == "Metaspace"]
    supported = types <= {"ByteLevel", "Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"}
    if not supported or not types & {"ByteLevel", "Replace", "Metaspace"} or None in replaced:
        names = ", ".join(sorted(map(str, types))) or "none"
        raise StartupError(
            f"{path} has a decoder that is not supported ({names}): pass --tokenizer_path "
            "with a directory that has the model's tokenizer.model, or a byte-level or "
            "byte-fallback tokenizer.json."
        )
    spaces = [*(text for text in replaced if text), *map(_replacement, metaspaces)]
    return TokenTextFormat(
        byte_level="ByteLevel" in types,
        byte_fallback="ByteFallback" in types,
        space=spaces[0] if spaces else "▁",
        strips_leading_space=any(
            step.get("type") == "Strip" and step.get("content") == " " and step.get("start")
            for step in steps
        )
        or any(_prepends_space(step) for step in metaspaces),
    )


def check_vocabulary(source: dict[str, Any], path: Path) -> None:
    """Check ids and texts of the tokenizer.json at `path`, because memory and time grow with the
    largest id and the longest token.

    Raises:
        StartupError: an id is invalid or too large, a token is too long, or there are too many
            added tokens.
    """
    model = source.get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    ids: dict[Any, Any] = dict(vocab) if isinstance(vocab, dict) else {}
    added = source.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(entry, dict) for entry in added):
        raise StartupError(f"{path}: added_tokens should be a list of objects")
    if len(added) > MAX_ADDED_TOKENS:
        raise StartupError(f"{path} has {len(added):,} added tokens; at most {MAX_ADDED_TOKENS:,}")
    for entry in added:
        ids[str(entry.get("content"))] = entry.get("id")
    max_length = max(map(len, ids), default=0)
    if max_length > MAX_TOKEN_CHARACTERS:
        raise StartupError(
            f"{path} has a token of {max_length:,} characters; at most {MAX_TOKEN_CHARACTERS:,}"
        )
    for text, token_id in ids.items():
        if type(token_id) is not int or not 0 <= token_id < MAX_TOKENS:
            shown = str(token_id)[:40]
            raise StartupError(
                f"{path} gives the token {text[:40]!r} the id {shown}; ids lie below {MAX_TOKENS:,}"
            )


def without_first_prefix(source: dict[str, Any]) -> dict[str, Any]:
    """A copy of the file for text after an added token: a Metaspace step that adds `▁` to the
    beginning of the text only adds none."""

    def without_prefix(step: Any) -> Any:
        if not isinstance(step, dict):
            return step
        if step.get("type") == "Metaspace" and step.get("prepend_scheme") == "first":
            return {**step, "prepend_scheme": "never"}
        if isinstance(steps := step.get("pretokenizers"), list):
            return {**step, "pretokenizers": [without_prefix(inner) for inner in steps]}
        return step

    return {**source, "pre_tokenizer": without_prefix(source.get("pre_tokenizer"))}


def unk_token(source: dict[str, Any]) -> str:
    """The text of the unknown token; "" if there is none."""
    model = source.get("model")
    unk = model.get("unk_token") if isinstance(model, dict) else None
    return unk if isinstance(unk, str) else ""


def _steps(decoder: object) -> list[dict[str, Any]]:
    """The steps of a decoder, with nested sequences flattened."""
    if not isinstance(decoder, dict):
        return []
    inner = decoder.get("decoders")
    if decoder.get("type") == "Sequence" and isinstance(inner, list):
        return [step for part in inner for step in _steps(part)]
    return [decoder]


def _replaced_by_space(step: dict[str, Any]) -> str | None:
    """The text that the step replaces by a space; None if it does something else."""
    pattern = step.get("pattern")
    text = pattern.get("String") if isinstance(pattern, dict) else None
    return text if isinstance(text, str) and text and step.get("content") == " " else None


def _replacement(step: dict[str, Any]) -> str:
    return str(step.get("replacement") or "▁")


def _prepends_space(step: dict[str, Any]) -> bool:
    scheme = step.get("prepend_scheme")
    if scheme is None:  # files older than prepend_scheme
        return step.get("add_prefix_space") is not False
    return bool(scheme != "never")
