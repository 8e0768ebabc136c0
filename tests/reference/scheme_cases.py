"""The cases of schemes.json ("Stages" of docs/SCHEDULE.md)."""

import schemes
import stages as s
from cases import COUNT, HASHED, ramp, ramp_id, size, told
from stages import Stage

OTHER_NAME = "gr\u00f6\u00dfe/\u732b.png"

STATISTICS = ("median", "mean", "max", "min")

# A case's options where it does not say otherwise.
OPTIONS = {"block": None, "key": None, "scramble": False, "flip": False, "statistic": None, "orders": None}


def case(secret, preset, shape, depth=8, name="a.png", image=None, **options):
    """A case of a preset ("Stages", the table of presets, of docs/SCHEDULE.md)."""
    given = dict(OPTIONS, **options)
    return _case(secret, preset, given, s.preset(preset, **given), shape, depth, name, image)


def custom(secret, stages, shape, depth=8, name="a.png"):
    """A case of a list of stages that is no preset's ("Stages" of docs/SCHEDULE.md)."""
    return _case(secret, None, OPTIONS, stages, shape, depth, name)


def _case(secret, preset, options, stages, shape, depth, name, image=None):
    """A case as schemes.json has it ("Stages" of docs/SCHEDULE.md); `image` is an id that no name has."""
    pixels = ramp(shape[0] * shape[1] * shape[2], depth)
    image = image or ramp_id(secret, name, shape, depth)
    block = options["block"]
    return dict(
        {"secret": secret.hex(), "preset": preset}, **dict(options, block=list(block) if block else None),
        **size(shape, depth), name=name, id=image.hex(), stages=[stage.text() for stage in stages],
        lossy=s.lossy(stages, shape[2]), **told(schemes.encrypt(secret, stages, shape, pixels, image, depth)))


def _first():
    """The cases of the first three presets ("Stages" of docs/SCHEDULE.md)."""
    flip = "shuffle-flip"
    cases = [case(COUNT, "none", (28, 28, 1))]
    for scramble in (False, True):
        for key in ("shared", "block"):
            for shape in ((28, 28, 1), (32, 32, 3)):
                secret = HASHED if scramble and shape[2] == 3 else COUNT
                cases.append(case(secret, flip, shape, block=(4, 4), key=key, scramble=scramble))
    cases += [case(HASHED, flip, (6, 16, 3), block=(2, 8), key=key, scramble=scramble)
              for key in ("shared", "block") for scramble in (False, True)]
    cases += [case(HASHED, flip, (5, 7, 1), block=block, key=key, scramble=True)
              for block in ((5, 7), (1, 1)) for key in ("shared", "block")]
    return cases + [
        case(COUNT, flip, (224, 224, 3), block=(4, 4), key="shared"),
        case(COUNT, flip, (224, 224, 3), block=(16, 16), key="block", scramble=True),
        case(COUNT, "keystream", (28, 28, 1)),
        case(COUNT, "keystream", (32, 32, 3)),
        case(HASHED, "keystream", (5, 7, 1), name=OTHER_NAME),
        case(COUNT, "keystream", (224, 224, 3)),
        case(COUNT, "keystream", (224, 224, 3), name="b.png"),
    ]


# The sizes that every preset is tried at: height, width and channels, depth, and block.
SIZES = (((28, 28, 1), 8, (4, 4)), ((32, 32, 3), 8, (16, 16)), ((224, 224, 3), 8, (16, 16)),
         ((48, 80, 3), 8, (16, 16)), ((40, 24, 1), 8, (8, 8)), ((24, 40, 1), 16, (8, 8)),
         ((16, 16, 3), 16, (4, 4)))


