"""The adaptation networks of `imgveil train --adapt`, which undo a scheme in front of any network."""

from __future__ import annotations

import torch
from torch import nn

from ._layers import Size

#: The channels of the maps that they give.
LE_CHANNELS, ELE_CHANNELS = 32, 16


def _shuffled(maps: torch.Tensor, block: Size) -> torch.Tensor:
    """Maps (N, C H W, rows, columns) as (N, C, rows H, columns W). Blocks need not be squares."""
    count, channels, rows, columns = maps.shape
    height, width = block
    parts = maps.reshape(count, channels // (height * width), height, width, rows, columns)
    return parts.permute(0, 1, 4, 2, 5, 3).reshape(count, -1, rows * height, columns * width)


class LeAdaptNet(nn.Module):
    """One sub-network for all blocks (Tanaka 2018)."""

    def __init__(self, channels: int, block: Size) -> None:
        super().__init__()
        self.block = block
        self.first_norm, self.first = nn.BatchNorm2d(channels), nn.Conv2d(channels, 48, block, stride=block)
        self.second_norm, self.second = nn.BatchNorm2d(48), nn.Conv2d(48, 48, 1)
        self.third_norm = nn.BatchNorm2d(48)
        self.third = nn.Conv2d(48, LE_CHANNELS * block[0] * block[1], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(self.first_norm(x)).relu()
        x = self.second(self.second_norm(x)).relu()
        return _shuffled(self.third(self.third_norm(x)), self.block)


class EleAdaptNet(nn.Module):
    """A sub-network for each block, and a learned permutation of the blocks (Madono et al. 2020)."""

    def __init__(self, channels: int, size: Size, block: Size) -> None:
        super().__init__()
        self.block, self.grid = block, (size[0] // block[0], size[1] // block[1])
        pixels, blocks = block[0] * block[1], self.grid[0] * self.grid[1]
        self.weight = nn.Parameter(torch.zeros(blocks, channels * pixels, ELE_CHANNELS * pixels))
        self.norm = nn.BatchNorm1d(blocks * ELE_CHANNELS * pixels)
        self.permutation = nn.Parameter(torch.zeros(blocks, blocks))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (count, channels), (rows, columns), (height, width) = x.shape[:2], self.grid, self.block
        blocks = x.reshape(count, channels, rows, height, columns, width).permute(2, 4, 0, 1, 3, 5)
        features = blocks.reshape(rows * columns, count, -1) @ self.weight
        features = self.norm(features.transpose(0, 1).reshape(count, -1))
        features = nn.functional.leaky_relu(features, 0.2).reshape(count, rows * columns, -1).transpose(1, 2)
        return _shuffled((features @ self.permutation).reshape(count, -1, rows, columns), self.block)
