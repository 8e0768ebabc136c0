"""Encryption of plain images on their way to a network."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple, Union

import numpy as np
import torch

from .. import BatchError, DtypeError, Scheme
from .._ciphers import Ciphers, Secret, names_for
from ._tensors import largest, to_numpy


def _pixels(image: Any) -> Tuple[np.ndarray, str]:
    """An image as (H, W) or (H, W, C), and what it was."""
    if isinstance(image, torch.Tensor):
        if image.ndim not in (2, 3):
            raise BatchError(f"a tensor of one image is (C, H, W) or (H, W), not {tuple(image.shape)}")
        array = to_numpy(image)
        return (array if array.ndim == 2 else np.moveaxis(array, 0, -1)), "tensor"
    if isinstance(image, np.ndarray):
        return image, "array"
    if type(image).__module__.split(".")[0] == "PIL" or hasattr(image, "getbands"):
        if image.mode not in ("L", "RGB", "I;16"):
            raise DtypeError(
                f"a picture of mode {image.mode} is not supported: convert it to L, RGB or I;16 first, by image.convert"
            )
        return np.asarray(image), "picture"
    raise DtypeError(f"an image is a PIL picture, a numpy array or a tensor, not {type(image).__name__}")


class Encrypt:
    """A transform that encrypts one image, for `torchvision.transforms.Compose` and data sets.

    It takes a PIL picture (L, RGB or I;16), an array (H, W, C) or (H, W), or a tensor (C, H, W) or (H, W) on the CPU,
    of uint8, or of uint16 with a `depth` of 9 to 16. It returns the encrypted image as the same. With `floats` it
    returns a tensor of float32, (C, H, W), with values in [-1, 1]: the input of a network.

    Augmentations that move pixels come before it. `key` may be the path of a key file: then workers read it themselves,
    and no secret is in a pickle. A scheme that keys every image by itself also needs the image's name:
    `transform(image, name)`.

    >>> import imgveil, numpy as np
    >>> encrypt = Encrypt("shuffle-flip block=4", imgveil.Key.generate(), floats=True)
    >>> encrypt(np.zeros((32, 32, 3), np.uint8)).shape
    torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        scheme: Union[Scheme, str],
        key: Secret,
        *,
        depth: int = 8,
        device: Union[str, int] = "cpu",
        floats: bool = False,
    ) -> None:
        self._ciphers = Ciphers(scheme, key, depth, device)
        self.floats = floats

    @property
    def scheme(self) -> Scheme:
        return self._ciphers.scheme

    def __call__(self, image: Any, name: Optional[str] = None) -> Any:
        pixels, was = _pixels(image)
        if pixels.ndim not in (2, 3):
            raise BatchError(f"an array of one image is (H, W, C) or (H, W), not {pixels.shape}")
        cipher = self._ciphers.of(pixels.shape)
        names = names_for(None if name is None else [name], self.scheme, "call the transform with (image, name)")
        batch = np.ascontiguousarray(pixels)[None]
        if self.floats:
            return torch.from_numpy(cipher.floats(batch, names))[0]
        encrypted = cipher.encrypt(batch, names)[0]
        if was == "tensor":
            whole = encrypted if encrypted.ndim == 2 else np.moveaxis(encrypted, -1, 0)
            return torch.from_numpy(np.ascontiguousarray(whole))
        if was == "picture":
            import PIL.Image

            return PIL.Image.fromarray(encrypted)
        return encrypted

    def __repr__(self) -> str:
        return f"Encrypt({str(self.scheme)!r})"


class EncryptBatch:
    """A `collate_fn` that stacks images and encrypts them in one call, which is faster than one by one.

    It takes samples `(image, label)`, or `(image, label, name)` where a scheme keys every image by itself. Images are
    as for `Encrypt`, of one size. It returns `(images, labels)`: with `floats` (the default) float32 (N, C, H, W) in
    [-1, 1], else the encrypted samples (N, H, W, C); labels as `torch.as_tensor` makes them.

    >>> import imgveil, numpy as np
    >>> collate = EncryptBatch("shuffle-flip block=4", imgveil.Key.generate())
    >>> images, labels = collate([(np.zeros((32, 32, 3), np.uint8), 0), (np.zeros((32, 32, 3), np.uint8), 1)])
    >>> images.shape, labels.tolist()
    (torch.Size([2, 3, 32, 32]), [0, 1])
    """

    def __init__(
        self,
        scheme: Union[Scheme, str],
        key: Secret,
        *,
        depth: int = 8,
        device: Union[str, int] = "cpu",
        floats: bool = True,
    ) -> None:
        self._ciphers = Ciphers(scheme, key, depth, device)
        self.floats = floats

    def __call__(self, samples: Sequence[Tuple[Any, ...]]) -> Tuple[torch.Tensor, torch.Tensor]:
        if not samples:
            raise BatchError("a batch has at least one image")
        pixels = [_pixels(sample[0])[0] for sample in samples]
        shapes = {image.shape for image in pixels}
        if len(shapes) > 1:
            raise BatchError(f"the images of a batch have one shape, and these have {sorted(shapes)}")
        cipher = self._ciphers.of(pixels[0].shape)
        named = [sample[2] for sample in samples] if all(len(sample) > 2 for sample in samples) else None
        names = names_for(named, self._ciphers.scheme, "samples are (image, label, name)")
        batch = np.stack(pixels)
        images = cipher.floats(batch, names) if self.floats else cipher.encrypt(batch, names, out=None)
        labels = torch.as_tensor([sample[1] for sample in samples])
        return torch.from_numpy(images), labels


__all__ = ["Encrypt", "EncryptBatch", "largest"]
