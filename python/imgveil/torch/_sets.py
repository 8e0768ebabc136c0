"""Encrypted sets as data sets of torch."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np
import torch
import torch.utils.data

from .. import Set, SetError
from ._tensors import normalised

_SPLITS = ("train", "val", "test")


class EncryptedSet(torch.utils.data.Dataset):
    """What `imgveil encrypt` wrote, as a data set of `(image, label)`: a folder of pictures, `.npz`, `.npy` arrays, or
    WebDataset shards. It needs no key, because a network learns from the encrypted images.

    `split` is `train`, `val` or `test`; without it all images are taken. An image is a tensor of float32, (C, H, W),
    with values in [-1, 1]. With `transform` it is what that makes of the array (H, W, C) of uint8 (uint16 where samples
    use more than 8 bits). A label is the number of a class, or -1 for an image without one, or what `target_transform`
    makes of it.

    Plain sets are refused unless `plain` says that they are meant. Arrays are read where they are on disk; workers of a
    `DataLoader` share them.
    """

    def __init__(
        self,
        path: Union[str, "os.PathLike[str]"],
        split: Optional[str] = None,
        transform: Optional[Callable[[np.ndarray], Any]] = None,
        target_transform: Optional[Callable[[int], Any]] = None,
        *,
        plain: bool = False,
    ) -> None:
        self.set = Set(path)
        if self.set.scheme is None and not plain:
            raise SetError(f"{os.fspath(path)} is not encrypted: it has no imgveil.json. Pass plain=True if that is so")
        splits = self.set.splits
        if split is not None and split not in splits:
            present = sorted(set(splits) - {"all"})
            has = f"has the splits {', '.join(present)}" if present else "is not divided into splits"
            word = "" if split in _SPLITS else f" (a split is one of {', '.join(_SPLITS)})"
            raise SetError(f"{os.fspath(path)} has no split {split!r}{word}; it {has}")
        self.split, self.transform, self.target_transform = split, transform, target_transform
        self._indices = [index for index, found in enumerate(splits) if split in (None, found)]
        labels, names = self.set.labels, self.set.names
        #: The class of every image; -1 for an image without one.
        self.targets: List[int] = [-1 if (label := labels[index]) is None else label for index in self._indices]
        #: The name of every image in the set.
        self.names: List[str] = [names[index] for index in self._indices]
        #: Names of the classes.
        self.classes: List[str] = self.set.classes
        #: The number of a class by its name.
        self.class_to_idx: Dict[str, int] = {name: number for number, name in enumerate(self.classes)}

    @property
    def scheme(self) -> Any:
        """The scheme that encrypted the set."""
        return self.set.scheme

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Tuple[Any, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} images")
        number = self._indices[index]
        samples, target = self.set[number], self.targets[index]
        if self.transform is not None:
            image = self.transform(samples)
        else:
            # Only where samples have two bytes does the header say how many bits they use.
            depth = 8 if samples.dtype == np.uint8 else self.set.geometry(number)[1]
            image = normalised(samples, depth)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        return f"EncryptedSet({os.fspath(self.set.path)!r}, split={self.split!r}, {len(self)} images)"


class EncryptedFolder(EncryptedSet):
    """As `EncryptedSet`, in the manner of `torchvision.datasets.ImageFolder`: `root` is a folder, and `samples` lists
    `(path, label)`, without extensions, for folders of pictures."""

    def __init__(self, root: Union[str, "os.PathLike[str]"], *arguments: Any, **keywords: Any) -> None:
        if not os.path.isdir(root):
            raise SetError(f"{os.fspath(root)} is not a folder: EncryptedSet reads files too")
        super().__init__(root, *arguments, **keywords)
        self.root = os.fspath(root)

    @property
    def samples(self) -> List[Tuple[str, int]]:
        """The path of every image without its extension, and its class."""
        return [(os.path.join(self.root, name), target) for name, target in zip(self.names, self.targets)]
