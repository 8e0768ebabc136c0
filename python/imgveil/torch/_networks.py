"""The networks of `imgveil train` in torch. Tensors have the names of torchvision (residual networks) and timm (vision
transformers); the small CNN has names of its own."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

import numpy as np
import torch
from torch import nn

from .. import Error, Scheme
from ._adaptation import ELE_CHANNELS, LE_CHANNELS, EleAdaptNet, LeAdaptNet
from ._bag import Bag
from ._convolutional import ConvMixer, DenseNet, Xception
from ._layers import Patches, Size, conv, stem


class Network(nn.Module):
    """A network of `imgveil train`: its input is float32, (N, C, H, W), with values `(2p - max) / max`, as
    `EncryptedSet`, `Cipher.floats` and `PlanModule(floats=True)` give it, and its output logits (N, classes)."""

    def __init__(self, adaptation: Optional[nn.Module], body: nn.Module, metadata: Dict[str, str]) -> None:
        super().__init__()
        #: The adaptation network in front, if there is one.
        self.adaptation = adaptation
        self.body = body
        #: The name of the network, such as `resnet18`.
        self.model: str = metadata["model"]
        #: Names of the classes, in the order of the outputs.
        self.classes: List[str] = json.loads(metadata.get("classes", "[]"))
        #: The scheme that the network was trained under, as text.
        self.scheme: str = metadata.get("scheme", "")
        height, width, channels = (int(side) for side in metadata["size"].split("x"))
        #: The shape of an image, (H, W, C).
        self.shape: Tuple[int, int, int] = (height, width, channels)
        normalise = json.loads(metadata.get("normalise", '{"factor": [1.0], "summand": [0.0]}'))
        self.register_buffer("_factor", torch.tensor(normalise["factor"]).reshape(1, -1, 1, 1), persistent=False)
        self.register_buffer("_summand", torch.tensor(normalise["summand"]).reshape(1, -1, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = images * self._factor + self._summand
        return self.body(images if self.adaptation is None else self.adaptation(images))

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        """The probability of every class, (N, classes), without gradients and as in `imgveil predict`: batch norms use
        the means of the training."""
        training = self.training
        try:
            with torch.no_grad():
                return self.eval()(images).softmax(dim=1)
        finally:
            self.train(training)


class _Cnn(nn.Module):
    """Three convolutions with batch norm and ReLU, max pooling, a linear layer. The first takes whole blocks."""

    def __init__(self, channels: int, size: Size, classes: int, patch: Size) -> None:
        super().__init__()
        self.patch = nn.Conv2d(channels, 64, patch, stride=patch, bias=False)
        self.patch_norm = nn.BatchNorm2d(64)
        self.middle = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.middle_norm = nn.BatchNorm2d(64)
        self.last = nn.Conv2d(64, 128, 3, padding=1, bias=False)
        self.last_norm = nn.BatchNorm2d(128)
        map_ = [side // block for side, block in zip(size, patch)]
        self.pools = min(map_) >= 2
        self.cells = [min(max(side // 2 if self.pools else side, 1), 4) for side in map_]
        self.linear = nn.Linear(128 * self.cells[0] * self.cells[1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch_norm(self.patch(x)).relu()
        x = self.middle_norm(self.middle(x)).relu()
        x = self.last_norm(self.last(x)).relu()
        if self.pools:
            x = nn.functional.max_pool2d(x, 2)
        if list(x.shape[2:]) != self.cells:
            x = nn.functional.adaptive_avg_pool2d(x, self.cells)
        return self.linear(x.flatten(1))


class _Residual(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3 and 1x1, and a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        if bottleneck:
            self.conv1, self.conv2 = conv(inputs, width, 1), conv(width, width, 3, stride)
            self.conv3, self.bn3 = conv(width, outputs, 1), nn.BatchNorm2d(outputs)
        else:
            self.conv1, self.conv2 = conv(inputs, width, 3, stride), conv(width, width, 3)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.bottleneck = bottleneck
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        if self.bottleneck:
            y = self.bn3(self.conv3(y.relu()))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class _ResNet(nn.Module):
    """ResNet-18 or ResNet-50, with a stem over whole blocks if there is a patch, or the one for small images."""

    def __init__(self, channels: int, size: Size, classes: int, patch: Optional[Size], deep: bool) -> None:
        super().__init__()
        self.conv1, self.maxpool, _ = stem(channels, size, patch)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for stage, (count, width) in enumerate(zip([3, 4, 6, 3] if deep else [2, 2, 2, 2], [64, 128, 256, 512])):
            blocks = []
            for block in range(count):
                blocks.append(_Residual(inputs, width, 2 if stage > 0 and block == 0 else 1, deep))
                inputs = 4 * width if deep else width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn1(self.conv1(x)).relu()
        if self.maxpool is not None:
            x = self.maxpool(x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))


class _Attention(nn.Module):
    """Self-attention with heads of 64 channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), width // 64

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, count, width = x.shape
        query, key, value = self.qkv(x).reshape(batch, count, 3, self.heads, 64).permute(2, 0, 3, 1, 4)
        mixed = (query @ key.transpose(2, 3) / 8.0).softmax(dim=3) @ value
        return self.proj(mixed.transpose(1, 2).reshape(batch, count, width))


