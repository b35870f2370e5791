"""An OpenAI-compatible server as the engine: requests over HTTP, streams as the engine's events."""
