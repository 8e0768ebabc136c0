"""BLAKE3 (hash, keyed hash, derive_key) with a 32-byte output, in plain Python.

Written from the definition in the BLAKE3 paper, section 2. Clear rather than fast.
"""

import struct

BLOCK = 64
CHUNK = 1024
MASK = 0xFFFFFFFF

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)

CHUNK_START = 1
CHUNK_END = 2
PARENT = 4
ROOT = 8
KEYED_HASH = 16
DERIVE_KEY_CONTEXT = 32
DERIVE_KEY_MATERIAL = 64

PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)

# The state words that each of a round's eight G functions mixes: columns, then diagonals.
LANES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def _steps():
    """The (a, b, c, d, x, y) indices of all 7 * 8 G functions (the paper's 2.2; used by every hash
    that docs/SCHEDULE.md names in its introduction)."""
    order = list(range(16))
    steps = []
    for _ in range(7):
        for number, lane in enumerate(LANES):
            steps.append(lane + (order[2 * number], order[2 * number + 1]))
        order = [order[k] for k in PERMUTATION]
    return tuple(steps)


STEPS = _steps()


def _compress(chaining, block, counter, flags):
    """The first eight output words of the compression function (the paper's 2.2; introduction of
    docs/SCHEDULE.md). `block` is at most 64 bytes and is padded with zeros here."""
    message = struct.unpack("<16I", block.ljust(BLOCK, b"\0"))
    v = list(chaining) + list(IV[:4])
    v += [counter & MASK, (counter >> 32) & MASK, len(block), flags]
    for a, b, c, d, x, y in STEPS:
        va = (v[a] + v[b] + message[x]) & MASK
        vd = v[d] ^ va
        vd = (vd >> 16) | (vd << 16 & MASK)
        vc = (v[c] + vd) & MASK
        vb = v[b] ^ vc
        vb = (vb >> 12) | (vb << 20 & MASK)
        va = (va + vb + message[y]) & MASK
        vd ^= va
        vd = (vd >> 8) | (vd << 24 & MASK)
        vc = (vc + vd) & MASK
        vb ^= vc
        v[a], v[b], v[c], v[d] = va, (vb >> 7) | (vb << 25 & MASK), vc, vd
    return [v[k] ^ v[k + 8] for k in range(8)]


def _chunk(key, data, number, flags):
    """The chaining value of one chunk of at most 1,024 bytes (the paper's 2.4; introduction of
    docs/SCHEDULE.md). `flags` goes to every block, ROOT only to the last."""
    blocks = [data[k:k + BLOCK] for k in range(0, len(data), BLOCK)] or [b""]
    value = key
    for k, block in enumerate(blocks):
        f = flags & ~ROOT
        if k == 0:
            f |= CHUNK_START
        if k == len(blocks) - 1:
            f |= CHUNK_END | (flags & ROOT)
        value = _compress(value, block, number, f)
    return value


def _tree(key, data, first, flags):
    """The chaining value of the subtree over `data`, whose first chunk has number `first` (the
    paper's 2.1 and 2.5; introduction of docs/SCHEDULE.md)."""
    if len(data) <= CHUNK:
        return _chunk(key, data, first, flags)
    # The left child holds the largest power of two of whole chunks that leaves the right one a byte.
    left = 1
    while 2 * left * CHUNK < len(data):
        left *= 2
    cut = left * CHUNK
    below = flags & ~ROOT
    children = _tree(key, data[:cut], first, below) + _tree(key, data[cut:], first + left, below)
    return _compress(key, struct.pack("<16I", *children), 0, flags | PARENT)


def _digest(key, data, flags):
    """The 32 bytes of the root over `data` (the paper's 2.6; introduction of docs/SCHEDULE.md)."""
    return struct.pack("<8I", *_tree(key, bytes(data), 0, flags | ROOT))


def blake3_hash(data):
    """Plain hash mode (the paper's 2.3). docs/SCHEDULE.md does not use it; the known-answer vectors do,
    to stand for long outputs."""
    return _digest(IV, data, 0)


def keyed(key, message):
    """`keyed(key, message)` of the introduction of docs/SCHEDULE.md (the paper's 2.3)."""
    if len(key) != 32:
        raise ValueError("a BLAKE3 key has 32 bytes")
    return _digest(struct.unpack("<8I", key), message, KEYED_HASH)


def derive(context, material):
    """`derive(context, material)` of the introduction of docs/SCHEDULE.md (the paper's 2.3)."""
    context_key = _digest(IV, context.encode("utf-8"), DERIVE_KEY_CONTEXT)
    return _digest(struct.unpack("<8I", context_key), material, DERIVE_KEY_MATERIAL)
