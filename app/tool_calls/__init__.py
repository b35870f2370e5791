"""Tool calls in what a model writes: which format its template teaches, and a parser for each."""
