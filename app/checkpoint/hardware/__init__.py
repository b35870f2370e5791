"""What this machine has: CPU features and cores, memory, GPUs; without torch."""
