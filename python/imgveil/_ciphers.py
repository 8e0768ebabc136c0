"""Ciphers by the shape of the images, for transforms that see images of several shapes."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from ._imgveil import Cipher, Key, Scheme, Tables
from .errors import BatchError

Secret = Union[Key, Tables, str, "os.PathLike[str]"]

#: Shapes whose tables are kept. A data set has one, or a few.
_MOST_CIPHERS = 8


class Ciphers:
    """Ciphers of one scheme and key by the shape of the images, made when they are first needed.

    Pickles as the scheme and what the key was given as: with a path, the secret is not in the pickle, and every worker
    reads the file itself.
    """

    def __init__(self, scheme: Union[Scheme, str], key: Secret, depth: int, device: Union[str, int]) -> None:
        self.scheme = scheme if isinstance(scheme, Scheme) else Scheme(scheme)
        self.depth, self.device = depth, device
        self._key = key if isinstance(key, (Key, Tables)) else os.path.abspath(os.fspath(key))
        self._loaded: Union[Key, Tables, None] = None
        self._by_shape: Dict[Tuple[int, ...], Cipher] = {}
        # A wrong path or a damaged file is an error here, and not in a worker.
        self._secret()

    def _secret(self) -> Union[Key, Tables]:
        if self._loaded is None:
            self._loaded = Key.load(self._key) if isinstance(self._key, str) else self._key
        return self._loaded

    def of(self, shape: Sequence[int]) -> Cipher:
        shape = tuple(shape)
        cipher = self._by_shape.get(shape)
        if cipher is None:
            while len(self._by_shape) >= _MOST_CIPHERS:
                self._by_shape.pop(next(iter(self._by_shape)))
            cipher = Cipher(self.scheme, self._secret(), shape, depth=self.depth, device=self.device)
            self._by_shape[shape] = cipher
        return cipher

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_loaded": None, "_by_shape": {}}


def names_for(names: Optional[Sequence[str]], scheme: Scheme, given: str) -> Optional[List[str]]:
    """The names that a scheme needs. `given` says how the caller gives them."""
    if not scheme.keyed_per_image:
        return None
    if names is None:
        raise BatchError(f"scheme {scheme} keys every image by its name and pixels: {given}")
    return list(names)
