"""Named arrays to what each stage is told, and back ("Written-out tables" of docs/SCHEDULE.md).

An array is a pair (shape, values), its values in the order of the last index fastest. What each stage is told has
the form of stagekeys.py.
"""

import stages as s
from schedule import stored
from schemes import pack, unpack
from stagekeys import drawn, geometry, nibbles

# The orders of `channel` in `etc` ("Written-out tables" of docs/SCHEDULE.md), as numbers in the order of T; as
# published they are those of T itself.
ETC_ORDERS = tuple(s.ORDERS.index(t) for t in ((0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1), (2, 0, 1), (1, 2, 0)))


class Arrays:
    """The arrays of an import, and which were asked for ("Written-out tables" of docs/SCHEDULE.md)."""

    def __init__(self, arrays):
        """All of them; `plan` and `plan_bits` are ignored ("Written-out tables" of docs/SCHEDULE.md)."""
        self._arrays = {name: array for name, array in arrays.items() if name not in ("plan", "plan_bits")}
        self._left = set(self._arrays)

    def __contains__(self, name):
        """Whether there is such an array ("Written-out tables" of docs/SCHEDULE.md)."""
        return name in self._arrays

    def take(self, name, shapes, limit):
        """The values, all below `limit`, of the array of that name, whose shape must be one of `shapes`
        ("Written-out tables" of docs/SCHEDULE.md)."""
        shape, values = self._arrays[name]
        self._left.discard(name)
        count = 1
        for size in shape:
            count *= size
        if tuple(shape) not in shapes or len(values) != count or any(not 0 <= v < limit for v in values):
            raise ValueError("the array %s does not fit" % name)
        return list(values)

    def table(self, name, key, blocks, n, limit):
        """The array of that name, (n) for a shared key and (blocks, n) for a key per block ("Written-out tables"
        of docs/SCHEDULE.md)."""
        if key == "shared":
            return self.take(name, [(n,)], limit)
        values = self.take(name, [(blocks, n)], limit)
        return [values[b * n:(b + 1) * n] for b in range(blocks)]

    def perm(self, name, key, blocks, n):
        """The permutation or permutations of that name ("Written-out tables" of docs/SCHEDULE.md)."""
        table = self.table(name, key, blocks, n, n)
        for row in [table] if key == "shared" else table:
            if sorted(row) != list(range(n)):
                raise ValueError("the array %s is no permutation" % name)
        return table

    def orders(self, name, shape, channels):
        """The orders of the channels; on grey images the array may be left out, and is not looked at ("Written-out
        tables" of docs/SCHEDULE.md)."""
        if channels == 3:
            return self.take(name, [shape], 6)
        self._left.discard(name)
        count = 1
        for size in shape:
            count *= size
        return [0] * count

    def finish(self):
        """No array may be left over ("Written-out tables" of docs/SCHEDULE.md)."""
        if self._left:
            raise ValueError("arrays the scheme does not need: " + ", ".join(sorted(self._left)))


def _above_half(table):
    """1 where an entry is above half the number of entries ("Written-out tables", the defaults, of
    docs/SCHEDULE.md)."""
    return [1 if 2 * entry > len(table) else 0 for entry in table]


# Import


def _shuffle_flip(arrays, stages, shape, depth):
    """"Written-out tables", `shuffle-flip`, of docs/SCHEDULE.md."""
    blocks, d = geometry(stages[0], shape)
    key = stages[0].key
    keys = [{"perm": arrays.perm("perm", key, blocks, d)}, {"flip": arrays.table("flip", key, blocks, d, 2)}]
    return keys + [{"perm": arrays.perm("blocks", "shared", 1, blocks)} for _ in stages[2:]]


def _le(arrays, stages, shape, depth):
    """"Written-out tables", `le`, of docs/SCHEDULE.md."""
    n = nibbles(depth) * geometry(stages[0], shape)[1]
    perm = arrays.perm("key", "shared", 1, n)
    rev = arrays.table("rev", "shared", 1, n, 2) if "rev" in arrays else _above_half(perm)
    return [{"perm": perm, "rev": rev}]


