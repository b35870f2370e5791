"""What a model directory says about itself: config.json, safetensors headers, vocabulary.

Imports no torch and loads no weights, so that errors are reported before the slow part of the
start.
"""
