"""ChaCha20 with a 64-bit block counter and a 64-bit stream id, in plain Python."""

import struct

MASK = 0xFFFFFFFF

CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")

# The state words of a double round's eight quarter rounds: columns, then diagonals.
LANES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def block(key, counter, stream):
    """The 16 words of one block ("Streams and draws" of docs/SCHEDULE.md)."""
    if len(key) != 32:
        raise ValueError("a ChaCha20 key has 32 bytes")
    start = list(CONSTANTS) + list(struct.unpack("<8I", key))
    start += [counter & MASK, (counter >> 32) & MASK, stream & MASK, (stream >> 32) & MASK]
    v = list(start)
    for _ in range(10):
        for a, b, c, d in LANES:
            va = (v[a] + v[b]) & MASK
            vd = v[d] ^ va
            vd = (vd << 16 & MASK) | (vd >> 16)
            vc = (v[c] + vd) & MASK
            vb = v[b] ^ vc
            vb = (vb << 12 & MASK) | (vb >> 20)
            va = (va + vb) & MASK
            vd ^= va
            vd = (vd << 8 & MASK) | (vd >> 24)
            vc = (vc + vd) & MASK
            vb ^= vc
            v[a], v[b], v[c], v[d] = va, (vb << 7 & MASK) | (vb >> 25), vc, vd
    return [(x + y) & MASK for x, y in zip(v, start)]


def words(key, stream):
    """The words of a stream, endlessly, from block 0 ("Streams and draws" of docs/SCHEDULE.md)."""
    counter = 0
    while True:
        yield from block(key, counter, stream)
        counter += 1
