"""Fields that /v1/embeddings refuses; see `app.protocol.unsupported`."""

from __future__ import annotations

from app.protocol.unsupported import WRAPPED, Unserved

OF_EMBEDDINGS: Unserved = {
    "prompt_template": ("none",),
    "prompt": ("",),
    "prompt_name": ("",),
    "instruction": ("",),
    "input_type": (),
    "task": ("",),
    "task_type": ("",),
    "messages": ([],),
    "images": ([],),
    "chat_template": (),
    "add_special_tokens": (True,),
    "truncate": (False, "NONE"),
    "truncation": (False,),
    "truncate_prompt_tokens": (),
    "late_chunking": (False,),
    "pooling": ("mean",),
    "pooling_type": ("mean", "MEAN"),
    "normalize": (True,),
    "normalized": (True,),
    "embd_normalize": (2,),
    "use_activation": (True,),
    "embed_dtype": ("float32",),
    "output_dtype": ("float",),
    "output_dimension": (),
    "embedding_type": ("float",),
    "embedding_types": (["float"],),
    "endianness": ("native", "little"),
    "lora_path": (),
    **WRAPPED,
}