class _Perceptron(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class _Encoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, eps=1e-6), _Attention(width)
        self.norm2, self.mlp = nn.LayerNorm(width, eps=1e-6), _Perceptron(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _PatchTokens(nn.Module):
    """The embedding of patches as a sequence."""

    def __init__(self, channels: int, size: Size, width: int, patch: Size) -> None:
        super().__init__()
        self.proj = Patches(channels, size, width, patch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class _Vit(nn.Module):
    """A vision transformer of 12 layers (Dosovitskiy et al. 2021)."""

    def __init__(self, channels: int, size: Size, classes: int, patch: Size, width: int) -> None:
        super().__init__()
        self.patch_embed = _PatchTokens(channels, size, width, patch)
        count = 1 + -(-size[0] // patch[0]) * -(-size[1] // patch[1])
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, count, width))
        self.blocks = nn.Sequential(*(_Encoder(width) for _ in range(12)))
        self.norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), self.patch_embed(x)], dim=1) + self.pos_embed
        return self.head(self.norm(self.blocks(x)[:, 0]))


#: Networks by name, and the tensor of their first layer, whose shape is the patch's.
_FIRST = {
    "cnn": "patch.weight",
    "resnet18": "conv1.weight",
    "resnet50": "conv1.weight",
    "densenet121": "features.conv0.weight",
    "xception": "conv1.weight",
    "vit-tiny": "patch_embed.proj.weight",
    "vit-small": "patch_embed.proj.weight",
    "convmixer": "stem.0.weight",
}
#: Every network. The first layer of a bag of blocks is linear, and does not tell the sides of a block.
_KNOWN = (*_FIRST, "bag")


#: The beginning of the names of an adaptation network's tensors.
_ADAPTATION = "adaptation."


def _safetensors(path: Union[str, "os.PathLike[str]"]) -> Tuple[Dict[str, torch.Tensor], Dict[str, str]]:
    """Tensors and metadata of a file of 32-bit floats: the length of a header in 8 bytes, the header in JSON, bytes."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        length = int.from_bytes(data[:8], "little")
        if length > len(data) - 8:
            raise ValueError("it ends within its header")
        header: Dict[str, Any] = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        tensors = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            if entry["dtype"] != "F32":
                raise ValueError(f"tensor {name} is of type {entry['dtype']}, and F32 is read")
            if end > len(data) - 8 - length:
                raise ValueError(f"it ends within tensor {name}")
            values = np.frombuffer(data, "<f4", (end - begin) // 4, 8 + length + begin)
            tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Error(f"{os.fspath(path)} is no usable safetensors file: {error}") from error
    return tensors, metadata


def _exported(run: str) -> Tuple[Dict[str, torch.Tensor], Dict[str, str]]:
    """The best weights of a run's folder. The command reads them."""
    from .. import _imgveil
    from .._command import restart

    if not _imgveil.has_command:
        raise Error(f"{run} is a run's folder, which this build cannot read: pass the file of `imgveil export` instead")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.safetensors")
        done = subprocess.run([*restart(), "export", run, "-o", path], capture_output=True, text=True)
        if done.returncode != 0:
            raise Error(done.stderr.strip() or f"the weights of {run} cannot be read")
        return _safetensors(path)


