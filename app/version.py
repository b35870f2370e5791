"""The server's version. Imports nothing, so that every module can import it."""

VERSION = "0.2.0"
