"""Wire shapes, both ways: strict readers of requests, plain builders of answers.

Knows nothing about Flask, templates or how the engine works.
"""
