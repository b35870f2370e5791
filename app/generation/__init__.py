"""A parsed request to the engine and back, for any route: render, encode, submit, collect."""
