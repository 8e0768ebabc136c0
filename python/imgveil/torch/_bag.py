"""The bag of blocks of `imgveil train`: what it sees of an image depends neither on the order of its blocks nor on how
a block was turned, mirrored or negated."""

from __future__ import annotations

import torch
from torch import nn

from ._layers import Size

_FEATURES, _WIDTH = 64, 128


class Bag(nn.Module):
    """A perceptron that all blocks share, then the mean and the maximum over blocks."""

    def __init__(self, channels: int, classes: int, block: Size) -> None:
        super().__init__()
        self.block = block
        self.whole = nn.Linear(channels * block[0] * block[1], _FEATURES)
        self.sample = nn.Linear(1, _FEATURES)
        self.features_norm = nn.BatchNorm1d(2 * _FEATURES)
        self.first, self.first_norm = nn.Linear(2 * _FEATURES, _WIDTH), nn.BatchNorm1d(_WIDTH)
        self.second, self.second_norm = nn.Linear(_WIDTH, _WIDTH), nn.BatchNorm1d(_WIDTH)
        self.hidden = nn.Linear(2 * _WIDTH, _WIDTH)
        self.linear = nn.Linear(_WIDTH, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = self.block
        batch, channels, height, width = x.shape
        down, across = height // rows, width // columns
        x = x[:, :, : down * rows, : across * columns].reshape(batch, channels, down, rows, across, columns)
        blocks = x.permute(0, 2, 4, 1, 3, 5).reshape(batch * down * across, channels, rows, columns)
        ways = [blocks, blocks.flip(2), blocks.flip(3), blocks.flip((2, 3))]
        if rows == columns:
            ways += [way.transpose(2, 3) for way in ways]
        flat = torch.stack([way.flatten(1) for way in ways])
        whole = torch.cat([self.whole(flat).relu(), self.whole(-flat).relu()]).mean(0)
        samples = self.sample(blocks.abs().flatten(1).unsqueeze(2)).relu().mean(1)
        y = self.features_norm(torch.cat([whole, samples], 1))
        y = self.first_norm(self.first(y)).relu()
        y = self.second_norm(self.second(y)).relu().reshape(batch, down * across, -1)
        return self.linear(self.hidden(torch.cat([y.mean(1), y.amax(1)], 1)).relu())
