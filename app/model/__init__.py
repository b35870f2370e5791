"""The torch room: weights, the forward pass, the cache and the sampler.

Knows nothing about HTTP or text; only the engine's thread calls it once it is loaded.
"""
