"""Tells a peer's torch that this machine has no AMX, where it says that it has and lies.

Knows nothing about the peer: Python imports this by its name in every process that has this
folder on PYTHONPATH.
"""

import torch.cpu

torch.cpu._is_amx_tile_supported = lambda: False
