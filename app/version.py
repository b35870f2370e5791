"""The server's version, in this one place.

Knows nothing else, and imports nothing, so that anything may ask.
"""

VERSION = "0.2.0"
