"""The stages and presets of docs/SCHEDULE.md: what they are called, and the order of blocks and elements."""

from functools import lru_cache
from typing import NamedTuple, Optional, Tuple

SHUFFLING = "pixel-shuffling"
FLIP = "sign-flip"
NIBBLES = "nibble-shuffling"
ROTATION = "rotation-inversion"
NEGATIVE = "negative-positive"
PIXEL_NEGATIVE = "pixel-negative-positive"
COLOUR = "colour-shuffling"
SCRAMBLING = "block-scrambling"
STATISTIC = "block-statistic"
MIXING = "mixing"
KEYSTREAM = "keystream"
LAPLACE = "laplace-noise"
BLUR = "gaussian-blur"

ELEMENTS = "channel-row-column"
PUBLISHED = "as-published"

# The orders T of colour shuffling ("Stages", colour shuffling, of docs/SCHEDULE.md).
ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
PUBLISHED_ORDERS = ((0, 1, 2), (1, 1, 2), (2, 1, 2), (0, 2, 2), (2, 2, 2), (1, 2, 1))

# The default blocks of the presets that have one ("Stages", the table of presets, of docs/SCHEDULE.md).
BLOCKS = {"shuffle-flip": (4, 4), "le": (4, 4), "ele": (4, 4), "etc": (16, 16), "skk-filter": (4, 4),
          "shf": (4, 4), "np": (4, 4), "vit": (16, 16), "pixelate": (8, 8), "dp-pix": (16, 16),
          "etc-image": (4, 4), "shuffle-flip-image": (4, 4), "vit-image": (16, 16)}


class Stage(NamedTuple):
    """One stage of a scheme ("Subkeys" of docs/SCHEDULE.md)."""

    kind: str
    block: Optional[Tuple[int, int]] = None
    key: Optional[str] = None
    order: Optional[str] = None
    orders: Optional[str] = None
    statistic: Optional[str] = None
    images: Optional[int] = None
    epsilon: Optional[str] = None
    m: Optional[int] = None
    radius: Optional[int] = None

    def text(self):
        """The stage's canonical text ("Subkeys" of docs/SCHEDULE.md)."""
        block = None if self.block is None else "%dx%d" % self.block
        parts = (("block", block), ("radius", self.radius), ("images", self.images), ("statistic", self.statistic), ("epsilon", self.epsilon),
                 ("m", self.m), ("key", self.key),
                 ("order", self.order), ("orders", self.orders))
        return " ".join([self.kind] + ["%s=%s" % part for part in parts if part[1] is not None])

    def lossy(self, channels):
        """Whether the stage has no inverse ("Stages" of docs/SCHEDULE.md). Colour shuffling as published has
        one where there is one channel, which it does not change."""
        if self.kind == COLOUR:
            return self.orders == PUBLISHED and channels > 1
        return self.kind in (STATISTIC, MIXING, LAPLACE, BLUR)


def preset(name, block=None, key=None, scramble=False, flip=False, statistic=None, orders=None, images=4):
    """The stages of a preset ("Stages", the table of presets, of docs/SCHEDULE.md)."""
    block = block or BLOCKS.get(name)
    scrambling = Stage(SCRAMBLING, block)
    if name == "none":
        return []
    if name == "shuffle-flip" and key in ("shared", "block"):
        return [Stage(SHUFFLING, block, key), Stage(FLIP, block, key)] + [scrambling] * scramble
    if name == "le":
        return [Stage(NIBBLES, block, "shared")]
    if name == "ele":
        return [Stage(NIBBLES, block, "block"), scrambling]
    if name == "etc":
        return [Stage(ROTATION, block), Stage(NEGATIVE, block), Stage(COLOUR, block, "block", orders=orders),
                scrambling]
    if name == "skk" and key in ("shared", "image"):
        return [Stage(PIXEL_NEGATIVE, key=key),
                Stage(COLOUR, (1, 1), {"shared": "block", "image": "image"}[key])]
    if name == "skk-filter" and statistic is not None:
        return preset("skk", key=key) + [Stage(STATISTIC, block, statistic=statistic)]
    if name == "shf":
        return [Stage(SHUFFLING, block, "shared")]
    if name == "np":
        return [Stage(FLIP, block, "shared")]
    if name == "vit":
        return ([Stage(SHUFFLING, block, "shared", ELEMENTS)] + [Stage(FLIP, block, "shared", ELEMENTS)] * flip
                + [scrambling])
    if name == "etc-image":
        return [Stage(kind, block, "image") for kind in (ROTATION, NEGATIVE, COLOUR, SCRAMBLING)]
    if name == "shuffle-flip-image":
        return [Stage(kind, block, "image") for kind in (SHUFFLING, FLIP, SCRAMBLING)]
    if name == "vit-image":
        return ([Stage(SHUFFLING, block, "image", ELEMENTS)] + [Stage(FLIP, block, "image", ELEMENTS)] * flip
                + [Stage(SCRAMBLING, block, "image")])
    if name == "instahide":
        return [Stage(MIXING, key="image", images=images)]
    if name == "pixelate":
        return [Stage(STATISTIC, block, statistic="mean")]
    if name == "blur":
        return [Stage(BLUR, radius=4)]
    if name == "dp-pix":
        return [Stage(STATISTIC, block, statistic="mean"), Stage(LAPLACE, block, "image", epsilon="0.5", m=16)]
    if name == "keystream":
        return [Stage(KEYSTREAM, key="image")]
    raise ValueError("no such preset")


def lossy(stages, channels):
    """Whether a scheme has no inverse ("Stages" of docs/SCHEDULE.md)."""
    return any(stage.lossy(channels) for stage in stages)


@lru_cache(maxsize=64)
def positions(block, height, width, channels, order=None):
    """For every block, the stored index of each of its elements in their order ("Stages", first
    paragraph, of docs/SCHEDULE.md)."""
    bh, bw = block
    if height % bh or width % bw:
        raise ValueError("the blocks do not tile the image")
    table = [[None] * (bh * bw * channels) for _ in range((height // bh) * (width // bw))]
    for y in range(height):
        for x in range(width):
            b = (y // bh) * (width // bw) + x // bw
            for c in range(channels):
                if order == ELEMENTS:
                    i = (c * bh + y % bh) * bw + x % bw
                else:
                    i = ((y % bh) * bw + x % bw) * channels + c
                table[b][i] = (y * width + x) * channels + c
    return table