def _ele(arrays, stages, shape, depth):
    """"Written-out tables", `ele`, of docs/SCHEDULE.md."""
    blocks, d = geometry(stages[0], shape)
    n = nibbles(depth) * d
    perms = arrays.perm("keys", "block", blocks, n)
    if "revs" in arrays:
        revs = arrays.table("revs", "block", blocks, n, 2)
    else:
        revs = [_above_half(perm) for perm in perms]
    return [{"perm": perms, "rev": revs}, {"perm": arrays.perm("perm", "shared", 1, blocks)}]


def _etc(arrays, stages, shape, depth):
    """"Written-out tables", `etc`, of docs/SCHEDULE.md. Mirroring up-down is half a turn and mirroring left to
    right."""
    blocks = geometry(stages[0], shape)[0]
    symmetries = []
    for rotate, flip in zip(arrays.take("rotate", [(blocks,)], 4), arrays.take("flip", [(blocks,)], 3)):
        turns = (rotate + 1) % 4
        symmetries.append({0: (turns + 2) % 4 + 4, 1: turns + 4, 2: turns}[flip])
    channel = arrays.orders("channel", (blocks,), shape[2])
    if stages[2].orders != s.PUBLISHED:
        channel = [ETC_ORDERS[number] for number in channel]
    return [{"symmetry": symmetries}, {"flip": [1 - f for f in arrays.take("negaposi", [(blocks,)], 2)]},
            {"channel": channel}, {"perm": arrays.perm("permutation", "shared", 1, blocks)}]


def _skk(arrays, stages, shape, depth):
    """"Written-out tables", `skk` and `skk-filter`, of docs/SCHEDULE.md."""
    if stages[0].key == "image":
        raise ValueError("a key per image cannot be written out")
    keys = [{"flip": arrays.take("flip", [tuple(shape)], 2)}, {"channel": arrays.orders("channel", tuple(shape[:2]), shape[2])}]
    return keys + [{} for _ in stages[2:]]


def _shf(arrays, stages, shape, depth):
    """"Written-out tables", `shf`, of docs/SCHEDULE.md."""
    return [{"perm": arrays.perm("key", "shared", 1, geometry(stages[0], shape)[1])}]


def _np(arrays, stages, shape, depth):
    """"Written-out tables", `np`, of docs/SCHEDULE.md."""
    d = geometry(stages[0], shape)[1]
    if "key" in arrays:
        return [{"flip": _above_half(arrays.perm("key", "shared", 1, d))}]
    return [{"flip": arrays.table("flip", "shared", 1, d, 2)}]


def _vit(arrays, stages, shape, depth):
    """"Written-out tables", `vit`, of docs/SCHEDULE.md."""
    blocks, d = geometry(stages[0], shape)
    keys = [{"perm": arrays.perm("key_1", "shared", 1, d)}]
    keys += [{"flip": arrays.table("flip", "shared", 1, d, 2)} for _ in stages[1:-1]]
    return keys + [{"perm": arrays.perm("key_2", "shared", 1, blocks)}]


def _any_other(arrays, stages, shape, depth):
    """"Written-out tables", any other scheme, of docs/SCHEDULE.md."""
    keys = []
    for number, stage in enumerate(stages):
        if stage.key == "image":
            raise ValueError("a key per image cannot be written out")
        blocks, d = geometry(stage, shape) if stage.block and stage.kind != s.STATISTIC else (1, 0)
        key, prefix = {}, "stage%d_" % number
        if stage.kind == s.SHUFFLING:
            key = {"perm": arrays.perm(prefix + "perm", stage.key, blocks, d)}
        if stage.kind == s.FLIP:
            key = {"flip": arrays.table(prefix + "flip", stage.key, blocks, d, 2)}
        if stage.kind == s.NIBBLES:
            n = nibbles(depth) * d
            key = {"perm": arrays.perm(prefix + "perm", stage.key, blocks, n),
                   "rev": arrays.table(prefix + "rev", stage.key, blocks, n, 2)}
        if stage.kind == s.ROTATION:
            key = {"symmetry": arrays.take(prefix + "symmetry", [(blocks,)], 8)}
        if stage.kind == s.NEGATIVE:
            key = {"flip": arrays.take(prefix + "flip", [(blocks,)], 2)}
        if stage.kind == s.PIXEL_NEGATIVE:
            key = {"flip": arrays.take(prefix + "flip", [tuple(shape)], 2)}
        if stage.kind == s.COLOUR:
            key = {"channel": arrays.orders(prefix + "channel", (blocks,), shape[2])}
        if stage.kind == s.SCRAMBLING:
            key = {"perm": arrays.perm(prefix + "perm", "shared", 1, blocks)}
        keys.append(key)
    return keys


