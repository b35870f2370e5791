"""The API's routes, one folder each, and what they share: JSON in and out, streams, headers."""
