"""Tries the compiled products on this very machine before a model is trusted to them.

Knows nothing about models: small random matrices against torch's own arithmetic.
"""

from __future__ import annotations

import torch

from app.model.native.linear import BytePanels, FloatPanels
from app.model.native.team import NoTeamError


def products_are_right(eight_bit: bool) -> bool:
    """Whether the kernels of this precision run and agree with torch."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(80, 128, generator=generator)
    x = torch.randn(17, 128, generator=generator)
    linears = (
        [BytePanels(weight)]
        if eight_bit
        else [FloatPanels(weight.to(kind)) for kind in (torch.float32, torch.float16)]
    )
    tolerance = 0.05 if eight_bit else 5e-3
    try:
        return all(
            torch.allclose(linear(x), x @ weight.T, atol=tolerance * 11.3) for linear in linears
        )
    except NoTeamError:
        return False
