"""Write the known-answer vectors of docs/SCHEDULE.md, or check the ones that are there.

    python3 tests/reference/make_vectors.py [OUTDIR]     write them (default: assets/vectors)
    python3 tests/reference/make_vectors.py --check      compare them with a fresh set
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import mixing_cases
import schedule
import scheme_cases
import set_cases
import stages as st
import table_cases
from cases import COUNT, HASHED, PIXELS, STREAM_KEY, ZERO, ramp

VECTORS = Path(__file__).resolve().parents[2] / "assets" / "vectors"


def keys():
    """Vectors of "Secret and key file" of docs/SCHEDULE.md."""
    return [{"secret": s.hex(), "bech32": schedule.secret_line(s), "fingerprint": schedule.fingerprint(s)}
            for s in (ZERO, COUNT, HASHED)]


def subkeys():
    """Vectors of "Subkeys" of docs/SCHEDULE.md."""
    def shuffle_flip(block, key, scramble):
        """A scheme of the preset shuffle-flip ("Stages" of docs/SCHEDULE.md)."""
        return st.preset("shuffle-flip", block, key, scramble)

    skk_filter = st.preset("skk-filter", key="image", statistic="mean")
    cases = [
        (ZERO, shuffle_flip((4, 4), "shared", False), 0, (28, 28, 1), 8),
        (COUNT, shuffle_flip((4, 4), "shared", False), 1, (28, 28, 1), 8),
        (COUNT, shuffle_flip((4, 4), "block", False), 0, (32, 32, 3), 8),
        (COUNT, shuffle_flip((2, 8), "block", True), 1, (32, 32, 3), 8),
        (HASHED, shuffle_flip((2, 8), "shared", True), 2, (32, 32, 3), 8),
        (HASHED, st.preset("keystream"), 0, (28, 28, 1), 8),
        (ZERO, st.preset("keystream"), 0, (224, 224, 3), 8),
        (ZERO, shuffle_flip((4, 4), "shared", False), 0, (28, 28, 1), 16),
        (HASHED, st.preset("keystream"), 0, (28, 28, 1), 16),
        (COUNT, st.preset("le"), 0, (28, 28, 1), 8),
        (COUNT, st.preset("ele"), 0, (32, 32, 3), 16),
        (COUNT, st.preset("ele"), 1, (32, 32, 3), 8),
        (COUNT, st.preset("etc"), 0, (224, 224, 3), 8),
        (HASHED, st.preset("etc", orders=st.PUBLISHED), 1, (224, 224, 3), 8),
        (HASHED, st.preset("etc", orders=st.PUBLISHED), 2, (224, 224, 3), 8),
        (HASHED, st.preset("etc", (4, 4)), 3, (28, 28, 1), 16),
        (COUNT, st.preset("skk", key="shared"), 0, (32, 32, 3), 8),
        (COUNT, st.preset("skk", key="shared"), 1, (32, 32, 3), 8),
        (COUNT, st.preset("skk", key="image"), 1, (32, 32, 3), 16),
        (HASHED, skk_filter, 0, (29, 31, 3), 8),
        (HASHED, skk_filter, 2, (29, 31, 3), 8),
    ]
    cases += [(HASHED, st.preset("skk-filter", (5, 3), "shared", statistic=name), 1, (29, 31, 1), 16)
              for name in scheme_cases.STATISTICS]
    cases += [
        (COUNT, st.preset("shf"), 0, (32, 32, 3), 8),
        (COUNT, st.preset("np"), 0, (32, 32, 3), 8),
        (COUNT, st.preset("vit"), 0, (224, 224, 3), 8),
        (COUNT, st.preset("vit", flip=True), 1, (224, 224, 3), 8),
        (COUNT, st.preset("vit", flip=True), 2, (224, 224, 3), 16),
        (COUNT, st.preset("instahide"), 0, (32, 32, 3), 8),
        (HASHED, st.preset("instahide", images=12), 0, (28, 28, 1), 8),
    ]
    cases += [(COUNT, st.preset("np"), 0, (32, 32, 1), depth) for depth in range(9, 16)]
    out = []
    for secret, stages, number, shape, depth in cases:
        line = schedule.descriptor([s.text() for s in stages], number, *shape, depth)
        out.append({"secret": secret.hex(), "descriptor": line, "subkey": schedule.subkey(secret, line).hex()})
    return out


def streams():
    """Vectors of the words of a stream ("Streams and draws" of docs/SCHEDULE.md)."""
    cases = [(ZERO, 0), (ZERO, 1), (ZERO, 2**32), (ZERO, 2**64 - 1), (COUNT, 0),
             (STREAM_KEY, 0), (STREAM_KEY, 0x0123456789ABCDEF)]
    out = []
    for key, stream in cases:
        draws = schedule.Draws(key, stream)
        out.append({"key": key.hex(), "stream": str(stream), "words": [draws.word() for _ in range(40)]})
    return out


def draws_of(number):
    """The key, stream and draws of the vector number `number` of one kind of draw ("Streams and draws" of
    docs/SCHEDULE.md): the keys and streams differ from one to the next."""
    key = (STREAM_KEY, COUNT)[number % 2]
    stream = (0, 1, 2**32, 2**64 - 1)[number % 4]
    return {"key": key.hex(), "stream": str(stream)}, schedule.Draws(key, stream)


def below():
    """Vectors of below(n) ("Streams and draws" of docs/SCHEDULE.md)."""
    out = []
    for number, n in enumerate((1, 2, 3, 6, 10, 1000, 65536, 2**31 + 1, 3 * 2**30, 2**32 - 1)):
        case, draws = draws_of(number)
        out.append(dict(case, n=n, values=[draws.below(n) for _ in range(64)]))
    return out


def permutations():
    """Vectors of permutation(n) ("Streams and draws" of docs/SCHEDULE.md)."""
    out = []
    for number, n in enumerate((1, 2, 3, 16, 48, 1000)):
        case, draws = draws_of(number)
        out.append(dict(case, n=n, values=draws.permutation(n)))
    return out


def bits():
    """Vectors of bits(n) ("Streams and draws" of docs/SCHEDULE.md)."""
    out = []
    for number, n in enumerate((1, 31, 32, 33, 100)):
        case, draws = draws_of(number)
        out.append(dict(case, n=n, values="".join(str(b) for b in draws.bits(n))))
    return out


def digits():
    """Vectors of digits(n, count) ("Streams and draws" of docs/SCHEDULE.md)."""
    out = []
    cases = ((6, 100), (8, 100), (1, 3), (2, 16), (3, 17), (10, 33), (6, 1), (1000, 40), (2**31 + 1, 50),
             (2**31 + 1, 1), (3 * 2**30, 64), (2**32 - 1, 5))
    for number, (n, count) in enumerate(cases):
        case, draws = draws_of(number)
        out.append(dict(case, n=n, count=count, values=draws.digits(n, count)))
    return out


def rankings():
    """Vectors of rankings(n, count, b) ("Streams and draws" of docs/SCHEDULE.md). The first has many equal halves."""
    out = []
    cases = ((1200, 1, 16, 0), (16, 20, 16, 0), (48, 5, 16, 7), (1, 3, 16, 0), (5, 9, 16, 3), (300, 1, 32, 0), (7, 3, 32, 1))
    for number, (n, count, bits, skipped) in enumerate(cases):
        case, draws = draws_of(number)
        values = [i for order in draws.rankings(n, count, bits, skipped) for i in order]
        out.append(dict(case, n=n, count=count, bits=bits, skipped=skipped, values=values))
    return out


def half_normals():
    """Vectors of half-normal() ("Streams and draws" of docs/SCHEDULE.md)."""
    out = []
    for number in range(4):
        case, draws = draws_of(number)
        out.append(dict(case, values=[str(draws.half_normal()) for _ in range(40)]))
    return out


def epochs():
    """Vectors of ids in epochs ("Mixing", last paragraph, of docs/SCHEDULE.md): of images, and of splits."""
    identity = schedule.image_id(COUNT, "train/1/000017", 2, 3, 1, ramp(6))
    cases = [(secret, identity, epoch) for secret in (COUNT, HASHED) for epoch in (1, 2, 256, 2**32 - 1)]
    cases += [(COUNT, split.to_bytes(8, "little"), epoch) for split in range(4) for epoch in (1, 2)]
    return [{"secret": secret.hex(), "id": which.hex(), "epoch": epoch,
             "result": schedule.epoch_id(secret, which, epoch).hex()} for secret, which, epoch in cases]


def images():
    """Vectors of "Ids and hashes of images" of docs/SCHEDULE.md."""
    views = [(0, 0, False, 0, 0), (0, 0, True, 0, 0), (1, 0, False, 0, 0), (0, 1, False, 0, 0), (-1, 2, False, 0, 0),
             (2, -3, True, 0, 0), (-4, -4, True, 0, 0), (0, 0, False, 1000, 0), (0, 0, False, 0, -51),
             (1, 0, True, -1234, 51), (0, 0, True, 9000, 256)]
    cases = [
        (COUNT, "digits/00000.png", 2, 3, 1, 8),
        (COUNT, "digits/00001.png", 2, 3, 1, 8),
        (COUNT, "gr\u00f6\u00dfe/\u732b.png", 2, 3, 1, 8),
        (COUNT, "", 3, 2, 1, 8),
        (HASHED, "digits/00000.png", 2, 3, 1, 8),
        (HASHED, "gr\u00f6\u00dfe/\u732b.png", 4, 4, 3, 8),
        (COUNT, "digits/00000.png", 2, 3, 1, 16),
        (HASHED, "gr\u00f6\u00dfe/\u732b.png", 4, 4, 3, 16),
        (COUNT, "digits/00000.png", 2, 3, 1, 12),
        (HASHED, "gr\u00f6\u00dfe/\u732b.png", 4, 4, 3, 10),
        (COUNT, "digits/00000.png", 3, 3, 1, 15),
    ]
    out = []
    for secret, name, height, width, channels, depth in cases:
        pixels = ramp(height * width * channels, depth)
        image = schedule.image_id(secret, name, height, width, channels, pixels, depth)
        out.append({
            "secret": secret.hex(), "name": name, "height": height, "width": width, "channels": channels,
            "depth": depth, "pixels": pixels.hex(), "id": image.hex(),
            "plain_hash": schedule.plain_hash(secret, height, width, channels, pixels, depth).hex(),
            "views": [dict(zip(("dy", "dx", "mirrored", "angle", "brightness"), view),
                           id=schedule.view_id(secret, image, *view).hex(),
                           pixels=schedule.view(pixels, height, width, channels, depth, *view).hex())
                      for view in views],
        })
    return out


def _numbers(value):
    """Whether a value is a number or a list of nothing else (no section of docs/SCHEDULE.md)."""
    return isinstance(value, (int, float)) or isinstance(value, list) and all(_numbers(v) for v in value)


def text(value, level=0):
    """A value as JSON: keys in the order given, lists of numbers on one line (no section of
    docs/SCHEDULE.md)."""
    if not isinstance(value, (dict, list)) or not value or _numbers(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    inner, outer = "\n" + " " * (level + 1), "\n" + " " * level
    if isinstance(value, dict):
        parts = [json.dumps(key, ensure_ascii=False) + ": " + text(v, level + 1) for key, v in value.items()]
        return "{" + inner + ("," + inner).join(parts) + outer + "}"
    return "[" + inner + ("," + inner).join(text(v, level + 1) for v in value) + outer + "]"


def files():
    """The bytes of every vector file by its name (all sections of docs/SCHEDULE.md)."""
    contents = {
        "schedule.json": {
            "keys": keys(), "subkeys": subkeys(), "streams": streams(), "below": below(),
            "permutations": permutations(), "bits": bits(), "digits": digits(), "rankings": rankings(), "half_normals": half_normals(),
            "images": images(), "epochs": epochs(),
        },
        "schemes.json": {"pixels": PIXELS, "cases": scheme_cases.cases()},
        "tables.json": {"pixels": PIXELS, "cases": table_cases.cases(), "export": table_cases.exports()},
        "sets.json": {"images": set_cases.images(), "tables": set_cases.tables(), "seals": set_cases.seals()},
        "mixing.json": {"pixels": mixing_cases.INPUTS, "cases": mixing_cases.cases()},
    }
    out = {name: (text(value) + "\n").encode("utf-8") for name, value in contents.items()}
    out["example.key"] = schedule.key_file(COUNT, "2026-01-01T00:00:00Z").encode("utf-8")
    return out


def write(folder):
    """Write every vector file into a folder (all sections of docs/SCHEDULE.md)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (folder / name).write_bytes(content)


def differing(fresh, kept):
    """The names of the files of `fresh` that `kept` lacks or has otherwise (no section of
    docs/SCHEDULE.md)."""
    return [p.name for p in sorted(fresh.iterdir())
            if not (kept / p.name).is_file() or (kept / p.name).read_bytes() != p.read_bytes()]


def main():
    """The command line (no section of docs/SCHEDULE.md)."""
    parser = argparse.ArgumentParser(description="Write or check the known-answer vectors.")
    parser.add_argument("outdir", nargs="?", type=Path, default=VECTORS, metavar="OUTDIR",
                        help="where the vectors are (default: assets/vectors)")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    given = parser.parse_args()
    if not given.check:
        write(given.outdir)
        return 0
    with tempfile.TemporaryDirectory() as fresh:
        write(Path(fresh))
        wrong = differing(Path(fresh), given.outdir)
    for name in wrong:
        print("differs: " + name, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
