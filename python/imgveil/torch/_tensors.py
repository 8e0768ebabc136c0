"""Samples as the input of networks."""

from __future__ import annotations

import numpy as np
import torch


def largest(depth: int) -> int:
    """The largest sample of a depth of 8 to 16 bits."""
    return (1 << depth) - 1


def normalised(image: np.ndarray, depth: int = 8) -> torch.Tensor:
    """Samples `p`, (H, W, C) or (N, H, W, C), as float32 `(2p - max) / max`, planar: (C, H, W) or (N, C, H, W). `max`
    is the largest sample of the depth. The bits are those of `Cipher.floats` and of `imgveil train`.

    >>> import numpy as np
    >>> normalised(np.array([[[0], [255]]], np.uint8)).tolist()
    [[[-1.0, 1.0]]]
    """
    top = np.float32(largest(depth))
    floats = (np.float32(2.0) * image.astype(np.float32) - top) / top
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(floats, -1, -3)))


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The memory of a tensor on the CPU as an array, without a copy."""
    if tensor.device.type != "cpu":
        raise ValueError(f"the tensor is on {tensor.device}, and imgveil reads the CPU's memory: use PlanModule there")
    return tensor.detach().numpy()
