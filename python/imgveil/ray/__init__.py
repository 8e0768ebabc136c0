"""imgveil on a cluster of Ray.

- `Encrypt`: encrypts the batches of a Ray data set, as a class for `map_batches`.
- `encrypt_dataset`: encrypts a set of files on all machines, as `imgveil encrypt` does on one.

Workers read the key themselves, from a path or from the environment variable `IMGVEIL_KEY`. It goes through Ray's
object store only as `key_ref`.
"""

try:
    import ray as _ray  # noqa: F401
except ImportError as error:
    raise ImportError(
        "imgveil.ray needs Ray, which is not installed: pip install 'ray[data]', or pip install 'imgveil[ray]'"
    ) from error

from ._dataset import encrypt_dataset
from ._encrypt import Encrypt

__all__ = ["Encrypt", "encrypt_dataset"]
