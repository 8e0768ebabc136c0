"""The cases of tables.json ("Written-out tables" of docs/SCHEDULE.md)."""

import schedule
import schemes
import stages as s
import tables
from blake3 import derive
from cases import COUNT, HASHED, ZERO, ramp, ramp_id, size, told
from scheme_cases import OPTIONS
from stages import Stage

TABLE_KEY = derive("imgveil known answer tables", HASHED)


class Generator:
    """Arrays for the cases: the draws of a fixed key, for each case of its own stream (no section of
    docs/SCHEDULE.md)."""

    def __init__(self, number):
        """The arrays of case `number` (no section of docs/SCHEDULE.md)."""
        self._draws = schedule.Draws(TABLE_KEY, number)

    def perm(self, *shape):
        """A permutation, or one a row (no section of docs/SCHEDULE.md)."""
        rows = shape[0] if len(shape) > 1 else 1
        return shape, [entry for _ in range(rows) for entry in self._draws.permutation(shape[-1])]

    def below(self, limit, *shape):
        """Numbers below a limit (no section of docs/SCHEDULE.md)."""
        count = 1
        for length in shape:
            count *= length
        return shape, [self._draws.below(limit) for _ in range(count)]

    def flip(self, *shape):
        """Flips (no section of docs/SCHEDULE.md)."""
        return self.below(2, *shape)


def written(arrays):
    """Arrays as tables.json has them (no section of docs/SCHEDULE.md)."""
    return {name: {"shape": list(shape), "values": list(values)} for name, (shape, values) in arrays.items()}


def _head(preset, options, stages, shape, depth):
    """The first fields of a case (no section of docs/SCHEDULE.md)."""
    block = options["block"]
    return dict({"preset": preset}, **dict(options, block=list(block) if block else None), **size(shape, depth),
                stages=[stage.text() for stage in stages], lossy=s.lossy(stages, shape[2]))


def _case(preset, options, stages, shape, depth, arrays, name):
    """A case of tables that are imported ("Written-out tables" of docs/SCHEDULE.md)."""
    secret = schedule.tables_secret(arrays)
    keys = tables.imported(arrays, preset, stages, shape, depth)
    pixels = ramp(shape[0] * shape[1] * shape[2], depth)
    output = schemes.encrypt_with(keys, stages, shape, pixels, depth)
    entries, bits = tables.plan(keys, stages, shape, depth)
    if entries and tables.apply_plan(entries, bits, pixels, depth) != output:
        raise AssertionError("the plan does not do what the stages do")
    return dict(_head(preset, options, stages, shape, depth), tables=written(arrays), secret=secret.hex(),
                name=name, id=ramp_id(secret, name, shape, depth).hex(), **told(output))


