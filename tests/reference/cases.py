"""What the vectors of make_vectors.py have in common: secrets and inputs (no section of docs/SCHEDULE.md)."""

from functools import lru_cache

import schedule
from blake3 import blake3_hash, derive
from schemes import pack

ZERO = bytes(32)
COUNT = bytes(range(32))
HASHED = blake3_hash(b"imgveil known answer")

# A key for streams that is no secret's subkey.
STREAM_KEY = derive("imgveil known answer stream", HASHED)

PIXELS = ("Input sample j of every case, in stored order from j = 0, is ((j * 2654435761) mod 2^32) >> 24 where "
          "samples have 8 bits, and >> 32 - depth where they have more, stored as two bytes, least significant first.")

# Outputs of more bytes are told by their hash alone.
LONGEST = 3072


@lru_cache(maxsize=256)
def ramp(count, depth=8, first=0):
    """`count` samples of the input, from number `first` on, as its "pixels" says (no section of
    docs/SCHEDULE.md)."""
    return pack([(j * 2654435761) % 2**32 >> (32 - depth) for j in range(first, first + count)], depth)


@lru_cache(maxsize=256)
def ramp_id(secret, name, shape, depth):
    """The image id of the input ("Ids and hashes of images" of docs/SCHEDULE.md)."""
    height, width, channels = shape
    return schedule.image_id(secret, name, *shape, ramp(height * width * channels, depth), depth)


def told(output):
    """The fields of a case that tell its output (no section of docs/SCHEDULE.md)."""
    return {"output": output.hex() if len(output) <= LONGEST else None,
            "output_blake3": blake3_hash(output).hex()}


def size(shape, depth):
    """The fields of a case that tell its geometry (no section of docs/SCHEDULE.md)."""
    return {"height": shape[0], "width": shape[1], "channels": shape[2], "depth": depth}
