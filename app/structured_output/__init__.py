"""Schemas and grammars to token masks: checked in a child process, compiled with llguidance."""
