"""The key schedule of docs/SCHEDULE.md: keys, subkeys, draws, ids and hashes of images."""

import math
import struct

import bech32
import chacha20
from blake3 import derive, keyed

# Secret and key file


def fingerprint(secret):
    """The secret's fingerprint, 16 hex digits ("Secret and key file" of docs/SCHEDULE.md)."""
    return derive("imgveil v1 fingerprint", secret)[:8].hex()


def secret_line(secret):
    """The key file's line that is the secret ("Secret and key file" of docs/SCHEDULE.md)."""
    if len(secret) != 32:
        raise ValueError("a secret has 32 bytes")
    return bech32.encode("imgveil-secret-key-", secret).upper()


def key_file(secret, created):
    """The text of a key file made at the time `created` ("Secret and key file" of docs/SCHEDULE.md)."""
    return "".join(line + "\n" for line in (
        "# imgveil secret key. Whoever holds it can decrypt: keep it off shared disks and out of e-mail.",
        "# created: " + created,
        "# fingerprint: " + fingerprint(secret),
        secret_line(secret),
    ))


# Subkeys


def descriptor(texts, number, height, width, channels, depth=8):
    """The descriptor of stage `number` of the scheme with these stage texts ("Subkeys" of
    docs/SCHEDULE.md)."""
    return "imgveil/1 scheme=[{}] stage={} image={}x{}x{} depth={}".format(
        "; ".join(texts), number, height, width, channels, depth)


def subkey(secret, line):
    """The subkey for a descriptor ("Subkeys" of docs/SCHEDULE.md)."""
    return derive("imgveil v1 stage", secret + line.encode("ascii"))


# Streams and draws