def _presets():
    """Every other preset at every size, and the first three at those that they lack ("Stages" of
    docs/SCHEDULE.md)."""
    cases = []
    for number, (shape, depth, block) in enumerate(SIZES):
        secret = (COUNT, HASHED)[number % 2]
        if number > 2:
            cases.append(case(secret, "none", shape, depth))
            cases += [case(secret, "shuffle-flip", shape, depth, block=block, key=key, scramble=key == "block")
                      for key in ("shared", "block")]
            cases.append(case(secret, "keystream", shape, depth))
        cases += [case(secret, preset, shape, depth, block=block) for preset in ("le", "ele", "shf", "np")]
        cases += [case(secret, "etc", shape, depth, block=block, orders=orders) for orders in (None, s.PUBLISHED)]
        cases += [case(secret, "skk", shape, depth, key=key) for key in ("shared", "image")]
        cases += [case(secret, "skk-filter", shape, depth, block=(4, 4), key=key, statistic=statistic)
                  for key, statistic in zip(("shared", "image"), (STATISTICS * 3)[number:])]
        cases += [case(secret, "vit", shape, depth, block=block, flip=flip) for flip in (False, True)]
    # Ids under which one digit is not taken from its first word: pixels 20 and 311.
    cases += [case(COUNT, "skk", (28, 28, 3), key="image", image=bytes.fromhex(image))
              for image in ("2dba460000000000", "a2bf6e0000000000")]
    cases += [case(COUNT, preset, (32, 32, 3), block=(4, 4)) for preset in ("le", "ele", "shf", "np", "etc")]
    cases += [case(COUNT, "ele", shape, depth, block=(3, 5))
              for shape, depth in (((6, 10, 3), 8), ((6, 10, 1), 16))]
    cases += [case(COUNT, "vit", (6, 10, 3), block=(3, 5), flip=True), case(COUNT, "np", (5, 7, 3), block=(5, 7))]
    return cases


def _statistics():
    """Blocks that do not tile ("Stages", block statistic, of docs/SCHEDULE.md)."""
    cases = [case(HASHED, "skk-filter", (29, 31, channels), block=block, key=key, statistic=statistic)
             for key, channels in (("shared", 3), ("image", 1)) for block in ((4, 4), (5, 3))
             for statistic in STATISTICS]
    return cases + [case(COUNT, "skk-filter", (13, 11, 3), 16, block=(5, 3), key="image", statistic=statistic)
                    for statistic in STATISTICS]


def _bytes():
    """Bytes whose number is no multiple of four ("Stages", keystream, of docs/SCHEDULE.md)."""
    return [case(COUNT, "keystream", shape, depth)
            for shape, depth in (((5, 7, 1), 8), ((5, 7, 3), 8), ((5, 7, 1), 16), ((5, 7, 3), 16), ((1, 1, 1), 8),
                                 ((1, 1, 3), 16))]


