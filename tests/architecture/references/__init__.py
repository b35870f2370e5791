"""Finds what documents and docstrings name and the repository does not have."""
