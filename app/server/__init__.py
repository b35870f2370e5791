"""Start and stop: the command line, start-up checks, the gunicorn worker, logging."""
