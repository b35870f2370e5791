"""The decoder on a CPU: GEMM, attention and KV cache, compiled by numba at start."""
