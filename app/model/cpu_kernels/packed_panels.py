"""What all linear layers of the compiled decoder hold: weights packed in panels."""

from __future__ import annotations

from typing import Self

from torch import Tensor


class PackedPanels:
    """A packed [out, in] weight."""

    outputs: int
    inputs: int
    panels: int
    packed: Tensor  #: [panels, steps, ...], in a format of the subclass
    nbytes: int

    @classmethod
    def from_packed(cls, packed: Tensor, outputs: int, inputs: int) -> Self:
        """The layer that had these `packed` weights."""
        layer = cls.__new__(cls)
        layer.hold(packed, outputs, inputs)
        return layer

    def hold(self, packed: Tensor, outputs: int, inputs: int) -> None:
        """Set all attributes."""
        self.packed, self.outputs, self.inputs = packed, outputs, inputs
        self.panels, self.nbytes = len(packed), packed.nbytes
