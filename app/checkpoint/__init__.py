"""What a model directory says about itself: config.json, safetensors headers, vocabulary.

Knows nothing about torch and loads no weights, so that every start-up mistake is found first.
"""
