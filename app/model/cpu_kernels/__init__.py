"""The decoder as machine code made at start-up: compiled by numba, run on torch's own threads.

Knows nothing about requests, files or devices other than the CPU.
"""
