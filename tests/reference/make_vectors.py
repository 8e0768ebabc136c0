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

import schedule
import schemes
from blake3 import blake3_hash, derive

VECTORS = Path(__file__).resolve().parents[2] / "assets" / "vectors"

ZERO = bytes(32)
COUNT = bytes(range(32))
HASHED = blake3_hash(b"imgveil known answer")

# A key for streams that is no secret's subkey.
STREAM_KEY = derive("imgveil known answer stream", HASHED)

PIXELS = "Input pixel j of every case, in stored order from j = 0, is ((j * 2654435761) mod 2^32) >> 24."


def input_pixels(count):
    """The input of every case of schemes.json, as its "pixels" says (no section of docs/SCHEDULE.md)."""
    return bytes((j * 2654435761) % 2**32 >> 24 for j in range(count))


def keys():
    """Vectors of "Secret and key file" of docs/SCHEDULE.md."""
    return [{"secret": s.hex(), "bech32": schedule.secret_line(s), "fingerprint": schedule.fingerprint(s)}
            for s in (ZERO, COUNT, HASHED)]


def subkeys():
    """Vectors of "Subkeys" of docs/SCHEDULE.md."""
    def shuffle_flip(block, key, scramble):
        """A scheme of the preset shuffle-flip ("Stages" of docs/SCHEDULE.md)."""
        return schemes.preset("shuffle-flip", block, key, scramble)

    cases = [
        (ZERO, shuffle_flip((4, 4), "shared", False), 0, (28, 28, 1)),
        (COUNT, shuffle_flip((4, 4), "shared", False), 1, (28, 28, 1)),
        (COUNT, shuffle_flip((4, 4), "block", False), 0, (32, 32, 3)),
        (COUNT, shuffle_flip((2, 8), "block", True), 1, (32, 32, 3)),
        (HASHED, shuffle_flip((2, 8), "shared", True), 2, (32, 32, 3)),
        (HASHED, schemes.preset("keystream"), 0, (28, 28, 1)),
        (ZERO, schemes.preset("keystream"), 0, (224, 224, 3)),
    ]
    out = []
    for secret, stages, number, shape in cases:
        line = schedule.descriptor([s.text() for s in stages], number, *shape)
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


def images():
    """Vectors of "Ids and hashes of images" of docs/SCHEDULE.md."""
    views = [(0, 0, False), (0, 0, True), (1, 0, False), (0, 1, False), (-1, 2, False), (2, -3, True),
             (-4, -4, True)]
    cases = [
        (COUNT, "digits/00000.png", 2, 3, 1),
        (COUNT, "digits/00001.png", 2, 3, 1),
        (COUNT, "gr\u00f6\u00dfe/\u732b.png", 2, 3, 1),
        (COUNT, "", 3, 2, 1),
        (HASHED, "digits/00000.png", 2, 3, 1),
        (HASHED, "gr\u00f6\u00dfe/\u732b.png", 4, 4, 3),
    ]
    out = []
    for secret, name, height, width, channels in cases:
        pixels = input_pixels(height * width * channels)
        image = schedule.image_id(secret, name, height, width, channels, pixels)
        out.append({
            "secret": secret.hex(), "name": name, "height": height, "width": width, "channels": channels,
            "pixels": pixels.hex(), "id": image.hex(),
            "plain_hash": schedule.plain_hash(secret, height, width, channels, pixels).hex(),
            "views": [{"dy": dy, "dx": dx, "mirrored": m,
                       "id": schedule.view_id(secret, image, dy, dx, m).hex()} for dy, dx, m in views],
        })
    return out


def scheme_cases():
    """Vectors of "Stages" of docs/SCHEDULE.md."""
    flip, stream = "shuffle-flip", "keystream"
    cases = [
        # secret, preset, block, key, scramble, (height, width, channels), name
        (COUNT, "none", None, None, False, (28, 28, 1), "a.png"),
        (COUNT, flip, (4, 4), "shared", False, (28, 28, 1), "a.png"),
        (COUNT, flip, (4, 4), "shared", False, (32, 32, 3), "a.png"),
        (COUNT, flip, (4, 4), "block", False, (28, 28, 1), "a.png"),
        (COUNT, flip, (4, 4), "block", False, (32, 32, 3), "a.png"),
        (COUNT, flip, (4, 4), "shared", True, (28, 28, 1), "a.png"),
        (COUNT, flip, (4, 4), "block", True, (28, 28, 1), "a.png"),
        (HASHED, flip, (4, 4), "shared", True, (32, 32, 3), "a.png"),
        (HASHED, flip, (4, 4), "block", True, (32, 32, 3), "a.png"),
        (HASHED, flip, (2, 8), "shared", False, (6, 16, 3), "a.png"),
        (HASHED, flip, (2, 8), "shared", True, (6, 16, 3), "a.png"),
        (HASHED, flip, (2, 8), "block", False, (6, 16, 3), "a.png"),
        (HASHED, flip, (2, 8), "block", True, (6, 16, 3), "a.png"),
        (HASHED, flip, (5, 7), "shared", True, (5, 7, 1), "a.png"),
        (HASHED, flip, (5, 7), "block", True, (5, 7, 1), "a.png"),
        (HASHED, flip, (1, 1), "shared", True, (5, 7, 1), "a.png"),
        (HASHED, flip, (1, 1), "block", True, (5, 7, 1), "a.png"),
        (COUNT, flip, (4, 4), "shared", False, (224, 224, 3), "a.png"),
        (COUNT, flip, (16, 16), "block", True, (224, 224, 3), "a.png"),
        (COUNT, stream, None, None, False, (28, 28, 1), "a.png"),
        (COUNT, stream, None, None, False, (32, 32, 3), "a.png"),
        (HASHED, stream, None, None, False, (5, 7, 1), "gr\u00f6\u00dfe/\u732b.png"),
        (COUNT, stream, None, None, False, (224, 224, 3), "a.png"),
        (COUNT, stream, None, None, False, (224, 224, 3), "b.png"),
    ]
    out = []
    for secret, name, block, key, scramble, shape, item in cases:
        stages = schemes.preset(name, block, key, scramble)
        height, width, channels = shape
        pixels = input_pixels(height * width * channels)
        image = schedule.image_id(secret, item, height, width, channels, pixels)
        output = schemes.encrypt(secret, stages, shape, pixels, image)
        out.append({
            "secret": secret.hex(), "preset": name, "block": list(block) if block else None, "key": key,
            "scramble": scramble, "height": height, "width": width, "channels": channels, "name": item,
            "stages": [s.text() for s in stages],
            "output": output.hex() if len(output) <= 3072 else None,
            "output_blake3": blake3_hash(output).hex(),
        })
    return out


def files():
    """The bytes of every vector file by its name (all sections of docs/SCHEDULE.md)."""
    def text(value):
        """A value as JSON, its keys in the order given (no section of docs/SCHEDULE.md)."""
        return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode("utf-8")

    return {
        "schedule.json": text({
            "keys": keys(), "subkeys": subkeys(), "streams": streams(), "below": below(),
            "permutations": permutations(), "bits": bits(), "images": images(),
        }),
        "schemes.json": text({"pixels": PIXELS, "cases": scheme_cases()}),
        "example.key": schedule.key_file(COUNT, "2026-01-01T00:00:00Z").encode("utf-8"),
    }


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
