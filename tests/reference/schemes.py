"""The stages and presets of docs/SCHEDULE.md: encryption and decryption of one image."""

from typing import NamedTuple, Optional, Tuple

from schedule import Draws, descriptor, stream_id, subkey

SHUFFLING = "pixel-shuffling"
FLIP = "sign-flip"
SCRAMBLING = "block-scrambling"
KEYSTREAM = "keystream"


class Stage(NamedTuple):
    """One stage of a scheme ("Subkeys" of docs/SCHEDULE.md)."""

    kind: str
    block: Optional[Tuple[int, int]] = None
    key: Optional[str] = None

    def text(self):
        """The stage's canonical text ("Subkeys" of docs/SCHEDULE.md)."""
        parts = [self.kind]
        if self.block is not None:
            parts.append("block=%dx%d" % self.block)
        if self.key is not None:
            parts.append("key=" + self.key)
        return " ".join(parts)


def preset(name, block=None, key=None, scramble=False):
    """The stages of a preset ("Stages", the second table, of docs/SCHEDULE.md)."""
    if name == "none":
        return []
    if name == "keystream":
        return [Stage(KEYSTREAM, key="image")]
    if name == "shuffle-flip" and key in ("shared", "block"):
        stages = [Stage(SHUFFLING, block, key), Stage(FLIP, block, key)]
        return stages + ([Stage(SCRAMBLING, block)] if scramble else [])
    raise ValueError("no such preset")


def positions(block, height, width, channels):
    """For every block, the stored index of each of its elements in their order ("Stages", first
    paragraph, of docs/SCHEDULE.md)."""
    bh, bw = block
    if height % bh or width % bw:
        raise ValueError("the blocks do not tile the image")
    table = [[None] * (bh * bw * channels) for _ in range((height // bh) * (width // bw))]
    for y in range(height):
        for x in range(width):
            for c in range(channels):
                b = (y // bh) * (width // bw) + x // bw
                i = ((y % bh) * bw + x % bw) * channels + c
                table[b][i] = (y * width + x) * channels + c
    return table


def _gather(stage, draws, height, width, channels):
    """For every stored element, the stored index that the stage takes it from ("Stages", pixel
    shuffling and block scrambling, of docs/SCHEDULE.md)."""
    where = positions(stage.block, height, width, channels)
    blocks, d = len(where), len(where[0])
    source = [None] * (height * width * channels)
    if stage.kind == SCRAMBLING:
        order = draws.permutation(blocks)
        for b in range(blocks):
            for i in range(d):
                source[where[b][i]] = where[order[b]][i]
        return source
    shared = draws.permutation(d) if stage.key == "shared" else None
    for b in range(blocks):
        order = shared if shared is not None else draws.permutation(d)
        for i in range(d):
            source[where[b][i]] = where[b][order[i]]
    return source


def _mask(stage, draws, height, width, channels):
    """For every stored element, the byte that the stage combines with it ("Stages", sign flip and
    keystream, of docs/SCHEDULE.md)."""
    if stage.kind == KEYSTREAM:
        return draws.bytes(height * width * channels)
    where = positions(stage.block, height, width, channels)
    blocks, d = len(where), len(where[0])
    signs = draws.bits(d) * blocks if stage.key == "shared" else draws.bits(blocks * d)
    mask = bytearray(height * width * channels)
    for b in range(blocks):
        for i in range(d):
            mask[where[b][i]] = 255 * signs[b * d + i]
    return bytes(mask)


def _draws(secret, stages, number, shape, image):
    """The draws of stage `number` ("Subkeys" and "Streams and draws" of docs/SCHEDULE.md)."""
    key = subkey(secret, descriptor([s.text() for s in stages], number, *shape))
    if stages[number].kind != KEYSTREAM:
        return Draws(key, 0)
    if image is None:
        raise ValueError("a keystream needs the image's id")
    return Draws(key, stream_id(image))


def _apply(secret, stages, number, shape, pixels, image, backwards):
    """One stage, or its inverse ("Stages" of docs/SCHEDULE.md)."""
    stage = stages[number]
    draws = _draws(secret, stages, number, shape, image)
    if stage.kind in (FLIP, KEYSTREAM):
        return bytes(p ^ m for p, m in zip(pixels, _mask(stage, draws, *shape)))
    source = _gather(stage, draws, *shape)
    if not backwards:
        return bytes(pixels[s] for s in source)
    out = bytearray(len(pixels))
    for j, s in enumerate(source):
        out[s] = pixels[j]
    return bytes(out)


def encrypt(secret, stages, shape, pixels, image=None):
    """The encrypted pixels of an image of `shape` (H, W, C); `image` is its id ("Stages" of
    docs/SCHEDULE.md)."""
    for number in range(len(stages)):
        pixels = _apply(secret, stages, number, shape, pixels, image, False)
    return pixels


def decrypt(secret, stages, shape, pixels, image=None):
    """The pixels again: the stages' inverses, last stage first ("Stages" of docs/SCHEDULE.md)."""
    for number in reversed(range(len(stages))):
        pixels = _apply(secret, stages, number, shape, pixels, image, True)
    return pixels
