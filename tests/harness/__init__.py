"""Shared by tests of several folders: servers, an HTTP client, in-process engines, waiting."""
