"""JSON schemas to token masks: checked in a child process, compiled with llguidance, cached."""
