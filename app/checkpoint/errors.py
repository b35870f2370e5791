"""The error that stops the start: `wsgi.py` prints its message as one line and exits."""


class StartupError(Exception):
    """The server cannot start as configured. The message is one line for the operator: what is
    wrong, and what to pass or do instead."""
