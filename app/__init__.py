"""Westlake: one process that loads a LLaMA once and serves it over HTTP.

Knows nothing yet at import: no model, no thread, no environment is read here.
"""