IMPORTS = {"shuffle-flip": _shuffle_flip, "le": _le, "ele": _ele, "etc": _etc, "skk": _skk, "skk-filter": _skk,
           "shf": _shf, "np": _np, "vit": _vit}


def imported(arrays, preset, stages, shape, depth=8):
    """What the arrays say to each stage of a preset, or of any other scheme where `preset` is None ("Written-out
    tables" of docs/SCHEDULE.md)."""
    given = Arrays(arrays)
    keys = IMPORTS.get(preset, _any_other)(given, stages, tuple(shape), depth)
    given.finish()
    return keys


# Export


def _array(table):
    """A list, or a list of lists, as an array ("Written-out tables" of docs/SCHEDULE.md)."""
    if table and isinstance(table[0], list):
        return (len(table), len(table[0])), [value for row in table for value in row]
    return (len(table),), list(table)


def _export_etc(keys, stages):
    """"Written-out tables", `etc`, of docs/SCHEDULE.md. Of the two ways to write a symmetry that is mirrored, the
    one that mirrors left to right."""
    symmetries, channel = keys[0]["symmetry"], keys[2]["channel"]
    if stages[2].orders != s.PUBLISHED:
        channel = [ETC_ORDERS.index(number) for number in channel]
    return {"rotate": _array([(number % 4 + 3) % 4 for number in symmetries]),
            "negaposi": _array([1 - f for f in keys[1]["flip"]]),
            "flip": _array([1 if number >= 4 else 2 for number in symmetries]),
            "channel": _array(channel), "permutation": _array(keys[3]["perm"])}


def exported(secret, preset, stages, shape, depth=8):
    """The named arrays that say what the secret says ("Written-out tables" of docs/SCHEDULE.md)."""
    shape = tuple(shape)
    if any(stage.key == "image" for stage in stages):
        raise ValueError("a key per image cannot be written out")
    keys = drawn(secret, stages, shape, depth)
    if preset == "shuffle-flip":
        arrays = {"perm": _array(keys[0]["perm"]), "flip": _array(keys[1]["flip"])}
        arrays.update(("blocks", _array(key["perm"])) for key in keys[2:])
        return arrays
    if preset == "le":
        return {"key": _array(keys[0]["perm"]), "rev": _array(keys[0]["rev"])}
    if preset == "ele":
        return {"keys": _array(keys[0]["perm"]), "revs": _array(keys[0]["rev"]), "perm": _array(keys[1]["perm"])}
    if preset == "etc":
        return _export_etc(keys, stages)
    if preset in ("skk", "skk-filter"):
        return {"flip": (shape, keys[0]["flip"]), "channel": (shape[:2], keys[1]["channel"])}
    if preset == "shf":
        return {"key": _array(keys[0]["perm"])}
    if preset == "np":
        return {"flip": _array(keys[0]["flip"])}
    if preset == "vit":
        arrays = {"key_1": _array(keys[0]["perm"]), "key_2": _array(keys[-1]["perm"])}
        arrays.update(("flip", _array(key["flip"])) for key in keys[1:-1])
        return arrays
    arrays = {}
    for number, (stage, key) in enumerate(zip(stages, keys)):
        for name, table in key.items():
            array = (shape, table) if stage.kind == s.PIXEL_NEGATIVE else _array(table)
            arrays["stage%d_%s" % (number, name)] = array
    return arrays