def _presets():
    """Preset, options, geometry, depth and the arrays of every case of a preset ("Written-out tables" of
    docs/SCHEDULE.md)."""
    flip, published = "shuffle-flip", {"orders": s.PUBLISHED}
    four, eight, odd = {"block": (4, 4)}, {"block": (8, 8)}, {"block": (5, 7)}
    shared, each = {"block": (4, 4), "key": "shared"}, {"block": (2, 4), "key": "block"}

    def etc(blocks):
        """The arrays of `etc` ("Written-out tables" of docs/SCHEDULE.md)."""
        return lambda g: {"rotate": g.below(4, blocks), "negaposi": g.flip(blocks), "flip": g.below(3, blocks),
                          "channel": g.below(6, blocks), "permutation": g.perm(blocks)}

    def skk(*shape):
        """The arrays of `skk` ("Written-out tables" of docs/SCHEDULE.md)."""
        return lambda g: {"flip": g.flip(*shape), "channel": g.below(6, *shape[:2])}

    return [
        (flip, shared, (28, 28, 1), 8, lambda g: {"perm": g.perm(16), "flip": g.flip(16)}),
        (flip, dict(shared, scramble=True), (16, 16, 3), 8,
         lambda g: {"perm": g.perm(48), "flip": g.flip(48), "blocks": g.perm(16)}),
        (flip, dict(shared, scramble=True), (8, 12, 1), 16,
         lambda g: {"perm": g.perm(16), "flip": g.flip(16), "blocks": g.perm(6)}),
        (flip, each, (8, 8, 3), 8, lambda g: {"perm": g.perm(8, 24), "flip": g.flip(8, 24)}),
        (flip, dict(each, scramble=True), (8, 12, 1), 8,
         lambda g: {"perm": g.perm(12, 8), "flip": g.flip(12, 8), "blocks": g.perm(12)}),
        ("le", four, (28, 28, 1), 8, lambda g: {"key": g.perm(32)}),
        ("le", four, (16, 16, 3), 8, lambda g: {"key": g.perm(96)}),
        ("le", four, (16, 16, 3), 8, lambda g: {"key": g.perm(96), "rev": g.flip(96)}),
        ("le", odd, (10, 14, 1), 8, lambda g: {"key": g.perm(70)}),
        ("le", four, (8, 12, 1), 16, lambda g: {"key": g.perm(64)}),
        ("le", four, (8, 12, 3), 16, lambda g: {"key": g.perm(192), "rev": g.flip(192)}),
        ("ele", four, (16, 12, 1), 8, lambda g: {"keys": g.perm(12, 32), "perm": g.perm(12)}),
        ("ele", four, (8, 12, 3), 8, lambda g: {"keys": g.perm(6, 96), "perm": g.perm(6)}),
        ("ele", four, (8, 12, 3), 8,
         lambda g: {"keys": g.perm(6, 96), "perm": g.perm(6), "revs": g.flip(6, 96)}),
        ("ele", four, (8, 8, 1), 16, lambda g: {"keys": g.perm(4, 64), "perm": g.perm(4)}),
        ("ele", four, (8, 8, 3), 16,
         lambda g: {"keys": g.perm(4, 192), "perm": g.perm(4), "revs": g.flip(4, 192)}),
        ("etc", four, (28, 28, 3), 8, etc(49)),
        ("etc", four, (28, 28, 1), 8, etc(49)),
        ("etc", four, (28, 28, 1), 8, lambda g: {"rotate": g.below(4, 49), "negaposi": g.flip(49),
                                                 "flip": g.below(3, 49), "permutation": g.perm(49)}),
        ("etc", eight, (32, 40, 3), 16, etc(20)),
        ("etc", dict(four, **published), (24, 40, 3), 8, etc(60)),
        ("etc", dict(four, **published), (24, 40, 1), 8, etc(60)),
        ("skk", {"key": "shared"}, (12, 16, 3), 8, skk(12, 16, 3)),
        ("skk", {"key": "shared"}, (9, 7, 1), 8, skk(9, 7, 1)),
        ("skk", {"key": "shared"}, (9, 7, 1), 8, lambda g: {"flip": g.flip(9, 7, 1), "channel": g.below(99, 5)}),
        ("skk", {"key": "shared"}, (9, 7, 3), 16, skk(9, 7, 3)),
        ("skk-filter", {"key": "shared", "block": (4, 4), "statistic": "median"}, (13, 11, 3), 8, skk(13, 11, 3)),
        ("skk-filter", {"key": "shared", "block": (5, 3), "statistic": "mean"}, (13, 11, 1), 8, skk(13, 11, 1)),
        ("skk-filter", {"key": "shared", "block": (3, 2), "statistic": "max"}, (6, 10, 3), 16, skk(6, 10, 3)),
        ("skk-filter", {"key": "shared", "block": (3, 2), "statistic": "min"}, (6, 10, 3), 8, skk(6, 10, 3)),
        ("shf", four, (28, 28, 1), 8, lambda g: {"key": g.perm(16)}),
        ("shf", four, (16, 16, 3), 8, lambda g: {"key": g.perm(48)}),
        ("shf", odd, (10, 14, 3), 16, lambda g: {"key": g.perm(105)}),
        ("np", four, (28, 28, 1), 8, lambda g: {"key": g.perm(16)}),
        ("np", four, (16, 16, 3), 8, lambda g: {"flip": g.flip(48)}),
        ("np", odd, (10, 14, 1), 8, lambda g: {"key": g.perm(35)}),
        ("np", odd, (10, 14, 3), 16, lambda g: {"key": g.perm(105)}),
        ("vit", eight, (32, 32, 3), 8, lambda g: {"key_1": g.perm(192), "key_2": g.perm(16)}),
        ("vit", dict(eight, flip=True), (32, 32, 3), 8,
         lambda g: {"key_1": g.perm(192), "flip": g.flip(192), "key_2": g.perm(16)}),
        ("vit", dict(odd, flip=True), (10, 14, 1), 16,
         lambda g: {"key_1": g.perm(35), "flip": g.flip(35), "key_2": g.perm(4)}),
    ]


