"""Encryption of the batches of a Ray data set."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple, Union

import numpy as np

from .. import BatchError, DtypeError, Scheme
from .._ciphers import Ciphers, names_for
from . import _process, _secrets


class Encrypt:
    """Encrypts a column of images, as a class for `ray.data.Dataset.map_batches`. All other columns pass through.

    The column (`column`, `image` by default) holds images of one shape, (N, H, W, C) or (N, H, W), or an array of
    objects: images of several shapes. Samples are uint8, or uint16 with a `depth` of 9 to 16. The bytes are those of
    `imgveil.Cipher`. With `floats` the column becomes float32, (C, H, W) for each image, with values in [-1, 1].

    `key` is the absolute path of a key file that every worker can read; without it, workers read the environment
    variable `IMGVEIL_KEY`, which names such a file or holds its text. `tables` is the path of written-out tables
    instead. A key goes through Ray's object store only as `key_ref=ray.put(key.allow_pickling())`.

    A scheme that keys every image by itself needs the images' names, from the column `name_column`. The ids that
    decryption needs are added as the column `id_column`.

    `device` is `cpu` by default; with `device="gpu"` also give `map_batches` its `num_gpus`.

    >>> import imgveil, numpy as np, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "hospital.key")
    >>> imgveil.Key.generate().save(path)
    >>> encrypt = Encrypt("shuffle-flip block=4", path)
    >>> batch = encrypt({"image": np.zeros((2, 32, 32, 3), np.uint8), "label": np.array([0, 1])})
    >>> batch["image"].shape, batch["label"].tolist()
    ((2, 32, 32, 3), [0, 1])
    """

    def __init__(
        self,
        scheme: Union[Scheme, str],
        key: Optional[Union[str, "os.PathLike[str]"]] = None,
        *,
        tables: Optional[Union[str, "os.PathLike[str]"]] = None,
        key_ref: Any = None,
        column: str = "image",
        name_column: Optional[str] = None,
        id_column: str = "id",
        depth: int = 8,
        device: Union[str, int] = "cpu",
        floats: bool = False,
    ) -> None:
        _bound_threads()
        self._ciphers = Ciphers(scheme, _secrets.secret(key, tables, key_ref), depth, device)
        self.column, self.name_column, self.id_column, self.floats = column, name_column, id_column, floats
        if self.scheme.keyed_per_image and name_column is None:
            raise BatchError(
                f"scheme {self.scheme} keys every image by its name and pixels: give the column of names as name_column"
            )

    @property
    def scheme(self) -> Scheme:
        """The scheme that encrypts."""
        return self._ciphers.scheme

    def __call__(self, batch: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        if not isinstance(batch, dict):
            raise DtypeError(
                f"a batch is a dictionary of arrays, not {type(batch).__name__}: leave batch_format at numpy"
            )
        images = np.asarray(self._of(batch, self.column))
        named = None if self.name_column is None else [str(name) for name in self._of(batch, self.name_column)]
        names = names_for(named, self.scheme, "give the column of names as name_column")
        if names is not None and self.id_column in batch and self.id_column != self.name_column:
            raise BatchError(f"the batch has a column {self.id_column!r} already: give another name as id_column")
        if images.dtype == object:
            encrypted, ids = self._of_shapes(images, names)
        else:
            encrypted, ids = self._of_one_shape(images, names)
        added = {} if ids is None else {self.id_column: np.array(ids, dtype=object)}
        return {**batch, self.column: encrypted, **added}

    def _of(self, batch: Dict[str, np.ndarray], column: str) -> Any:
        if column not in batch:
            raise BatchError(f"the batch has no column {column!r}; it has {', '.join(map(str, batch)) or 'none'}")
        return batch[column]

    def _of_one_shape(self, images: np.ndarray, names: Optional[List[str]]) -> Tuple[np.ndarray, Optional[List[str]]]:
        if images.ndim not in (3, 4):
            raise BatchError(f"images are (N, H, W, C) or (N, H, W), and these are {images.shape}")
        cipher = self._ciphers.of(images.shape[1:])
        ids = None if names is None else cipher.ids(images, names)
        return (cipher.floats if self.floats else cipher.encrypt)(images, names), ids

    def _of_shapes(self, images: np.ndarray, names: Optional[List[str]]) -> Tuple[np.ndarray, Optional[List[str]]]:
        """Images of several shapes, with one call for each shape."""
        by_shape: Dict[Tuple[Any, ...], List[int]] = {}
        for index, image in enumerate(images):
            if not isinstance(image, np.ndarray):
                raise DtypeError(f"an image is an array, and image {index} of the batch is {type(image).__name__}")
            by_shape.setdefault((image.shape, image.dtype.str), []).append(index)
        encrypted = np.empty(len(images), dtype=object)
        ids: List[str] = [""] * len(images)
        for indices in by_shape.values():
            of_these = None if names is None else [names[index] for index in indices]
            batch, found = self._of_one_shape(np.stack([images[index] for index in indices]), of_these)
            for place, index in enumerate(indices):
                encrypted[index] = batch[place]
                if found is not None:
                    ids[index] = found[place]
        return encrypted, None if names is None else ids

    def __repr__(self) -> str:
        return f"Encrypt({str(self.scheme)!r}, column={self.column!r})"


def _bound_threads() -> None:
    """Keeps a worker of Ray to the processors that Ray gave it, unless the user says otherwise."""
    given = _process.processors()
    if given is not None:
        os.environ.setdefault("RAYON_NUM_THREADS", str(given))
