"""LoRA adapters: their settings, keys and checks, and what they change in a base model."""
