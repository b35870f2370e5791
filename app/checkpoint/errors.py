"""The one error that stops a start.

Knows nothing about where it is shown: `wsgi.py` prints its message as one line and exits.
"""


class StartupError(Exception):
    """The server cannot start as configured; the message is one line for its operator, and
    says what disagrees and what to pass or do instead."""
