"""imgveil for PyTorch: data sets over what `imgveil encrypt` wrote, transforms, and plans as modules.

- `EncryptedSet`, `EncryptedFolder`: encrypted sets as data sets. They need no key.
- `Encrypt`: a transform that encrypts single images. `EncryptBatch`: a `collate_fn` that encrypts a batch in one call.
- `PlanModule`: a scheme as an `nn.Module` that encrypts batches on whatever device torch runs.
- `load`: the networks of `imgveil train`, with their weights.
"""

from ._encrypt import Encrypt, EncryptBatch
from ._networks import load
from ._plan import PlanModule
from ._sets import EncryptedFolder, EncryptedSet
from ._tensors import normalised

__all__ = ["Encrypt", "EncryptBatch", "EncryptedFolder", "EncryptedSet", "PlanModule", "load", "normalised"]
