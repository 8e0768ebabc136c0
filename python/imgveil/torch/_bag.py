"""The bag of blocks of `imgveil train`: what it sees of an image depends neither on the order of its blocks nor on how
a block was turned, mirrored, negated or recoloured."""

from __future__ import annotations

import torch
from torch import nn

from ._layers import Size

_WIDTH, _THRESHOLDS = 128, 16
# Half of what two sums of 8-bit samples differ by at least: sums round differently on different devices.
_ROUNDING = 1 / 255


class _Perceptron(nn.Module):
    """Two linear layers with a ReLU between them."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.hidden, self.output = nn.Linear(inputs, _WIDTH), nn.Linear(_WIDTH, _WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.hidden(x).relu())


class Bag(nn.Module):
    """A perceptron that all blocks share, then the mean and the maximum over blocks."""

    def __init__(self, channels: int, classes: int, block: Size) -> None:
        super().__init__()
        self.block = block
        self.whole = _Perceptron(channels * block[0] * block[1])
        self.samples = _Perceptron(_THRESHOLDS)
        self.joined, self.norm = nn.Linear(2 * _WIDTH, _WIDTH), nn.LayerNorm(_WIDTH)
        self.hidden, self.linear = nn.Linear(2 * _WIDTH, _WIDTH), nn.Linear(_WIDTH, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = self.block
        batch, channels, height, width = x.shape
        down, across = height // rows, width // columns
        x = x[:, :, : down * rows, : across * columns].reshape(batch, channels, down, rows, across, columns)
        blocks = x.permute(0, 2, 4, 1, 3, 5).reshape(batch * down * across, channels, rows, columns)
        features = [self.whole(_canonical(blocks).flatten(1)), self.samples(_histogram(blocks.abs().flatten(1)))]
        y = self.norm(self.joined(torch.cat(features, 1).relu())).reshape(batch, down * across, -1)
        return self.linear(self.hidden(torch.cat([y.mean(1), y.amax(1)], 1)).relu())


def _histogram(distances: torch.Tensor) -> torch.Tensor:
    """The mean over samples of how far each lies above each threshold."""
    return torch.stack([(distances - k / _THRESHOLDS).relu().mean(1) for k in range(_THRESHOLDS)], 1)


def _sums(part: torch.Tensor) -> torch.Tensor:
    return part.sum((1, 2, 3), keepdim=True)


def _smaller(part: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return _sums(other) - _sums(part) > _ROUNDING


def _canonical(blocks: torch.Tensor) -> torch.Tensor:
    """Blocks in the form in which no sum is smaller than what it is compared with: that of all samples with zero, those
    of channels with those of the channels behind them, upper half with lower, left half with right, and the corner at
    the upper right with that at the lower left."""
    channels, rows, columns = blocks.shape[1:]
    blocks = torch.where(_smaller(blocks, -blocks), -blocks, blocks)
    for end in range(channels - 1, 0, -1):
        for at in range(end):
            order = list(range(channels))
            order[at], order[at + 1] = at + 1, at
            smaller = _smaller(blocks[:, at : at + 1], blocks[:, at + 1 : at + 2])
            blocks = torch.where(smaller, blocks[:, order], blocks)
    upper, left = rows // 2, columns // 2
    if upper:
        smaller = _smaller(blocks[:, :, :upper], blocks[:, :, -upper:])
        blocks = torch.where(smaller, blocks.flip(2), blocks)
    if left:
        smaller = _smaller(blocks[..., :left], blocks[..., -left:])
        blocks = torch.where(smaller, blocks.flip(3), blocks)
    if rows == columns and upper:
        smaller = _smaller(blocks[:, :, :upper, -left:], blocks[:, :, -upper:, :left])
        blocks = torch.where(smaller, blocks.transpose(2, 3), blocks)
    return blocks