def _custom():
    """Lists of stages of several kinds ("Stages" of docs/SCHEDULE.md)."""
    def shuffle(block, key="shared", order=None):
        """Pixel shuffling ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.SHUFFLING, block, key, order)

    def flip(block, key="shared", order=None):
        """Sign flip ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.FLIP, block, key, order)

    def nibbles(block, key="shared"):
        """Nibble shuffling ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.NIBBLES, block, key)

    def scramble(block):
        """Block scrambling ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.SCRAMBLING, block)

    def colour(block, key="block", orders=None):
        """Colour shuffling ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.COLOUR, block, key, orders=orders)

    def rotate(block):
        """Rotation and inversion ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.ROTATION, block)

    def negative(block):
        """Negative-positive ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.NEGATIVE, block)

    def statistic(block, name):
        """Block statistic ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.STATISTIC, block, statistic=name)

    def pixel_negative(key):
        """Pixel negative-positive ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.PIXEL_NEGATIVE, key=key)

    stream = Stage(s.KEYSTREAM, key="image")
    published = s.PUBLISHED
    lists = [
        # Plans of samples before and after plans of nibbles.
        ([shuffle((4, 4)), nibbles((4, 4), "block")], (16, 16, 3), 8),
        ([nibbles((4, 4)), flip((8, 8), "block"), scramble((2, 4))], (16, 16, 3), 8),
        ([shuffle((4, 4), "block"), nibbles((8, 2)), flip((4, 4))], (16, 16, 1), 16),
        ([nibbles((2, 8)), rotate((8, 8)), nibbles((4, 4), "block"), scramble((8, 8))], (16, 24, 3), 8),
        ([nibbles((2, 8), "block"), negative((4, 4)), colour((8, 8)), nibbles((4, 4))], (16, 16, 3), 16),
        # Orders of elements.
        ([flip((3, 5), "block", s.ELEMENTS), shuffle((3, 5), "block", s.ELEMENTS)], (6, 10, 3), 8),
        ([shuffle((3, 5), "shared", s.ELEMENTS), shuffle((3, 5)), flip((3, 5), "shared", s.ELEMENTS)],
         (6, 10, 3), 16),
        # Stages of blocks alone.
        ([scramble((2, 2)), scramble((8, 8)), scramble((4, 8))], (16, 32, 1), 8),
        ([negative((2, 2)), rotate((4, 4)), colour((2, 4)), rotate((8, 8))], (16, 16, 3), 8),
        ([rotate((1, 1)), negative((1, 1)), scramble((1, 1))], (5, 7, 3), 8),
        # A block statistic between two shuffles.
        ([shuffle((4, 4), "block"), statistic((4, 4), "mean"), shuffle((2, 2))], (16, 16, 3), 8),
        ([shuffle((1, 31)), statistic((4, 4), "median"), shuffle((29, 1), "block")], (29, 31, 1), 8),
        ([nibbles((4, 4)), statistic((3, 3), "max"), stream, statistic((2, 5), "min"), nibbles((2, 2))],
         (16, 16, 1), 8),
        ([statistic((3, 5), "mean"), colour((1, 1), "image"), statistic((5, 3), "median")], (11, 13, 3), 16),
        # A keystream between two shuffles.
        ([shuffle((3, 5)), stream, shuffle((6, 2), "block")], (6, 10, 3), 8),
        ([nibbles((4, 4)), stream, nibbles((2, 2), "block")], (8, 12, 1), 16),
        ([stream, scramble((5, 1)), stream], (5, 7, 3), 8),
        # A stage with a key per image between two shuffles.
        ([shuffle((4, 4)), pixel_negative("image"), scramble((4, 4))], (12, 16, 3), 8),
        ([shuffle((4, 4), "block"), colour((1, 1), "image"), flip((4, 4), "block")], (12, 16, 3), 8),
        ([nibbles((4, 4)), pixel_negative("image"), colour((1, 1), "image"), nibbles((4, 4))], (12, 16, 3), 16),
        ([shuffle((4, 4)), colour((1, 1), "image"), pixel_negative("image"), shuffle((4, 4))], (12, 16, 1), 8),
        # Colour shuffling with blocks of all sizes, and as published.
        ([colour((1, 1)), colour((4, 4)), colour((16, 16))], (16, 16, 3), 8),
        ([colour((1, 1), "block", published), scramble((4, 4)), colour((3, 2))], (12, 16, 3), 8),
        ([pixel_negative("shared"), colour((3, 2), "block", published), pixel_negative("shared")], (6, 10, 3), 16),
        ([colour((4, 4)), colour((4, 4), "block", published), negative((4, 4))], (12, 16, 1), 8),
        # Large ones.
        ([shuffle((16, 16)), nibbles((8, 8)), rotate((32, 32)), flip((7, 14))], (224, 224, 3), 8),
        ([pixel_negative("image"), statistic((5, 3), "median"), stream, scramble((4, 4))], (224, 224, 3), 8),
    ]
    return [custom((HASHED, COUNT)[number % 2], stages, shape, depth, ("a.png", OTHER_NAME)[number % 3 == 2])
            for number, (stages, shape, depth) in enumerate(lists)]


def _depths():
    """Samples that use some of their 16 bits ("Stages" of docs/SCHEDULE.md)."""
    cases = []
    for number, (shape, depth) in enumerate((((24, 40, 1), 12), ((16, 16, 3), 12), ((16, 24, 3), 10),
                                             ((24, 40, 1), 10), ((16, 16, 3), 14), ((8, 12, 1), 14), ((5, 7, 3), 9),
                                             ((5, 7, 1), 15), ((7, 5, 1), 11), ((7, 5, 3), 13))):
        secret, small = (COUNT, HASHED)[number % 2], shape[0] < 8
        block = (1, 1) if small else (4, 4)
        square = (8, 8) if shape[0] > 8 else block
        cases += [case(secret, "shuffle-flip", shape, depth, block=block, key=key, scramble=key == "block")
                  for key in ("shared", "block")]
        cases += [case(secret, "skk", shape, depth, key=key) for key in ("shared", "image")]
        cases += [case(secret, "keystream", shape, depth), case(secret, "np", shape, depth, block=block),
                  case(secret, "etc", shape, depth, block=square),
                  case(secret, "skk-filter", shape, depth, block=(5, 3), key="image",
                       statistic=STATISTICS[number % 4])]
        if depth == 12:
            cases += [case(secret, preset, shape, depth, block=block) for preset in ("le", "ele")]
            cases += [case(secret, "skk-filter", shape, depth, block=(5, 3), key="shared", statistic=statistic)
                      for statistic in STATISTICS]
            cases.append(case(secret, "vit", shape, depth, block=square, flip=True))
            cases.append(case(secret, "none", shape, depth))
    nibbles = [Stage(s.NIBBLES, (4, 4), key) for key in ("shared", "block")]
    flip, stream = Stage(s.FLIP, (8, 8), "block"), Stage(s.KEYSTREAM, key="image")
    lists = [
        # Plans of samples before and after plans of nibbles.
        ([flip, nibbles[0], flip, nibbles[1], Stage(s.NEGATIVE, (2, 2))], (16, 16, 3)),
        ([nibbles[1], Stage(s.ROTATION, (8, 8)), nibbles[0], Stage(s.SCRAMBLING, (8, 8))], (16, 24, 1)),
        ([nibbles[0], stream, nibbles[1], Stage(s.PIXEL_NEGATIVE, key="image"), flip], (16, 24, 3)),
    ]
    return cases + [custom((HASHED, COUNT)[number % 2], stages, shape, 12)
                    for number, (stages, shape) in enumerate(lists)]


def _noise():
    """Noise on blocks ("Stages", Laplace noise, of docs/SCHEDULE.md)."""
    def laplace(block, epsilon, m):
        """Laplace noise ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(s.LAPLACE, block, "image", epsilon=epsilon, m=m)

    cases = []
    for number, (shape, depth) in enumerate((((28, 28, 1), 8), ((29, 31, 3), 8), ((13, 11, 3), 16), ((24, 40, 1), 12))):
        secret = (COUNT, HASHED)[number % 2]
        cases += [case(secret, preset, shape, depth, block=block) for preset in ("pixelate", "dp-pix")
                  for block in ((8, 8), (5, 3))]
    lists = [
        ([laplace((1, 1), "0.001", 1000000)], (9, 7, 3), 16),
        ([laplace((1, 1), "1000", 1)], (9, 7, 1), 8),
        ([laplace((2, 3), "12.25", 7), Stage(s.SHUFFLING, (3, 1), "block"), laplace((64, 64), "3", 900)], (9, 7, 3), 8),
        ([laplace((1, 1), "1", 16)], (40, 40, 3), 8),
    ]
    for radius, shape, depth in ((1, (1, 1, 3), 8), (2, (13, 11, 3), 16), (64, (9, 7, 1), 16), (3, (24, 20, 1), 12)):
        lists.append(([Stage(s.BLUR, radius=radius)], shape, depth))
    lists.append(([Stage(s.FLIP, (1, 1), "block"), Stage(s.BLUR, radius=1), laplace((4, 4), "2", 5)], (16, 12, 3), 8))
    cases += [case(COUNT, "blur", shape) for shape in ((28, 28, 1), (20, 36, 3))]
    return cases + [custom((HASHED, COUNT)[number % 2], stages, shape, depth)
                    for number, (stages, shape, depth) in enumerate(lists)]


