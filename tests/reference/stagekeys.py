"""What the secret says to each stage ("Stages" of docs/SCHEDULE.md): arrays of numbers, by names.

    perm      the gather of pixel shuffling, nibble shuffling or block scrambling
    rev       the nibbles that nibble shuffling inverts
    flip      the elements, blocks or samples that are inverted
    symmetry  the turn and mirroring of every block
    channel   the number of every block's order of channels
    mask      the keystream's bytes
    words     the words of Laplace noise, one for every block and channel

With a key per block, in all images or in each, the first three are lists of one array a block.
"""

import stages as s
from schedule import Draws, descriptor, stored, stream_id, subkey


def geometry(stage, shape):
    """The number of a stage's blocks and of the samples of one ("Stages", first paragraph, of
    docs/SCHEDULE.md)."""
    where = s.positions(stage.block, *shape)
    return len(where), len(where[0])


def nibbles(depth):
    """The nibbles of a sample ("Stages", nibble shuffling, of docs/SCHEDULE.md)."""
    if depth % 4:
        raise ValueError("samples are not whole nibbles")
    return depth // 4


def draws_of(secret, stages, number, shape, depth, image):
    """The draws of stage `number`, for the image with the id `image` where it is keyed per image ("Subkeys"
    and "Streams and draws" of docs/SCHEDULE.md)."""
    key = subkey(secret, descriptor([stage.text() for stage in stages], number, *shape, depth))
    if stages[number].key != "image":
        return Draws(key, 0)
    if image is None:
        raise ValueError("a stage that is keyed per image needs the image's id")
    return Draws(key, stream_id(image))


def _shuffling(stage, draws, shape, depth):
    """"Stages", pixel shuffling, of docs/SCHEDULE.md."""
    blocks, d = geometry(stage, shape)
    if stage.key == "image":
        return {"perm": draws.rankings(d, blocks, 16)}
    if stage.key == "shared":
        return {"perm": draws.permutation(d)}
    return {"perm": [draws.permutation(d) for _ in range(blocks)]}


def _flip(stage, draws, shape, depth):
    """"Stages", sign flip, of docs/SCHEDULE.md."""
    blocks, d = geometry(stage, shape)
    if stage.key == "shared":
        return {"flip": draws.bits(d)}
    bits = draws.bits(blocks * d)
    return {"flip": [bits[b * d:(b + 1) * d] for b in range(blocks)]}


def _nibbles(stage, draws, shape, depth):
    """"Stages", nibble shuffling, of docs/SCHEDULE.md."""
    blocks, d = geometry(stage, shape)
    n = nibbles(depth) * d
    if stage.key == "image":
        bits = draws.bits(blocks * n)
        perms = draws.rankings(n, blocks, 16, skipped=(blocks * n + 31) // 32)
        return {"perm": perms, "rev": [bits[b * n:(b + 1) * n] for b in range(blocks)]}
    if stage.key == "shared":
        return {"perm": draws.permutation(n), "rev": draws.bits(n)}
    pairs = [(draws.permutation(n), draws.bits(n)) for _ in range(blocks)]
    return {"perm": [p for p, _ in pairs], "rev": [r for _, r in pairs]}


def _rotation(stage, draws, shape, depth):
    """"Stages", rotation and inversion, of docs/SCHEDULE.md."""
    return {"symmetry": draws.digits(8, geometry(stage, shape)[0])}


def _negative(stage, draws, shape, depth):
    """"Stages", negative-positive, of docs/SCHEDULE.md."""
    return {"flip": draws.bits(geometry(stage, shape)[0])}


def _pixel_negative(stage, draws, shape, depth):
    """"Stages", pixel negative-positive, of docs/SCHEDULE.md; the flips in stored order."""
    height, width, channels = shape
    planes = [draws.bits(height * width) for _ in range(channels)]
    return {"flip": [bit for pixel in zip(*planes) for bit in pixel]}


def _colour(stage, draws, shape, depth):
    """"Stages", colour shuffling, of docs/SCHEDULE.md. One channel: order 0, which changes nothing."""
    blocks = geometry(stage, shape)[0]
    return {"channel": [0] * blocks if shape[2] == 1 else draws.digits(6, blocks)}


def _scrambling(stage, draws, shape, depth):
    """"Stages", block scrambling, of docs/SCHEDULE.md."""
    blocks = geometry(stage, shape)[0]
    if stage.key == "image":
        return {"perm": draws.rankings(blocks, 1, 32)[0]}
    return {"perm": draws.permutation(blocks)}


def _statistic(stage, draws, shape, depth):
    """"Stages", block statistic and Gaussian blur, of docs/SCHEDULE.md: nothing is drawn."""
    return {}


def _laplace(stage, draws, shape, depth):
    """"Stages", Laplace noise, of docs/SCHEDULE.md."""
    height, width, channels = shape
    bh, bw = stage.block
    return {"words": [draws.word() for _ in range(-(-height // bh) * -(-width // bw) * channels)]}


def _keystream(stage, draws, shape, depth):
    """"Stages", keystream, of docs/SCHEDULE.md."""
    height, width, channels = shape
    return {"mask": draws.bytes(height * width * channels * stored(depth))}


KINDS = {s.SHUFFLING: _shuffling, s.FLIP: _flip, s.NIBBLES: _nibbles, s.ROTATION: _rotation, s.NEGATIVE: _negative,
         s.PIXEL_NEGATIVE: _pixel_negative, s.COLOUR: _colour, s.SCRAMBLING: _scrambling,
         s.STATISTIC: _statistic, s.BLUR: _statistic, s.LAPLACE: _laplace, s.KEYSTREAM: _keystream}


def drawn(secret, stages, shape, depth, image=None):
    """What the secret says to each stage, for the image with the id `image` ("Stages" of
    docs/SCHEDULE.md)."""
    return [KINDS[stage.kind](stage, draws_of(secret, stages, number, shape, depth, image), shape, depth)
            for number, stage in enumerate(stages)]
