"""How the server starts, listens and stops: gunicorn, made to suit one model in one process.

Knows nothing about routes or requests' meaning.
"""