def _per_image():
    """Moves with a key per image ("Stages" of docs/SCHEDULE.md)."""
    def keyed(kind, block, order=None):
        """A stage with a key per image ("Subkeys" of docs/SCHEDULE.md)."""
        return Stage(kind, block, "image", order)

    cases = []
    for number, (shape, depth, block) in enumerate(SIZES + (((56, 40, 3), 8, (4, 4)), ((16, 16, 1), 10, (2, 2)),
                                                            ((24, 24, 3), 12, (4, 4)))):
        secret = (COUNT, HASHED)[number % 2]
        cases += [case(secret, preset, shape, depth, block=block) for preset in ("etc-image", "shuffle-flip-image")]
        cases += [case(secret, "vit-image", shape, depth, block=block, flip=flip) for flip in (False, True)]
    cases += [case(COUNT, "shuffle-flip-image", (28, 28, 1), block=(4, 4), name=OTHER_NAME),
              # Permutations longer than a run, and more blocks than one.
              case(COUNT, "shuffle-flip-image", (28, 28, 3), block=(28, 28)),
              case(COUNT, "shuffle-flip-image", (56, 56, 1), block=(28, 28)),
              case(HASHED, "etc-image", (224, 224, 3), block=(4, 4)),
              case(HASHED, "shuffle-flip-image", (96, 64, 3), block=(1, 1)),
              case(HASHED, "etc-image", (64, 48, 1), block=(1, 1))]
    for shape, depth, block in (((16, 16, 3), 8, (4, 4)), ((24, 16, 1), 8, (8, 4)), ((16, 16, 3), 16, (4, 4)),
                                ((12, 12, 3), 12, (4, 6)), ((16, 32, 3), 8, (16, 16)), ((8, 8, 1), 12, (1, 1))):
        cases.append(custom(HASHED, [keyed(s.NIBBLES, block)], shape, depth))
    lists = [
        ([keyed(s.ROTATION, (4, 4))], (12, 16, 3), 8),
        ([keyed(s.NEGATIVE, (3, 5))], (6, 10, 3), 16),
        ([keyed(s.COLOUR, (3, 2))], (6, 10, 3), 8),
        ([keyed(s.COLOUR, (3, 2)), keyed(s.SCRAMBLING, (3, 2))], (6, 10, 1), 8),
        ([keyed(s.SCRAMBLING, (4, 4)), keyed(s.ROTATION, (4, 4)), keyed(s.ROTATION, (4, 4))], (16, 16, 3), 8),
        ([keyed(s.SCRAMBLING, (4, 4)), keyed(s.SCRAMBLING, (2, 2))], (16, 16, 1), 8),
        ([keyed(s.FLIP, (3, 5), s.ELEMENTS), keyed(s.SHUFFLING, (3, 5))], (6, 10, 3), 8),
        ([keyed(s.SHUFFLING, (3, 5), s.ELEMENTS), keyed(s.FLIP, (3, 5), s.ELEMENTS)], (6, 10, 3), 16),
        ([keyed(s.SHUFFLING, (4, 4)), Stage(s.SHUFFLING, (2, 2), "block"), keyed(s.NIBBLES, (4, 4)),
          Stage(s.KEYSTREAM, key="image"), Stage(s.COLOUR, (1, 1), "image"), keyed(s.NEGATIVE, (8, 8))],
         (16, 16, 3), 8),
        ([Stage(s.FLIP, (4, 4), "shared"), keyed(s.SCRAMBLING, (4, 4)), Stage(s.STATISTIC, (3, 3), statistic="mean")],
         (12, 16, 3), 8),
    ]
    return cases + [custom((HASHED, COUNT)[number % 2], stages, shape, depth)
                    for number, (stages, shape, depth) in enumerate(lists)]


def cases():
    """All cases of schemes.json ("Stages" of docs/SCHEDULE.md)."""
    return _first() + _presets() + _statistics() + _bytes() + _custom() + _depths() + _noise() + _per_image()
