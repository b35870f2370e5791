"""What a model directory says about itself: config.json, safetensors headers, vocabulary.

Loads no weights and imports no torch, so that mistakes are found before the slow part of a start.
"""
