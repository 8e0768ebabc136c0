"""ChaCha20 with a 64-bit block counter and a 64-bit stream id, in plain Python."""

import struct

MASK = 0xFFFFFFFF

CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")

# The state words of a double round's eight quarter rounds: columns, then diagonals.
LANES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))

# The blocks of a stream that are computed together: a state word of all of them is one long integer, with a
# 32-bit word in the lower half of each 64 bits. Each operation below leaves carries and shifted-out bits in the
# upper halves, where `mask` removes them.
TOGETHER = 32


def _state(key, counter, stream):
    """The 16 words that a block begins with ("Streams and draws" of docs/SCHEDULE.md)."""
    if len(key) != 32:
        raise ValueError("a ChaCha20 key has 32 bytes")
    return CONSTANTS + struct.unpack("<8I", key) + (
        counter & MASK, counter >> 32 & MASK, stream & MASK, stream >> 32 & MASK)


def _rounds(start, mask):
    """The state words after the 20 rounds and the last addition ("Streams and draws" of docs/SCHEDULE.md)."""
    v = list(start)
    for _ in range(10):
        for a, b, c, d in LANES:
            va = (v[a] + v[b]) & mask
            vd = v[d] ^ va
            vd = (vd << 16 | vd >> 16) & mask
            vc = (v[c] + vd) & mask
            vb = v[b] ^ vc
            vb = (vb << 12 | vb >> 20) & mask
            va = (va + vb) & mask
            vd ^= va
            vd = (vd << 8 | vd >> 24) & mask
            vc = (vc + vd) & mask
            vb ^= vc
            v[a], v[b], v[c], v[d] = va, (vb << 7 | vb >> 25) & mask, vc, vd
    return [(x + y) & mask for x, y in zip(v, start)]


def block(key, counter, stream):
    """The 16 words of one block ("Streams and draws" of docs/SCHEDULE.md)."""
    return _rounds(_state(key, counter, stream), MASK)


def blocks(key, counter, stream, count=TOGETHER):
    """The words of `count` blocks from number `counter` on ("Streams and draws" of docs/SCHEDULE.md)."""
    def long(words):
        """One word of every block as one long integer (no section of docs/SCHEDULE.md)."""
        return int.from_bytes(struct.pack("<%dQ" % count, *words), "little")

    starts = zip(*(_state(key, counter + k, stream) for k in range(count)))
    ends = _rounds([long(words) for words in starts], long([MASK] * count))
    columns = [struct.unpack("<%dQ" % count, v.to_bytes(8 * count, "little")) for v in ends]
    return [column[k] for k in range(count) for column in columns]


def words(key, stream):
    """The words of a stream, endlessly, from block 0 ("Streams and draws" of docs/SCHEDULE.md)."""
    counter = 0
    while True:
        yield from blocks(key, counter, stream)
        counter += TOGETHER