def _lists():
    """Stages, geometry, depth and the arrays of every case of any other scheme ("Written-out tables" of
    docs/SCHEDULE.md)."""
    return [
        ([Stage(s.NIBBLES, (4, 4), "block"), Stage(s.ROTATION, (4, 4)), Stage(s.COLOUR, (4, 6), "block"),
          Stage(s.FLIP, (2, 6), "shared", s.ELEMENTS), Stage(s.SCRAMBLING, (4, 2))], (8, 12, 3), 8,
         lambda g: {"stage0_perm": g.perm(6, 96), "stage0_rev": g.flip(6, 96), "stage1_symmetry": g.below(8, 6),
                    "stage2_channel": g.below(6, 4), "stage3_flip": g.flip(36), "stage4_perm": g.perm(12)}),
        ([Stage(s.PIXEL_NEGATIVE, key="shared"), Stage(s.SHUFFLING, (4, 6), "block", s.ELEMENTS),
          Stage(s.STATISTIC, (3, 5), statistic="mean"), Stage(s.NEGATIVE, (2, 2)), Stage(s.FLIP, (8, 1), "block"),
          Stage(s.NIBBLES, (2, 3), "shared")], (8, 12, 1), 16,
         lambda g: {"stage0_flip": g.flip(8, 12, 1), "stage1_perm": g.perm(4, 24), "stage3_flip": g.flip(24),
                    "stage4_flip": g.flip(12, 8), "stage5_perm": g.perm(24), "stage5_rev": g.flip(24)}),
        ([Stage(s.SHUFFLING, (4, 4), "shared"), Stage(s.COLOUR, (1, 1), "block"),
          Stage(s.COLOUR, (2, 4), "block", orders=s.PUBLISHED), Stage(s.SHUFFLING, (2, 6), "shared")],
         (8, 12, 3), 8,
         lambda g: {"stage0_perm": g.perm(48), "stage1_channel": g.below(6, 96), "stage2_channel": g.below(6, 12),
                    "stage3_perm": g.perm(36)}),
    ]


def _depths():
    """As _presets(), of samples that use some of their 16 bits ("Written-out tables" of docs/SCHEDULE.md)."""
    four, shared = {"block": (4, 4)}, {"block": (4, 4), "key": "shared"}
    return [
        ("shuffle-flip", dict(shared, scramble=True), (8, 12, 1), 12,
         lambda g: {"perm": g.perm(16), "flip": g.flip(16), "blocks": g.perm(6)}),
        ("le", four, (8, 8, 3), 12, lambda g: {"key": g.perm(144)}),
        ("ele", four, (8, 8, 1), 12, lambda g: {"keys": g.perm(4, 48), "perm": g.perm(4), "revs": g.flip(4, 48)}),
        ("np", {"block": (5, 7)}, (10, 14, 3), 10, lambda g: {"key": g.perm(105)}),
        ("skk", {"key": "shared"}, (9, 7, 3), 14,
         lambda g: {"flip": g.flip(9, 7, 3), "channel": g.below(6, 9, 7)}),
    ]


def cases():
    """All cases of tables that are imported ("Written-out tables" of docs/SCHEDULE.md)."""
    out = []
    for preset, options, shape, depth, arrays in _presets():
        given, drawn = dict(OPTIONS, **options), arrays(Generator(len(out)))
        out.append(_case(preset, given, s.preset(preset, **given), shape, depth, drawn, "a.png"))
    for stages, shape, depth, arrays in _lists():
        out.append(_case(None, OPTIONS, stages, shape, depth, arrays(Generator(len(out))), "train/1/000017"))
    for preset, options, shape, depth, arrays in _depths():
        given, drawn = dict(OPTIONS, **options), arrays(Generator(len(out)))
        out.append(_case(preset, given, s.preset(preset, **given), shape, depth, drawn, "a.png"))
    return out


def _export(secret, preset, options, stages, shape, depth):
    """A case of a secret whose tables are exported ("Written-out tables" of docs/SCHEDULE.md). What is imported
    from them, and the plan, do what the secret does."""
    arrays = tables.exported(secret, preset, stages, shape, depth)
    keys = tables.imported(arrays, preset, stages, shape, depth)
    entries, bits = tables.plan(keys, stages, shape, depth)
    pixels = ramp(shape[0] * shape[1] * shape[2], depth)
    output = schemes.encrypt(secret, stages, shape, pixels, None, depth)
    if schemes.encrypt_with(keys, stages, shape, pixels, depth) != output or (
            entries and tables.apply_plan(entries, bits, pixels, depth) != output):
        raise AssertionError("the tables do not do what the secret does")
    return dict({"secret": secret.hex()}, **_head(preset, options, stages, shape, depth), tables=written(arrays),
                plan=entries, plan_bits=bits, tables_secret=schedule.tables_secret(arrays).hex(), **told(output))


