"""Real clients against a real server: `make clients` installs them, runs them and writes down what
became of it.

Knows nothing about how anything is answered.
"""
