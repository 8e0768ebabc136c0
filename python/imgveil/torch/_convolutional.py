"""DenseNet-121, Xception and ConvMixer, as `imgveil train` has them."""

from __future__ import annotations

from typing import List, Optional

import torch
from torch import nn

from ._layers import Patches, Size, conv, halving, is_small, stem


class _DenseLayer(nn.Module):
    """Batch norm, ReLU, 1x1 convolution; batch norm, ReLU, 3x3 convolution to 32 channels."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, 128, 1)
        self.norm2, self.conv2 = nn.BatchNorm2d(128), conv(128, 32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.norm2(self.conv1(self.norm1(x).relu())).relu())


class _DenseBlock(nn.Module):
    """Layers that each take the outputs of all layers before them."""

    def __init__(self, inputs: int, layers: int) -> None:
        super().__init__()
        for layer in range(layers):
            setattr(self, f"denselayer{layer + 1}", _DenseLayer(inputs + 32 * layer))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.children():
            x = torch.cat([x, layer(x)], 1)
        return x


class _Transition(nn.Module):
    """Batch norm, ReLU, 1x1 convolution to half the channels, average pooling of maps that can be pooled."""

    def __init__(self, inputs: int, pools: bool) -> None:
        super().__init__()
        self.norm, self.conv, self.pools = nn.BatchNorm2d(inputs), conv(inputs, inputs // 2, 1), pools

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(self.norm(x).relu())
        return nn.functional.avg_pool2d(x, 2) if self.pools else x


class DenseNet(nn.Module):
    """DenseNet-121 (Huang et al. 2017)."""

    def __init__(self, channels: int, size: Size, classes: int, patch: Optional[Size]) -> None:
        super().__init__()
        features = nn.Module()
        features.conv0, self.pool, map_ = stem(channels, size, patch)
        features.norm0 = nn.BatchNorm2d(64)
        self.steps: List[str] = []
        width = 64
        for block, layers in enumerate([6, 12, 24, 16]):
            setattr(features, f"denseblock{block + 1}", _DenseBlock(width, layers))
            self.steps.append(f"denseblock{block + 1}")
            width += 32 * layers
            if block < 3:
                pools = min(map_) >= 2
                setattr(features, f"transition{block + 1}", _Transition(width, pools))
                self.steps.append(f"transition{block + 1}")
                width //= 2
                map_ = (map_[0] // 2, map_[1] // 2) if pools else map_
        features.norm5 = nn.BatchNorm2d(width)
        self.features, self.classifier = features, nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features.norm0(self.features.conv0(x)).relu()
        if self.pool is not None:
            x = self.pool(x)
        for step in self.steps:
            x = getattr(self.features, step)(x)
        return self.classifier(self.features.norm5(x).relu().mean(dim=(2, 3)))


class _Separable(nn.Module):
    """A depthwise 3x3 convolution and a pointwise one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = conv(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pointwise(self.conv1(x))


class _XceptionBlock(nn.Module):
    """Separable convolutions, each after a ReLU and followed by batch norm, with a shortcut."""

    def __init__(self, channels: List[int], halves: bool, begins_with_relu: bool) -> None:
        super().__init__()
        steps: List[nn.Module] = []
        for index, (inputs, outputs) in enumerate(zip(channels, channels[1:])):
            if index > 0 or begins_with_relu:
                steps.append(nn.ReLU())
            steps += [_Separable(inputs, outputs), nn.BatchNorm2d(outputs)]
        self.rep = nn.Sequential(*steps, *([halving()] if halves else []))
        self.skip = conv(channels[0], channels[-1], 1, 2) if halves else None
        self.skipbn = nn.BatchNorm2d(channels[-1]) if halves else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rep(x) + (x if self.skip is None else self.skipbn(self.skip(x)))


class Xception(nn.Module):
    """Xception (Chollet 2017)."""

    def __init__(self, channels: int, size: Size, classes: int, patch: Optional[Size]) -> None:
        super().__init__()
        if patch is not None:
            self.conv1 = nn.Conv2d(channels, 32, patch, stride=patch, bias=False)
        elif is_small(size):
            self.conv1 = conv(channels, 32, 3)
        else:
            self.conv1 = nn.Conv2d(channels, 32, 3, stride=2, bias=False)
        # Padded except where both convolutions are as published.
        padding = 0 if patch is None and not is_small(size) else 1
        self.conv2 = nn.Conv2d(32, 64, 3, padding=padding, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(32), nn.BatchNorm2d(64)
        blocks = [([64, 128, 128], True), ([128, 256, 256], True), ([256, 728, 728], True)]
        blocks += [([728] * 4, False)] * 8 + [([728, 728, 1024], True)]
        for index, (widths, halves) in enumerate(blocks):
            setattr(self, f"block{index + 1}", _XceptionBlock(widths, halves, index > 0))
        self.count = len(blocks)
        self.conv3, self.bn3 = _Separable(1024, 1536), nn.BatchNorm2d(1536)
        self.conv4, self.bn4 = _Separable(1536, 2048), nn.BatchNorm2d(2048)
        self.fc = nn.Linear(2048, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        for index in range(self.count):
            x = getattr(self, f"block{index + 1}")(x)
        x = self.bn4(self.conv4(self.bn3(self.conv3(x)).relu())).relu()
        return self.fc(x.mean(dim=(2, 3)))


class _Shortcut(nn.Module):
    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.fn(x)


class ConvMixer(nn.Module):
    """ConvMixer-768/32 (Trockman & Kolter 2023)."""

    def __init__(self, channels: int, size: Size, classes: int, patch: Size) -> None:
        super().__init__()
        width = 768

        def mixer() -> nn.Sequential:
            depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
            spatial = _Shortcut(nn.Sequential(depthwise, nn.ReLU(), nn.BatchNorm2d(width)))
            return nn.Sequential(spatial, nn.Conv2d(width, width, 1), nn.ReLU(), nn.BatchNorm2d(width))

        self.stem = nn.Sequential(Patches(channels, size, width, patch), nn.ReLU(), nn.BatchNorm2d(width))
        self.blocks, self.head = nn.Sequential(*(mixer() for _ in range(32))), nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)).mean(dim=(2, 3)))
