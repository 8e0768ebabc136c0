"""Layers that several networks share."""

from __future__ import annotations

from typing import Optional, Tuple

import torch
from torch import nn

Size = Tuple[int, int]

#: Images with a smaller side get the stem for small images.
_SMALL = 96


def is_small(size: Size) -> bool:
    """Whether images are too small for the stem for 224 pixels."""
    return min(size) < _SMALL


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias in front of a batch norm."""
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


def halving() -> nn.MaxPool2d:
    """Max pooling that halves a map of any size."""
    return nn.MaxPool2d(3, stride=2, padding=1)


def stem(channels: int, size: Size, patch: Optional[Size]) -> Tuple[nn.Conv2d, Optional[nn.MaxPool2d], Size]:
    """The stem of the residual and dense networks: a convolution to 64 channels, the pooling after batch norm and ReLU,
    and the size of the map that they give."""
    if patch is not None:
        map_ = (size[0] // patch[0], size[1] // patch[1])
        return nn.Conv2d(channels, 64, patch, stride=patch, bias=False), None, map_
    if is_small(size):
        return conv(channels, 64, 3), None, size
    return conv(channels, 64, 7, 2), halving(), (-(-size[0] // 4), -(-size[1] // 4))


class Patches(nn.Conv2d):
    """The embedding of patches. Beyond the lower and right edge they are filled with zeros."""

    def __init__(self, channels: int, size: Size, width: int, patch: Size) -> None:
        super().__init__(channels, width, patch, stride=patch)
        self.missing = [-side % block for side, block in zip(size, patch)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = self.missing
        return super().forward(nn.functional.pad(x, (0, columns, 0, rows)))