class Draws:
    """The draws from one stream, in order ("Streams and draws" of docs/SCHEDULE.md)."""

    def __init__(self, key, stream=0):
        """A stream from its first word ("Streams and draws" of docs/SCHEDULE.md)."""
        self._key, self._stream = key, stream
        self._words = chacha20.words(key, stream)

    def word(self):
        """The next 32-bit word ("Streams and draws" of docs/SCHEDULE.md)."""
        return next(self._words)

    def below(self, n):
        """A number below n ("Streams and draws", below, of docs/SCHEDULE.md)."""
        if not 1 <= n < 1 << 32:
            raise ValueError("below(n) needs 1 <= n < 2^32")
        reject = ((1 << 32) - n) % n
        m = self.word() * n
        while m % (1 << 32) < reject:
            m = self.word() * n
        return m >> 32

    def permutation(self, n):
        """A permutation of 0 ... n-1 ("Streams and draws", permutation, of docs/SCHEDULE.md)."""
        entries = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            entries[i], entries[j] = entries[j], entries[i]
        return entries

    def bits(self, n):
        """n bits ("Streams and draws", bits, of docs/SCHEDULE.md)."""
        drawn = [self.word() for _ in range((n + 31) // 32)]
        return [drawn[k // 32] >> (k % 32) & 1 for k in range(n)]

    def bytes(self, n):
        """n bytes ("Streams and draws", bytes, of docs/SCHEDULE.md)."""
        drawn = [self.word() for _ in range((n + 3) // 4)]
        return struct.pack("<%dI" % len(drawn), *drawn)[:n]

    def digits(self, n, count):
        """`count` numbers below n, each from the words of its own places in the stream, whatever has been
        drawn before ("Streams and draws", digits, of docs/SCHEDULE.md)."""
        reject = ((1 << 32) - n) % n
        digits = [None] * count
        left = range(count)
        words = chacha20.words(self._key, self._stream)
        while left:
            # The next `count` words: one more for every digit, of use to those that have none yet.
            row = [next(words) for _ in range(count)]
            for i in left:
                if row[i] * n % (1 << 32) >= reject:
                    digits[i] = row[i] * n >> 32
            left = [i for i in left if digits[i] is None]
        return digits

    def rankings(self, n, count, bits, skipped=0):
        """`count` permutations of 0 ... n-1 from pieces of `bits` bits, counted from word `skipped` on, whatever
        has been drawn before ("Streams and draws", rankings, of docs/SCHEDULE.md)."""
        words = chacha20.words(self._key, self._stream)
        for _ in range(skipped):
            next(words)
        pieces = []

        def piece(number):
            while len(pieces) <= number:
                word = next(words)
                pieces.extend([word] if bits == 32 else [word & 0xffff, word >> 16])
            return pieces[number]

        found, rounds = None, 0
        while found is None:
            rounds += 1
            sequences = [[tuple(piece(q * n + i + k * n * count) for k in range(rounds)) for i in range(n)]
                         for q in range(count)]
            if all(len(set(of_one)) == n for of_one in sequences):
                found = [sorted(range(n), key=of_one.__getitem__) for of_one in sequences]
        return found

    def _half(self):
        """Yes with probability exp(-1/2) ("Streams and draws", half-normal, step 1, of docs/SCHEDULE.md)."""
        b, n = 1 << 31, 0
        while True:
            u = self.word()
            if u >= b:
                return n % 2 == 0
            b, n = u, n + 1

    def _trial(self, k, x):
        """Yes with probability exp(-x(2k + x)/(2k + 2)), x in units of 2^-32 ("Streams and draws",
        half-normal, step 4, of docs/SCHEDULE.md)."""
        b, n = x, 0
        while True:
            u = self.word()
            if u >= b:
                return n % 2 == 0
            v = self.word()
            if v * (2 * k + 2) >= 2 * k * (1 << 32) + x:
                return n % 2 == 0
            b, n = u, n + 1

    def half_normal(self):
        """|x| of a standard normal x, in units of 2^-32 ("Streams and draws", half-normal, of
        docs/SCHEDULE.md)."""
        while True:
            k = 0
            while self._half():
                k += 1
            if not all(self._half() for _ in range(k * (k - 1))):
                continue
            x = self.word()
            if all(self._trial(k, x) for _ in range(k + 1)):
                return (k << 32) + x


# Written-out tables


def tables_secret(arrays, salt=None):
    """The secret of a set encrypted with tables, for ids and hashes: `arrays` has a (shape, values) for every
    name, `salt` is the tables' salt ("Written-out tables", last paragraphs, of docs/SCHEDULE.md)."""
    material = salt or b""
    for name in sorted(arrays, key=lambda n: n.encode("utf-8")):
        if name in ("plan", "plan_bits"):
            continue
        shape, values = arrays[name]
        text = name.encode("utf-8")
        material += struct.pack("<I", len(text)) + text + struct.pack("<I", len(shape))
        material += struct.pack("<%dI" % len(shape), *shape) + struct.pack("<%dI" % len(values), *values)
    return derive("imgveil v1 tables" if salt is None else "imgveil v2 tables", material)


# Ids and hashes of images


def stored(depth):
    """The bytes of a stored sample ("Stages", first paragraph, of docs/SCHEDULE.md)."""
    return 1 if depth == 8 else 2


def plain_bytes(height, width, channels, pixels, depth):
    """The bytes P ("Ids and hashes of images" of docs/SCHEDULE.md)."""
    if len(pixels) != height * width * channels * stored(depth):
        raise ValueError("the pixels are not H*W*C samples")
    return struct.pack("<4I", height, width, channels, depth) + bytes(pixels)


def image_id(secret, name, height, width, channels, pixels, depth=8):
    """The image id, 8 bytes ("Ids and hashes of images" of docs/SCHEDULE.md)."""
    text = name.encode("utf-8")
    message = struct.pack("<I", len(text)) + text + plain_bytes(height, width, channels, pixels, depth)
    return keyed(derive("imgveil v1 image id", secret), message)[:8]


def plain_hash(secret, height, width, channels, pixels, depth=8):
    """The plain hash, 16 bytes ("Ids and hashes of images" of docs/SCHEDULE.md)."""
    return keyed(derive("imgveil v1 plain hash", secret), plain_bytes(height, width, channels, pixels, depth))[:16]


def view_id(secret, image, dy, dx, mirrored, angle=0, brightness=0):
    """The id of a view of the image with the id `image`, 8 bytes ("Ids and hashes of images" of
    docs/SCHEDULE.md)."""
    if (dy, dx, mirrored, angle, brightness) == (0, 0, False, 0, 0):
        return image
    message = image + struct.pack("<iiB", dy, dx, 1 if mirrored else 0)
    if (angle, brightness) != (0, 0):
        message += struct.pack("<ii", angle, brightness)
    return keyed(derive("imgveil v1 view id", secret), message)[:8]


def view(pixels, height, width, channels, depth, dy, dx, mirrored, angle, brightness):
    """The samples of a view of an image, both stored bytes ("Views" of docs/SCHEDULE.md)."""
    size = stored(depth)
    largest = 2**depth - 1
    c = round(math.cos(math.radians(angle / 100)) * 2**14)
    s = round(math.sin(math.radians(angle / 100)) * 2**14)

    def mirrored_at(y, x, channel):
        if not (0 <= y < height and 0 <= x < width):
            return 0
        place = ((y * width + (width - 1 - x if mirrored else x)) * channels + channel) * size
        return int.from_bytes(pixels[place:place + size], "little")

    def turned_at(y, x, channel):
        big_y, big_x = 2 * y - (height - 1), 2 * x - (width - 1)
        u = c * big_x - s * big_y + (width - 1) * 2**14
        v = s * big_x + c * big_y + (height - 1) * 2**14
        i, j, f, g = u // 2**15, v // 2**15, u // 2**7 % 256, v // 2**7 % 256
        rows = [(256 - f) * mirrored_at(row, i, channel) + f * mirrored_at(row, i + 1, channel) for row in (j, j + 1)]
        return ((256 - g) * rows[0] + g * rows[1] + 2**15) // 2**16

    out = b""
    for y in range(height):
        for x in range(width):
            for channel in range(channels):
                value = (turned_at(y + dy, x + dx, channel) * (256 + brightness) + 128) // 256
                out += min(largest, value).to_bytes(size, "little")
    return out


def stream_id(identity):
    """An image's or view's id as a stream id ("Ids and hashes of images" of docs/SCHEDULE.md)."""
    return int.from_bytes(identity, "little")


def epoch_id(secret, identity, epoch):
    """What stands for an id of 8 bytes in an epoch of training, from 1 on ("Mixing", last paragraph, of
    docs/SCHEDULE.md)."""
    return keyed(derive("imgveil v1 epoch id", secret), identity + struct.pack("<I", epoch))[:8]