def _pair(sides: Iterable[int]) -> Size:
    """Rows and columns."""
    rows, columns = sides
    return rows, columns


def _adaptation(
    tensors: Dict[str, torch.Tensor], metadata: Dict[str, str], channels: int, size: Size
) -> Tuple[nn.Module, int]:
    """The adaptation network of these tensors, and the channels of its maps."""
    if "permutation" not in tensors:
        return LeAdaptNet(channels, _pair(tensors["first.weight"].shape[2:])), LE_CHANNELS
    pixels = tensors["weight"].shape[2] // ELE_CHANNELS
    side = math.isqrt(pixels)
    block = (side, side)
    try:
        # Blocks that are no squares are those of the scheme.
        block = Scheme(metadata.get("scheme", "")).block or block
    except Error:
        pass
    return EleAdaptNet(channels, size, block if block[0] * block[1] == pixels else (side, side)), ELE_CHANNELS


def load(run: Union[str, "os.PathLike[str]"]) -> Network:
    """The network of a training run, with its weights, in evaluation mode.

    `run` is the folder that `imgveil train` wrote, or the file that `imgveil export` wrote of it. All networks of
    `imgveil train` are known, with or without an adaptation network. Its probabilities agree with those of `imgveil
    predict` within 1e-5.
    """
    tensors, metadata = _exported(os.fspath(run)) if os.path.isdir(run) else _safetensors(run)
    kind = metadata.get("model")
    if kind not in _KNOWN:
        held = f"a network {kind}" if kind else "no network of imgveil"
        raise Error(f"{os.fspath(run)} holds {held}: known are {', '.join(_KNOWN)}")
    try:
        adaptation, body = _built(kind, tensors, metadata)
    except (RuntimeError, KeyError, ValueError, IndexError, TypeError) as error:
        raise Error(f"the weights of {os.fspath(run)} are not those of its network: {error}") from error
    return Network(adaptation, body, metadata).eval()


def _built(
    kind: str, tensors: Dict[str, torch.Tensor], metadata: Dict[str, str]
) -> Tuple[Optional[nn.Module], nn.Module]:
    """The adaptation network, if there is one, and the network behind it, with their weights."""
    height, width, channels = (int(side) for side in metadata["size"].split("x"))
    size, adaptation = (height, width), None
    in_front = {name[len(_ADAPTATION) :]: value for name, value in tensors.items() if name.startswith(_ADAPTATION)}
    if in_front:
        tensors = {name: value for name, value in tensors.items() if not name.startswith(_ADAPTATION)}
        adaptation, channels = _adaptation(in_front, metadata, channels, size)
        adaptation.load_state_dict(in_front)
    classes = len(json.loads(metadata["classes"]))
    stated = metadata.get("patch")
    of_blocks = _pair(int(side) for side in stated.split("x")) if stated else None
    if kind == "bag":
        body: nn.Module = Bag(channels, classes, of_blocks or (4, 4))
        body.load_state_dict(tensors)
        return adaptation, body
    patch = _pair(tensors[_FIRST[kind]].shape[2:])
    if kind == "cnn":
        body = _Cnn(channels, size, classes, patch)
    elif kind.startswith("vit"):
        body = _Vit(channels, size, classes, patch, 192 if kind == "vit-tiny" else 384)
    elif kind == "convmixer":
        body = ConvMixer(channels, size, classes, patch)
    elif kind == "densenet121":
        body = DenseNet(channels, size, classes, of_blocks)
    elif kind == "xception":
        body = Xception(channels, size, classes, of_blocks)
    else:
        body = _ResNet(channels, size, classes, of_blocks, kind == "resnet50")
    body.load_state_dict(tensors)
    return adaptation, body
