"""Training of the embedded demo model: corpus, tokenizer, training, export and evaluation.

Knows nothing about the server: it shares only the wording of the prompts with it. Frozen, see
README.md.
"""
