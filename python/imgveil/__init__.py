"""Learnable image encryption: scramble image batches with a secret key so that people cannot recognise them and a
network can still learn from them.

These schemes hide images from eyes; they are not ciphers. If a scheme uses one key for all images, an attacker can
break it with nothing but encrypted images of one key and size.

A `Scheme`, a `Key` and the shape of the images make a `Cipher`, which works on numpy arrays:

>>> import imgveil, numpy as np
>>> cipher = imgveil.Cipher("shuffle-flip block=4", imgveil.Key.generate(), (224, 224, 3))
>>> images = np.full((2, 224, 224, 3), 128, np.uint8)
>>> encrypted = cipher.encrypt(images)
>>> np.array_equal(cipher.decrypt(encrypted), images)
True

`imgveil.torch` has data sets, transforms and modules for PyTorch, `imgveil.ray` works on a cluster of Ray. The errors
are in `imgveil.errors`.
"""

from __future__ import annotations

from typing import List, NamedTuple

from . import errors
from ._imgveil import Cipher, Device, Key, Scheme, Set, Tables, __version__, _adapters, check, presets
from .errors import (
    BatchError,
    DeviceError,
    DeviceLimitError,
    DeviceTimeoutError,
    DtypeError,
    Error,
    ExistingFileError,
    FileError,
    GeometryError,
    IncompatibleError,
    InvalidKeyError,
    LossyError,
    MissingFileError,
    NoDeviceError,
    SchemeError,
    SetError,
    TablesError,
    UsageError,
    WorkerError,
)


class DeviceInfo(NamedTuple):
    """What an adapter reports about itself."""

    #: Its number for `Device`.
    index: int
    name: str
    #: `discrete GPU`, `integrated GPU`, `virtual GPU`, `software` or `other`.
    kind: str
    #: `vulkan`, `metal` or `dx12`.
    backend: str
    #: The driver and its version.
    driver: str
    #: The most bytes that one binding holds.
    binding_limit: int
    #: Whether shaders can use 16-bit floats.
    f16: bool


def devices() -> List[DeviceInfo]:
    """The adapters of Vulkan, Metal and DX12, hardware first. The CPU, which is always there, is not among them.

    >>> import imgveil
    >>> all(info.index == number for number, info in enumerate(imgveil.devices()))
    True
    """
    return [DeviceInfo(**info) for info in _adapters()]


__all__ = [
    "BatchError",
    "Cipher",
    "Device",
    "DeviceError",
    "DeviceInfo",
    "DeviceLimitError",
    "DeviceTimeoutError",
    "DtypeError",
    "Error",
    "ExistingFileError",
    "FileError",
    "GeometryError",
    "IncompatibleError",
    "InvalidKeyError",
    "Key",
    "LossyError",
    "MissingFileError",
    "NoDeviceError",
    "Scheme",
    "SchemeError",
    "Set",
    "SetError",
    "Tables",
    "TablesError",
    "UsageError",
    "WorkerError",
    "__version__",
    "check",
    "devices",
    "errors",
    "presets",
]
