"""A compiled plan as a module of torch."""

from __future__ import annotations

import copy
from typing import Any, Optional, Sequence, Union

import numpy as np
import torch

from .. import BatchError, Cipher, DtypeError, IncompatibleError, Scheme
from .._ciphers import Secret
from ._tensors import largest


class PlanModule(torch.nn.Module):
    """A scheme and a key as one gather and one XOR: encrypts batches on whatever device torch runs, with the bits that
    `Cipher` gives.

    `PlanModule(cipher)`, or `PlanModule(scheme, key, shape, depth=8)`; the scheme must be made of moves and flips
    (`Cipher.plan` is not None). With `inverse` it decrypts.

    `forward` takes images (N, C, H, W), or (N, H, W, C) with `layout="NHWC"`, and returns the same shape and type. For
    a depth of 8 bits they are uint8; for deeper ones int16 (the bits of a uint16), int32 or int64, or uint16 where
    torch has it. With `floats` it returns float32, (N, C, H, W), with values `(2p - max) / max`, for a network to
    learn from.

    The tables are buffers: `.to(device)` moves them. They are as secret as the key, so they are not in the module's
    `state_dict`, and the module does not pickle.

    >>> import imgveil
    >>> plan = PlanModule("le", imgveil.Key.generate(), (32, 32, 3))
    >>> plan(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).dtype
    torch.uint8
    """

    source: torch.Tensor
    shift: torch.Tensor
    flip: torch.Tensor

    def __init__(
        self,
        cipher: Union[Cipher, Scheme, str],
        key: Optional[Secret] = None,
        shape: Optional[Sequence[int]] = None,
        *,
        depth: int = 8,
        layout: str = "NCHW",
        floats: bool = False,
        inverse: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(cipher, Cipher):
            if key is None or shape is None:
                raise TypeError("PlanModule takes a cipher, or a scheme, a key and a shape")
            cipher = Cipher(cipher, key, shape, depth=depth, device="cpu")
        if layout not in ("NCHW", "NHWC"):
            raise ValueError(f"a layout is NCHW or NHWC, not {layout!r}")
        plan = cipher.plan(inverse=inverse)
        if plan is None:
            raise IncompatibleError(
                f"scheme {cipher.scheme} is not one gather, because it does more than move and flip: use Cipher"
            )
        self.shape, self.depth, self.layout, self.floats = cipher.shape, cipher.depth, layout, floats
        self._name = f"{cipher.scheme}, {'decrypts' if inverse else 'encrypts'}"
        per_sample, bits = plan["per_sample"], plan["bits"]
        height, width, channels = cipher.shape
        # For each sample of the output, by its parts: the sample and the bits of it that each part comes from.
        source, shift = np.divmod(plan["source"], per_sample)
        flips = plan["flip"].reshape(-1, per_sample).astype(np.int64)
        ones = ((1 << bits) - 1) << (bits * np.arange(per_sample, dtype=np.int64))
        # An element above the depth is never flipped, so no bit of the mask is above it either.
        mask = (flips * ones).sum(axis=1)
        source, shift = source.reshape(-1, per_sample), shift.reshape(-1, per_sample) * bits
        if layout == "NCHW":
            order = np.arange(height * width * channels).reshape(height, width, channels).transpose(2, 0, 1).reshape(-1)
            place = np.empty_like(order)
            place[order] = np.arange(order.size)
            source, shift, mask = place[source[order]], shift[order], mask[order]
        self.bits, self.per_sample = bits, per_sample
        kind = torch.uint8 if self.depth == 8 else torch.int32

        def buffer(name: str, values: np.ndarray, dtype: torch.dtype) -> None:
            tensor = torch.from_numpy(np.ascontiguousarray(values)).to(dtype)
            self.register_buffer(name, tensor, persistent=False)

        buffer("source", source.T, torch.int64)
        buffer("shift", shift.T, kind)
        buffer("flip", mask, kind)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        height, width, channels = self.shape
        one = (channels, height, width) if self.layout == "NCHW" else (height, width, channels)
        if images.ndim != 4 or tuple(images.shape[1:]) != one:
            found, wanted = tuple(images.shape), f"(N, {str(one)[1:]}"
            raise BatchError(f"the images have the shape {found}, and the module is for {wanted}")
        samples = self._read(images).flatten(1)
        if self.per_sample == 1:
            encrypted = self._moved(samples, 0) ^ self.flip
        else:
            encrypted = self.flip.expand(len(images), -1)
            part = (1 << self.bits) - 1
            for number in range(self.per_sample):
                moved = (self._moved(samples, number) >> self.shift[number]) & part
                encrypted = encrypted ^ (moved << (self.bits * number))
        encrypted = encrypted.reshape(images.shape)
        if not self.floats:
            return self._written(encrypted, images.dtype)
        if self.layout == "NHWC":
            encrypted = encrypted.movedim(-1, 1)
        top = float(largest(self.depth))
        # As `Cipher.floats`: a product that is exact, a difference that is exact, one division.
        return (2.0 * encrypted.to(torch.float32) - top) / top

    def _moved(self, samples: torch.Tensor, part: int) -> torch.Tensor:
        # On the CPU `gather` takes a quarter of the time of indexing; the index is not copied for every image.
        return samples.gather(1, self.source[part].expand(len(samples), -1))

    def _read(self, images: torch.Tensor) -> torch.Tensor:
        if self.depth == 8:
            if images.dtype != torch.uint8:
                raise DtypeError(f"the images are {images.dtype}, and a module of depth 8 takes torch.uint8")
            return images
        kinds = [torch.int16, torch.int32, torch.int64, getattr(torch, "uint16", torch.int16)]
        if images.dtype not in kinds:
            raise DtypeError(f"the images are {images.dtype}, and a module of depth {self.depth} takes 16 bits or more")
        if images.dtype == torch.int64:
            return images.to(torch.int32)
        if images.dtype == torch.int32:
            return images
        # Not all devices know uint16: its bits are those of an int16.
        return images.contiguous().view(torch.int16).to(torch.int32) & 0xFFFF

    def _written(self, encrypted: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
        if kind in (torch.uint8, torch.int32):
            return encrypted
        if kind == torch.int64:
            return encrypted.to(kind)
        # To the negative numbers that have these bits.
        narrow = torch.where(encrypted > 0x7FFF, encrypted - 0x10000, encrypted).to(torch.int16)
        return narrow if kind == torch.int16 else narrow.view(kind)

    def extra_repr(self) -> str:
        height, width, channels = self.shape
        return f"{self._name}, {height}x{width}x{channels}, {self.depth} bits, {self.layout}"

    def __deepcopy__(self, memo: Any) -> PlanModule:
        other = self.__class__.__new__(self.__class__)
        memo[id(self)] = other
        other.__dict__.update({name: copy.deepcopy(value, memo) for name, value in self.__dict__.items()})
        return other

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("a PlanModule does not pickle, because its tables are as secret as the key: make it anew")
