"""Compiled GEMM: correct, exact where possible, and the same bits per row in any batch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from app.model.cpu_kernels.gemm import claimed_panels
from app.model.cpu_kernels.packed_int8_weights import Int8PanelLinear, round_up_to_bfloat16
from app.model.cpu_kernels.packed_weights import PanelLinear, PanelPacker

COUNTS = (1, 2, 3, 7, 12, 13, 16, 25, 64)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """How many threads share the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def matrix(rows: int, columns: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("outputs", "inputs"), [(32, 64), (200, 48), (1, 4), (4096, 17)])
def test_float_products(dtype: torch.dtype, outputs: int, inputs: int, threads: int) -> None:
    weight, x = matrix(outputs, inputs).to(dtype), matrix(70, inputs, 1)
    linear = PanelLinear(weight)
    exact = x.double() @ weight.double().T
    assert torch.allclose(linear(x).double(), exact, rtol=0, atol=1e-6 * inputs)
    assert linear(torch.eye(inputs)).equal(weight.float().T)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_rows_bits_do_not_depend_on_the_others(dtype: torch.dtype, threads: int) -> None:
    linear, x = PanelLinear(matrix(300, 1000).to(dtype)), matrix(96, 1000, 1)
    expected = linear(x)
    for count in COUNTS:
        first = 5 * count % (96 - count)
        assert linear(x[first : first + count]).equal(expected[first : first + count])
    torch.set_num_threads(3 - threads)
    assert linear(x).equal(expected)


@pytest.mark.parametrize("eight_bit", [False, True])
def test_a_rows_bits_do_not_depend_on_the_number_of_threads(eight_bit: bool, threads: int) -> None:
    """It decides how many panels a thread claims at a time."""
    weight, x = matrix(4000, 64), matrix(14, 64, 1)
    linear = Int8PanelLinear(weight) if eight_bit else PanelLinear(weight.half())
    expected = linear(x)
    for num_threads in (1, 3, 5, 8):
        torch.set_num_threads(num_threads)
        assert linear(x).equal(expected), num_threads


@pytest.mark.parametrize("num_threads", [1, 2, 3, 8, 24, 28, 32, 48, 64, 128])
@pytest.mark.parametrize("panels", [6, 128, 384, 688, 1728, 4748])
def test_every_thread_gets_its_share(panels: int, num_threads: int) -> None:
    done, following = [0] * num_threads, 0
    for ticket in range(panels):
        start, end = claimed_panels(ticket, panels, num_threads)
        assert start == following, "a panel is left out, or claimed twice"
        slowest = min(range(num_threads), key=done.__getitem__)
        done[slowest] += end - start
        following = end
    assert following == panels
    assert claimed_panels(panels, panels, num_threads) == (panels, panels)
    assert max(done) <= panels / num_threads * 1.0625 + 1


def test_the_smallest_exact_storage_is_taken() -> None:
    full = matrix(64, 128)
    wide = full.bfloat16()
    wide[0, 0], wide[1, 1] = 2.0**60, 2.0**-60
    for weight, size in (
        (full, 4),
        (full.half(), 2),
        (full.half().float(), 2),
        (wide.float(), 2),
    ):
        linear = PanelPacker().pack(weight)
        assert linear.nbytes == size * weight.numel()
        assert linear(torch.eye(128)).equal(weight.float().T)


def quantized(rows: Tensor, scales: Tensor) -> Tensor:
    """Integers of each group of 32 as float64 [rows, groups, 32], and zero padding."""
    groups = pad(rows, (0, -rows.shape[1] % 32)).view(len(rows), -1, 32)
    return (groups / scales.clamp_min(1e-37)[..., None]).round().double()


def absmax_of_groups(rows: Tensor) -> Tensor:
    """[rows, groups]"""
    return pad(rows, (0, -rows.shape[1] % 32)).view(len(rows), -1, 32).abs().amax(-1)


@pytest.mark.parametrize(
    ("inputs", "outputs"), [(64, 192), (192, 4096), (512, 72), (11008, 33), (17, 40), (100, 1)]
)
def test_8_bit_products_are_exact_sums_of_groups(inputs: int, outputs: int, threads: int) -> None:
    weight = matrix(outputs, inputs)
    x = matrix(50, inputs, 1) * torch.logspace(-3, 3, 50)[:, None]
    scales = round_up_to_bfloat16(absmax_of_groups(weight) / 127).float()
    x_scales = absmax_of_groups(x) / 127
    integers, x_integers = quantized(weight, scales), quantized(x, x_scales)
    assert integers.abs().max() == 127
    sums = torch.einsum("rgk,ogk->rog", x_integers, integers)
    expected = (sums * x_scales.double()[:, None] * scales.double()[None]).sum(-1)
    linear = Int8PanelLinear(weight)
    y = linear(x)
    # an input halfway between two integers may be rounded to either
    # Groups are added in float32, so the error is relative to a row's largest sum.
    largest = expected.abs().amax(1, keepdim=True)
    close = (y.double() - expected).abs() <= 1e-6 * largest
    assert close.all(1).float().mean() > 0.7
    atol = float(expected.abs().max()) * 1e-4
    assert torch.allclose(y.double(), expected, rtol=0.02, atol=atol)
    for count in COUNTS[:-1]:
        assert linear(x[3 : 3 + count]).equal(y[3 : 3 + count])


def test_the_scales_in_bfloat16_lose_no_weight() -> None:
    values = torch.tensor([0.0, 1.0, 1.00001, 3e-5, 1e-30, 1e-39])
    rounded = round_up_to_bfloat16(values).float()
    assert (rounded >= values).all()
    assert (rounded[1:5] <= values[1:5] * (1 + 2**-7)).all()
    assert rounded[:2].equal(values[:2])


def test_a_row_of_zeros_gives_zeros_and_a_bad_row_spoils_no_other() -> None:
    linear, x = Int8PanelLinear(matrix(64, 128)), matrix(9, 128, 1)
    quiet = linear(x)
    x[2] = 0
    x[5, 7] = float("nan")
    x[6] *= 1e9
    mixed = linear(x)
    assert not mixed[2].any()
    assert mixed[5].isnan().all()
    for row in (0, 1, 3, 4, 7, 8):
        assert mixed[row].equal(quiet[row])
