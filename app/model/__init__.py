"""The LLaMA model in torch: forward pass, attention, KV cache, runner.

Only the engine's thread calls it once it is loaded.
"""