def exports():
    """All cases of secrets whose tables are exported ("Written-out tables" of docs/SCHEDULE.md)."""
    cases = [
        (COUNT, "shuffle-flip", {"block": (4, 4), "key": "shared"}, (8, 12, 1), 8),
        (HASHED, "shuffle-flip", {"block": (2, 4), "key": "block", "scramble": True}, (4, 8, 3), 8),
        (HASHED, "shuffle-flip", {"block": (2, 4), "key": "block", "scramble": True}, (4, 8, 1), 16),
        (COUNT, "le", {"block": (4, 4)}, (8, 8, 1), 8),
        (HASHED, "le", {"block": (2, 2)}, (4, 6, 3), 16),
        (COUNT, "ele", {"block": (4, 4)}, (8, 8, 1), 8),
        (ZERO, "ele", {"block": (2, 3)}, (4, 6, 3), 8),
        (HASHED, "ele", {"block": (2, 2)}, (4, 6, 1), 16),
        (COUNT, "etc", {"block": (2, 2)}, (8, 12, 3), 8),
        (HASHED, "etc", {"block": (2, 2)}, (8, 8, 1), 16),
        (HASHED, "etc", {"block": (2, 2), "orders": s.PUBLISHED}, (6, 8, 3), 8),
        (COUNT, "skk", {"key": "shared"}, (6, 7, 3), 8),
        (HASHED, "skk", {"key": "shared"}, (6, 7, 1), 16),
        (HASHED, "skk-filter", {"block": (4, 4), "key": "shared", "statistic": "median"}, (6, 7, 3), 8),
        (COUNT, "shf", {"block": (4, 4)}, (8, 8, 3), 8),
        (COUNT, "np", {"block": (4, 4)}, (8, 8, 1), 8),
        (HASHED, "np", {"block": (5, 7)}, (5, 7, 3), 16),
        (COUNT, "vit", {"block": (4, 4)}, (8, 8, 3), 8),
        (HASHED, "vit", {"block": (2, 3), "flip": True}, (4, 6, 3), 8),
    ]
    lists = [
        (COUNT, [Stage(s.NIBBLES, (2, 2), "block"), Stage(s.ROTATION, (4, 4)), Stage(s.NEGATIVE, (2, 4)),
                 Stage(s.COLOUR, (2, 2), "block"), Stage(s.SCRAMBLING, (4, 2))], (4, 8, 3), 8),
        (HASHED, [Stage(s.PIXEL_NEGATIVE, key="shared"), Stage(s.SHUFFLING, (2, 4), "block", s.ELEMENTS),
                  Stage(s.FLIP, (4, 2), "shared", s.ELEMENTS), Stage(s.ROTATION, (2, 2))], (4, 8, 3), 16),
    ]
    out = []
    for secret, preset, options, shape, depth in cases:
        given = dict(OPTIONS, **options)
        out.append(_export(secret, preset, given, s.preset(preset, **given), shape, depth))
    out += [_export(secret, None, OPTIONS, stages, shape, depth) for secret, stages, shape, depth in lists]
    # Samples that use some of their 16 bits.
    for preset, options, shape, depth in (
            ("shuffle-flip", {"block": (2, 4), "key": "block", "scramble": True}, (4, 8, 1), 12),
            ("le", {"block": (2, 2)}, (4, 6, 3), 12), ("ele", {"block": (2, 2)}, (4, 6, 1), 12),
            ("etc", {"block": (2, 2)}, (4, 8, 3), 14), ("np", {"block": (5, 7)}, (5, 7, 1), 10)):
        given = dict(OPTIONS, **options)
        out.append(_export(HASHED, preset, given, s.preset(preset, **given), shape, depth))
    stages = [Stage(s.NIBBLES, (2, 2), "block"), Stage(s.FLIP, (4, 2), "shared"), Stage(s.NEGATIVE, (2, 4)),
              Stage(s.NIBBLES, (4, 2), "shared")]
    return out + [_export(COUNT, None, OPTIONS, stages, (4, 8, 1), 12)]
