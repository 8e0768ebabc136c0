"""The encryption and decryption of one image ("Stages" of docs/SCHEDULE.md)."""

import struct

import stagekeys
import stages as s
from stages import Stage, positions, preset  # noqa: F401: the names that users of this file need


def unpack(pixels, depth):
    """The samples in stored bytes ("Stages", first paragraph and keystream, of docs/SCHEDULE.md)."""
    if depth == 8:
        return list(pixels)
    return list(struct.unpack("<%dH" % (len(pixels) // 2), pixels))


def pack(samples, depth):
    """Samples as stored bytes ("Stages", first paragraph and keystream, of docs/SCHEDULE.md)."""
    if depth == 8:
        return bytes(samples)
    return struct.pack("<%dH" % len(samples), *samples)


def _cut(samples, where):
    """The elements of every block ("Stages", first paragraph, of docs/SCHEDULE.md)."""
    return [[samples[j] for j in block] for block in where]


def _join(blocks, where):
    """The samples in stored order again ("Stages", first paragraph, of docs/SCHEDULE.md)."""
    samples = [None] * sum(len(block) for block in where)
    for block, place in zip(blocks, where):
        for sample, j in zip(block, place):
            samples[j] = sample
    return samples


def _gather(table, values, backwards):
    """`out[i] = in[table[i]]`, or its inverse ("Stages", first paragraph, of docs/SCHEDULE.md)."""
    if not backwards:
        return [values[j] for j in table]
    out = [None] * len(values)
    for value, j in zip(values, table):
        out[j] = value
    return out


def _flipped(samples, flips, top):
    """The samples, `p -> top - p` where flipped ("Stages", first paragraph, of docs/SCHEDULE.md)."""
    return [top - p if f else p for p, f in zip(samples, flips)]


def _each(stage, key, name, number):
    """Block `number`'s part of what the key says ("Stages" of docs/SCHEDULE.md)."""
    return key[name] if stage.key == "shared" else key[name][number]


def _shuffling(stage, key, shape, depth, samples, backwards):
    """"Stages", pixel shuffling, of docs/SCHEDULE.md."""
    where = positions(stage.block, *shape, stage.order)
    blocks = [_gather(_each(stage, key, "perm", b), block, backwards)
              for b, block in enumerate(_cut(samples, where))]
    return _join(blocks, where)


def _flip(stage, key, shape, depth, samples, backwards):
    """"Stages", sign flip, of docs/SCHEDULE.md."""
    where = positions(stage.block, *shape, stage.order)
    blocks = [_flipped(block, _each(stage, key, "flip", b), 2**depth - 1)
              for b, block in enumerate(_cut(samples, where))]
    return _join(blocks, where)


def _nibble_block(block, perm, rev, count, backwards):
    """A block's samples of `count` nibbles each, shuffled ("Stages", nibble shuffling, of
    docs/SCHEDULE.md)."""
    d = len(block)
    nibbles = [p >> 4 * low & 15 for low in range(count) for p in block]
    nibbles = _flipped(_gather(perm, _flipped(nibbles, rev, 15), backwards), rev, 15)
    return [sum(nibbles[low * d + i] << 4 * low for low in range(count)) for i in range(d)]


def _nibbles(stage, key, shape, depth, samples, backwards):
    """"Stages", nibble shuffling, of docs/SCHEDULE.md."""
    where = positions(stage.block, *shape)
    blocks = [_nibble_block(block, _each(stage, key, "perm", b), _each(stage, key, "rev", b),
                            stagekeys.nibbles(depth), backwards)
              for b, block in enumerate(_cut(samples, where))]
    return _join(blocks, where)


def turned(rows):
    """One quarter turn counter-clockwise ("Stages", rotation and inversion, of docs/SCHEDULE.md)."""
    size = len(rows)
    return [[rows[x][size - 1 - y] for x in range(size)] for y in range(size)]


def mirrored(rows):
    """Mirrored left to right ("Stages", rotation and inversion, of docs/SCHEDULE.md)."""
    size = len(rows)
    return [[rows[y][size - 1 - x] for x in range(size)] for y in range(size)]


def symmetry(rows, number, backwards=False):
    """A square block turned and mirrored ("Stages", rotation and inversion, of docs/SCHEDULE.md)."""
    if backwards and number >= 4:
        rows = mirrored(rows)
    for _ in range(-number % 4 if backwards else number % 4):
        rows = turned(rows)
    if not backwards and number >= 4:
        rows = mirrored(rows)
    return rows


def _rotation(stage, key, shape, depth, samples, backwards):
    """"Stages", rotation and inversion, of docs/SCHEDULE.md."""
    size, channels = stage.block[0], shape[2]
    if stage.block != (size, size):
        raise ValueError("only square blocks can be turned")
    where = positions(stage.block, *shape)
    out = []
    for number, block in zip(key["symmetry"], _cut(samples, where)):
        rows = [[block[(y * size + x) * channels:(y * size + x + 1) * channels] for x in range(size)]
                for y in range(size)]
        out.append([p for row in symmetry(rows, number, backwards) for pixel in row for p in pixel])
    return _join(out, where)


def _negative(stage, key, shape, depth, samples, backwards):
    """"Stages", negative-positive, of docs/SCHEDULE.md."""
    where = positions(stage.block, *shape)
    blocks = [_flipped(block, [key["flip"][b]] * len(block), 2**depth - 1)
              for b, block in enumerate(_cut(samples, where))]
    return _join(blocks, where)


def _pixel_negative(stage, key, shape, depth, samples, backwards):
    """"Stages", pixel negative-positive, of docs/SCHEDULE.md."""
    return _flipped(samples, key["flip"], 2**depth - 1)


def _colour(stage, key, shape, depth, samples, backwards):
    """"Stages", colour shuffling, of docs/SCHEDULE.md."""
    if shape[2] == 1:
        return samples
    orders = s.PUBLISHED_ORDERS if stage.orders == s.PUBLISHED else s.ORDERS
    where = positions(stage.block, *shape)
    out = []
    for number, block in zip(key["channel"], _cut(samples, where)):
        pixels = [block[i:i + 3] for i in range(0, len(block), 3)]
        out.append([p for pixel in pixels for p in _gather(orders[number], pixel, backwards)])
    return _join(out, where)


def _scrambling(stage, key, shape, depth, samples, backwards):
    """"Stages", block scrambling, of docs/SCHEDULE.md."""
    where = positions(stage.block, *shape)
    return _join(_gather(key["perm"], _cut(samples, where), backwards), where)


def statistic(name, values):
    """The statistic of some samples ("Stages", block statistic, of docs/SCHEDULE.md)."""
    v, m = sorted(values), len(values)
    if name == "median":
        return v[(m - 1) // 2] if m % 2 else (v[m // 2 - 1] + v[m // 2] + 1) // 2
    if name == "mean":
        return (2 * sum(v) + m) // (2 * m)
    return {"min": v[0], "max": v[-1]}[name]


def _statistic(stage, key, shape, depth, samples, backwards):
    """"Stages", block statistic, of docs/SCHEDULE.md."""
    height, width, channels = shape
    bh, bw = stage.block
    out = [None] * len(samples)
    for top in range(0, height, bh):
        for left in range(0, width, bw):
            for c in range(channels):
                places = [(y * width + x) * channels + c for y in range(top, min(top + bh, height))
                          for x in range(left, min(left + bw, width))]
                value = statistic(stage.statistic, [samples[j] for j in places])
                for j in places:
                    out[j] = value
    return out


def noise(stage, word, depth):
    """The noise of a word of the stream, without its sign ("Stages", Laplace noise, of docs/SCHEDULE.md)."""
    whole, _, rest = stage.epsilon.partition(".")
    e = int(whole + (rest + "000")[:3])
    top, d = 2**depth - 1, 256 * stage.block[0] * stage.block[1] * e
    scale = min(2**24, (top * stage.m * 1000 * 45426 + d // 2) // d)
    v = 2 * (word % 2**31) + 1
    a = v.bit_length() - 1
    x, f = v * 2**(31 - a) // 2**16, 0
    for _ in range(16):
        q = x * x
        f, x = (2 * f + 1, q // 2**16) if q >= 2**31 else (2 * f, q // 2**15)
    u, r = divmod(32 * 2**16 - (a * 2**16 + f), 2**16)
    return (scale * u + (scale // 4096 * r + scale % 4096 * r // 4096) // 16 + 128) // 256


def _blur(stage, key, shape, depth, samples, backwards):
    """"Stages", Gaussian blur, of docs/SCHEDULE.md."""
    height, width, channels = shape
    r = stage.radius
    whole = (2 * r + 1)**3

    def weight(d):
        """The weight of a distance ("Stages", Gaussian blur, of docs/SCHEDULE.md)."""
        return (3 * (2 * r + 1)**2 + 1) // 4 - d * d if d <= r else (3 * r + 1 - d) * (3 * r + 2 - d) // 2

    def one_way(before, dy, dx):
        """A blur along one direction ("Stages", Gaussian blur, of docs/SCHEDULE.md)."""
        out = []
        for j in range(len(before)):
            y, x, c = j // channels // width, j // channels % width, j % channels
            total = whole // 2
            for d in range(-3 * r, 3 * r + 1):
                yy, xx = min(max(y + d * dy, 0), height - 1), min(max(x + d * dx, 0), width - 1)
                total += weight(abs(d)) * before[(yy * width + xx) * channels + c]
            out.append(total // whole)
        return out

    return one_way(one_way(samples, 0, 1), 1, 0)


def _laplace(stage, key, shape, depth, samples, backwards):
    """"Stages", Laplace noise, of docs/SCHEDULE.md."""
    height, width, channels = shape
    bh, bw = stage.block
    out = []
    for j, p in enumerate(samples):
        y, x, c = j // channels // width, j // channels % width, j % channels
        word = key["words"][(y // bh * -(-width // bw) + x // bw) * channels + c]
        n = noise(stage, word, depth)
        out.append(max(0, p - n) if word >> 31 else min(2**depth - 1, p + n))
    return out


def _keystream(stage, key, shape, depth, samples, backwards):
    """"Stages", keystream, of docs/SCHEDULE.md."""
    return [p ^ k & 2**depth - 1 for p, k in zip(samples, unpack(key["mask"], depth))]


KINDS = {s.SHUFFLING: _shuffling, s.FLIP: _flip, s.NIBBLES: _nibbles, s.ROTATION: _rotation, s.NEGATIVE: _negative,
         s.PIXEL_NEGATIVE: _pixel_negative, s.COLOUR: _colour, s.SCRAMBLING: _scrambling,
         s.STATISTIC: _statistic, s.BLUR: _blur, s.LAPLACE: _laplace, s.KEYSTREAM: _keystream}


def encrypt_with(keys, stages, shape, pixels, depth=8):
    """The encrypted pixels of an image of `shape` (H, W, C), `keys` being what each stage is told ("Stages" of
    docs/SCHEDULE.md)."""
    samples = unpack(pixels, depth)
    for key, stage in zip(keys, stages):
        samples = KINDS[stage.kind](stage, key, shape, depth, samples, False)
    return pack(samples, depth)


def decrypt_with(keys, stages, shape, pixels, depth=8):
    """The pixels again: the stages' inverses, last stage first ("Stages" of docs/SCHEDULE.md)."""
    if s.lossy(stages, shape[2]):
        raise ValueError("the scheme has no inverse")
    samples = unpack(pixels, depth)
    for key, stage in reversed(list(zip(keys, stages))):
        samples = KINDS[stage.kind](stage, key, shape, depth, samples, True)
    return pack(samples, depth)


def encrypt(secret, stages, shape, pixels, image=None, depth=8):
    """The encrypted pixels of an image of `shape` (H, W, C); `image` is its id ("Stages" of
    docs/SCHEDULE.md)."""
    return encrypt_with(stagekeys.drawn(secret, stages, shape, depth, image), stages, shape, pixels, depth)


def decrypt(secret, stages, shape, pixels, image=None, depth=8):
    """The pixels again ("Stages" of docs/SCHEDULE.md)."""
    return decrypt_with(stagekeys.drawn(secret, stages, shape, depth, image), stages, shape, pixels, depth)