# Plan


def per_sample(bits, depth):
    """The elements of a stored sample ("Written-out tables", `plan`, of docs/SCHEDULE.md)."""
    return 2 * stored(depth) if bits == 4 else 1


def _step(stage, key, shape, depth, bits):
    """One stage as a plan: for every element the source and the flip ("Stages", and "Written-out tables",
    `plan`, of docs/SCHEDULE.md)."""
    height, width, channels = shape
    per = per_sample(bits, depth)
    count = height * width * channels
    source, flips = list(range(count * per)), [0] * (count * per)

    def sample(j, origin, flip):
        """All elements of sample j come from those of the sample `origin` (no section of docs/SCHEDULE.md)."""
        for low in range(per):
            used = bits != 4 or low < depth // 4
            source[j * per + low], flips[j * per + low] = origin * per + low, flip if used else 0

    if stage.kind == s.PIXEL_NEGATIVE:
        for j in range(count):
            sample(j, j, key["flip"][j])
        return source, flips
    where = s.positions(stage.block, height, width, channels, stage.order)
    bh, bw = stage.block
    for b, places in enumerate(where):
        part = {name: table if stage.key == "shared" else table[b] for name, table in key.items()}
        d = len(places)
        if stage.kind == s.NIBBLES:
            for i, (j, r) in enumerate(zip(part["perm"], part["rev"])):
                e = places[i % d] * per + i // d
                source[e], flips[e] = places[j % d] * per + j // d, part["rev"][j] ^ r
            continue
        for i, j in enumerate(places):
            if stage.kind == s.SHUFFLING:
                sample(j, places[part["perm"][i]], 0)
            elif stage.kind == s.FLIP:
                sample(j, j, part["flip"][i])
            elif stage.kind == s.NEGATIVE:
                sample(j, j, part["flip"])
            elif stage.kind == s.SCRAMBLING:
                sample(j, where[part["perm"]][i], 0)
            elif stage.kind == s.COLOUR:
                orders = s.PUBLISHED_ORDERS if stage.orders == s.PUBLISHED else s.ORDERS
                if channels == 3:
                    sample(j, places[i // 3 * 3 + orders[part["channel"]][i % 3]], 0)
            elif stage.kind == s.ROTATION:
                y, x, c = i // channels // bw, i // channels % bw, i % channels
                if part["symmetry"] >= 4:
                    x = bw - 1 - x
                for _ in range(part["symmetry"] % 4):
                    y, x = x, bh - 1 - y
                sample(j, places[(y * bw + x) * channels + c], 0)
    return source, flips


def plan(keys, stages, shape, depth=8):
    """The plan of a whole scheme and its bits, or (None, None) where a stage is more than a gather and flips
    ("Written-out tables", `plan`, of docs/SCHEDULE.md)."""
    if any(stage.kind in (s.STATISTIC, s.MIXING, s.KEYSTREAM) for stage in stages):
        return None, None
    bits = 4 if any(stage.kind == s.NIBBLES for stage in stages) else depth
    height, width, channels = shape
    source = list(range(height * width * channels * per_sample(bits, depth)))
    flips = [0] * len(source)
    for stage, key in zip(stages, keys):
        taken, flipped = _step(stage, key, shape, depth, bits)
        flips = [flips[e] ^ f for e, f in zip(taken, flipped)]
        source = [source[e] for e in taken]
    return [e | f << 31 for e, f in zip(source, flips)], bits


def apply_plan(entries, bits, pixels, depth=8):
    """The encrypted pixels, by the plan alone ("Written-out tables", `plan`, of docs/SCHEDULE.md)."""
    per, top = per_sample(bits, depth), (1 << bits) - 1
    elements = [p >> bits * low & top for p in unpack(pixels, depth) for low in range(per)]
    out = [top - elements[e & 0x7FFFFFFF] if e >> 31 else elements[e] for e in entries]
    return pack([sum(out[j + low] << bits * low for low in range(per)) for j in range(0, len(out), per)], depth)
