"""Devices that are not here: tensors on the CPU that bear another device's name.

Every operation sees to it that its tensors bear one name, as a real device would; so a tensor
that was left behind on the wrong device fails, and the numbers are real.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

CPU = torch.device("cpu")


class PretendDevices(TorchFunctionMode):
    """Inside this context `.to("cuda:1")` works and does nothing but to rename."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if function == Tensor.device.__get__:  # a new wrapper every time
            return _name(args[0])
        target = None
        if function is Tensor.cpu:
            target = CPU
        elif function is Tensor.to or "device" in kwargs:
            places = [arg for arg in args if isinstance(arg, torch.device)]
            target = places[0] if places else kwargs.pop("device", None)
            args = tuple(arg for arg in args if not isinstance(arg, torch.device))
        if function is Tensor.to and len(args) == 1 and not kwargs:
            result = args[0].view(args[0].shape)
            return _named(result, target or _name(args[0]))
        return _named(function(*args, **kwargs), target or _common(function, args, kwargs))


def _name(tensor: Tensor) -> torch.device:
    return tensor.__dict__.get("pretended", CPU)


def _common(function: Callable[..., Any], args: Any, kwargs: Any) -> torch.device:
    """The one device of all tensors; lone numbers may come from the CPU."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    found = {_name(tensor) for tensor in tensors}
    if len(found) > 1:
        found = {_name(tensor) for tensor in tensors if tensor.ndim or _name(tensor) != CPU}
    if len(found) > 1:
        raise RuntimeError(f"{function}: tensors on different devices: {found}")
    return found.pop() if found else CPU


def _named(result: Any, device: torch.device) -> Any:
    def rename(tensor: Tensor) -> Tensor:
        tensor.__dict__["pretended"] = device
        return tensor

    return tree_map_only(Tensor, rename, result)
