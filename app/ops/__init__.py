"""What surrounds the answers: request ids, errors, health, counters.

Knows nothing about prompts or fields.
"""
