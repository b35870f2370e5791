"""Jinja for untrusted chat templates: transformers' extensions, with bounded work and output."""
