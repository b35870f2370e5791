"""Packed weights in files, memory-mapped at the next start (`--cache_dir`)."""
