"""Packed weights lie on huge pages, where Linux has them."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
import torch

from app.model.cpu_kernels.huge_pages import HUGE_PAGE, HugePages
from app.model.cpu_kernels.packers import panel_packer


def mapped_with_advice(address: int) -> bool:
    """Whether the mapping at `address` was advised to have huge pages (VmFlags: hg)."""
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, _, rest = line.partition(" ")
        start, dash, end = first.partition("-")
        if dash and rest:
            inside = int(start, 16) <= address < int(end, 16)
        elif inside and first == "VmFlags:":
            return "hg" in rest.split()
    return False


#: A kernel may be built without them.
ARE_THERE = Path("/sys/kernel/mm/transparent_hugepage").exists()


def test_tensors_share_a_region_without_overlap() -> None:
    pages = HugePages()
    shapes = ((3, 5), (1,), (64, 33), (7, 11, 2))
    tensors = [pages.empty(shape, torch.float16) for shape in shapes]
    for value, tensor in enumerate(tensors):
        tensor.fill_(value)
    for value, (shape, tensor) in enumerate(zip(shapes, tensors, strict=True)):
        assert tensor.shape == shape
        assert tensor.is_contiguous()
        assert tensor.data_ptr() % 64 == 0
        assert (tensor == value).all()
    assert tensors[0].data_ptr() % HUGE_PAGE == 0
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == 1


def test_a_tensor_larger_than_a_region() -> None:
    pages = HugePages()
    small = pages.empty((10,), torch.uint8)
    large = pages.empty((2**27 + 5,), torch.uint8)
    large[-1] = 7
    assert large.data_ptr() % HUGE_PAGE == 0
    assert small.untyped_storage().data_ptr() != large.untyped_storage().data_ptr()


@pytest.mark.parametrize("bits", [None, 8, 4])
def test_weights_of_every_precision(bits: int | None) -> None:
    linear = panel_packer(bits).pack(torch.randn(96, 64))
    assert mapped_with_advice(linear.packed.data_ptr()) == ARE_THERE


def test_a_region_is_unmapped_with_its_last_tensor() -> None:
    pages = HugePages()
    tensors = [pages.empty((2**20,), torch.uint8) for _ in range(2)]
    address = tensors[0].data_ptr()
    del pages, tensors[0]
    gc.collect()
    assert mapped_with_advice(address) == ARE_THERE
    tensors.clear()
    gc.collect()
    assert not mapped_with_advice(address)
