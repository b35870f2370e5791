"""Fake GPUs: tensors on the CPU that are labelled with another device.

As on real devices, an operation on tensors of different devices fails. The values are real.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

CPU = torch.device("cpu")


class FakeDevices(TorchFunctionMode):
    """Inside this context `.to("cuda:1")` changes the label only."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if function == Tensor.device.__get__:  # a new wrapper every time
            return _device(args[0])
        target = None
        if function is Tensor.cpu:
            target = CPU
        elif function is Tensor.to or "device" in kwargs:
            targets = [arg for arg in args if isinstance(arg, torch.device)]
            target = targets[0] if targets else kwargs.pop("device", None)
            args = tuple(arg for arg in args if not isinstance(arg, torch.device))
        if function is Tensor.to and len(args) == 1 and not kwargs:
            result = args[0].view(args[0].shape)
            return _labelled(result, target or _device(args[0]))
        return _labelled(function(*args, **kwargs), target or _common(function, args, kwargs))


def _device(tensor: Tensor) -> torch.device:
    return tensor.__dict__.get("fake_device", CPU)


def _common(function: Callable[..., Any], args: Any, kwargs: Any) -> torch.device:
    """The device of all tensors; scalar tensors may be on the CPU."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    devices = {_device(tensor) for tensor in tensors}
    if len(devices) > 1:
        devices = {_device(tensor) for tensor in tensors if tensor.ndim or _device(tensor) != CPU}
    if len(devices) > 1:
        raise RuntimeError(f"{function}: tensors on different devices: {devices}")
    return devices.pop() if devices else CPU


def _labelled(result: Any, device: torch.device) -> Any:
    def label(tensor: Tensor) -> Tensor:
        tensor.__dict__["fake_device"] = device
        return tensor

    return tree_map_only(Tensor, label, result)
