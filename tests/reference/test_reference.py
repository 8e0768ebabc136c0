"""Tests of the reference itself: published vectors, and decryption that undoes encryption.

    python3 tests/reference/test_reference.py
"""

import math
import struct
import sys
import unittest
from fractions import Fraction

sys.dont_write_bytecode = True

import bech32
import blake3
import chacha20
import mixing
import schedule
import schemes
import stagekeys
import stages as st
import tables
from stages import Stage

SECRET = bytes(range(32))

# The first 32 bytes of BLAKE3's published test vectors: length, hash, keyed hash, derive_key.
BLAKE3 = [
    (0,
     "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
     "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
     "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"),
    (1,
     "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
     "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
     "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"),
    (63,
     "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b",
     "bb1eb5d4afa793c1ebdd9fb08def6c36d10096986ae0cfe148cd101170ce37ae",
     "b6451e30b953c206e34644c6803724e9d2725e0893039cfc49584f991f451af3"),
    (64,
     "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98",
     "ba8ced36f327700d213f120b1a207a3b8c04330528586f414d09f2f7d9ccb7e6",
     "a5c4a7053fa86b64746d4bb688d06ad1f02a18fce9afd3e818fefaa7126bf73e"),
    (65,
     "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee",
     "c0a4edefa2d2accb9277c371ac12fcdbb52988a86edc54f0716e1591b4326e72",
     "51fd05c3c1cfbc8ed67d139ad76f5cf8236cd2acd26627a30c104dfd9d3ff8a8"),
    (1023,
     "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
     "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e",
     "74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5"),
    (1024,
     "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
     "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4",
     "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706"),
    (1025,
     "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
     "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69",
     "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb"),
    (2048,
     "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
     "879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1",
     "7b2945cb4fef70885cc5d78a87bf6f6207dd901ff239201351ffac04e1088a23"),
    (2049,
     "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030",
     "9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5",
     "2ea477c5515cc3dd606512ee72bb3e0e758cfae7232826f35fb98ca1bcbdf273"),
    (5120,
     "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833",
     "2c493e48e9b9bf31e0553a22b23503c0a3388f035cece68eb438d22fa1943e20",
     "7a7acac8a02adcf3038d74cdd1d34527de8a0fcc0ee3399d1262397ce5817f60"),
    (31744,
     "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
     "efa53b389ab67c593dba624d898d0f7353ab99e4ac9d42302ee64cbf9939a419",
     "39772aef80e0ebe60596361e45b061e8f417429d529171b6764468c22928e28e"),
]

# RFC 8439, section 2.3.2 and appendix A.1: key, 32-bit counter, 12-byte nonce, block.
CHACHA20 = [
    (bytes(range(32)), 1, "000000090000004a00000000",
     "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
     "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"),
    (bytes(32), 0, "000000000000000000000000",
     "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
     "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"),
    (bytes(32), 1, "000000000000000000000000",
     "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
     "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"),
    (bytes(31) + b"\1", 1, "000000000000000000000000",
     "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
     "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"),
    (b"\0\xff" + bytes(30), 2, "000000000000000000000000",
     "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
     "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"),
    (bytes(32), 0, "000000000000000000000002",
     "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
     "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d"),
]

# BIP 173's valid Bech32 strings.
BECH32 = [
    "A12UEL5L",
    "a12uel5l",
    "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
    "11" + 82 * "q" + "c8247j",
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
    "?1ezyfcl",
]


def pixels(count):
    """Pixels to encrypt (no section of docs/SCHEDULE.md)."""
    return bytes((k * k + 7 * k) % 251 for k in range(count))


def within(depth, shape):
    """Stored pixels of an image (no section of docs/SCHEDULE.md)."""
    count = shape[0] * shape[1] * shape[2]
    if depth == 8:
        return pixels(count)
    return schemes.pack([p % 2**depth for p in schemes.unpack(pixels(2 * count), 16)], depth)


def draws_of(stages, number, shape, depth=8, stream=0):
    """The draws of a stage, for a test to repeat ("Subkeys" of docs/SCHEDULE.md)."""
    line = schedule.descriptor([s.text() for s in stages], number, *shape, depth)
    return schedule.Draws(schedule.subkey(SECRET, line), stream)


class Published(unittest.TestCase):
    """The functions that docs/SCHEDULE.md takes from elsewhere."""

    def test_blake3(self):
        """The introduction of docs/SCHEDULE.md."""
        for length, plain, with_key, derived in BLAKE3:
            data = bytes(k % 251 for k in range(length))
            context = "BLAKE3 2019-12-27 16:29:52 test vectors context"
            self.assertEqual(blake3.blake3_hash(data).hex(), plain, length)
            self.assertEqual(blake3.keyed(b"whats the Elvish word for friend", data).hex(), with_key, length)
            self.assertEqual(blake3.derive(context, data).hex(), derived, length)

    def test_chacha20(self):
        """"Streams and draws" of docs/SCHEDULE.md: the RFC's nonce is the counter's high word, then the
        stream id."""
        for key, counter, nonce, expected in CHACHA20:
            nonce = bytes.fromhex(nonce)
            counter |= int.from_bytes(nonce[:4], "little") << 32
            block = chacha20.block(key, counter, int.from_bytes(nonce[4:], "little"))
            self.assertEqual(b"".join(w.to_bytes(4, "little") for w in block).hex(), expected)

    def test_chacha20_words(self):
        """"Streams and draws" of docs/SCHEDULE.md: the blocks follow each other from block 0."""
        words = chacha20.words(SECRET, 5)
        drawn = [next(words) for _ in range(48)]
        self.assertEqual(drawn, sum((chacha20.block(SECRET, k, 5) for k in range(3)), []))
        start = 2**32 - 3
        self.assertEqual(chacha20.blocks(SECRET, start, 2**64 - 1, 5),
                         sum((chacha20.block(SECRET, start + k, 2**64 - 1) for k in range(5)), []))

    def test_bech32(self):
        """"Secret and key file" of docs/SCHEDULE.md."""
        for text in BECH32:
            prefix, data = text.lower().rsplit("1", 1)
            values = [bech32.ALPHABET.index(c) for c in data[:-6]]
            self.assertEqual(bech32.encode_values(prefix, values), text.lower())

    def test_bech32_groups(self):
        """"Secret and key file" of docs/SCHEDULE.md: BIP 173's example address, and padding."""
        program = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")
        self.assertEqual(bech32.encode_values("bc", [0] + bech32.groups(program)).upper(),
                         "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4")
        self.assertEqual(bech32.groups(b""), [])
        self.assertEqual(bech32.groups(b"\xff"), [31, 28])
        self.assertEqual(len(bech32.groups(SECRET)), 52)


class Schedule(unittest.TestCase):
    """Keys, draws and ids."""

    def test_descriptor(self):
        """"Subkeys" of docs/SCHEDULE.md: the page's own example."""
        stages = st.preset("shuffle-flip", (4, 4), "shared")
        self.assertEqual(
            schedule.descriptor([s.text() for s in stages], 1, 28, 28, 1),
            "imgveil/1 scheme=[pixel-shuffling block=4x4 key=shared; sign-flip block=4x4 key=shared] "
            "stage=1 image=28x28x1 depth=8")

    def test_stage_texts(self):
        """"Subkeys" of docs/SCHEDULE.md: the table of canonical texts."""
        stages = st.preset("shuffle-flip", (2, 8), "block", True) + st.preset("keystream")
        self.assertEqual([s.text() for s in stages], [
            "pixel-shuffling block=2x8 key=block", "sign-flip block=2x8 key=block",
            "block-scrambling block=2x8", "keystream key=image"])
        stages = (st.preset("ele") + st.preset("etc")[:3]
                  + st.preset("skk-filter", key="shared", statistic="median")
                  + st.preset("skk", key="image") + st.preset("etc", orders="as-published")[2:3]
                  + st.preset("vit", flip=True) + st.preset("instahide"))
        self.assertEqual([s.text() for s in stages], [
            "nibble-shuffling block=4x4 key=block", "block-scrambling block=4x4",
            "rotation-inversion block=16x16", "negative-positive block=16x16",
            "colour-shuffling block=16x16 key=block",
            "pixel-negative-positive key=shared", "colour-shuffling block=1x1 key=block",
            "block-statistic block=4x4 statistic=median",
            "pixel-negative-positive key=image", "colour-shuffling block=1x1 key=image",
            "colour-shuffling block=16x16 key=block orders=as-published",
            "pixel-shuffling block=16x16 key=shared order=channel-row-column",
            "sign-flip block=16x16 key=shared order=channel-row-column", "block-scrambling block=16x16",
            "mixing images=4 key=image"])
        self.assertEqual(schedule.descriptor(["keystream key=image"], 0, 28, 28, 1, 16),
                         "imgveil/1 scheme=[keystream key=image] stage=0 image=28x28x1 depth=16")
        self.assertEqual(schedule.descriptor(["keystream key=image"], 0, 28, 28, 1, 12),
                         "imgveil/1 scheme=[keystream key=image] stage=0 image=28x28x1 depth=12")

    def test_key_file(self):
        """"Secret and key file" of docs/SCHEDULE.md."""
        lines = schedule.key_file(SECRET, "2026-01-01T00:00:00Z").split("\n")
        self.assertEqual(lines[1], "# created: 2026-01-01T00:00:00Z")
        self.assertEqual(lines[2], "# fingerprint: " + schedule.fingerprint(SECRET))
        self.assertRegex(lines[3], "^IMGVEIL-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$")
        self.assertEqual(lines[4:], [""])

    def test_below(self):
        """"Streams and draws" of docs/SCHEDULE.md: in range, and rejected words are skipped."""
        for n in (1, 2, 3, 1000, 2**31 + 1, 2**32 - 1):
            draws = schedule.Draws(SECRET)
            self.assertTrue(all(0 <= draws.below(n) < n for _ in range(200)))
        n = 3 * 2**30
        draws, raw = schedule.Draws(SECRET), schedule.Draws(SECRET)
        kept = [w * n >> 32 for w in (raw.word() for _ in range(400)) if w * n % 2**32 >= 2**30]
        self.assertLess(len(kept), 400)
        self.assertEqual([draws.below(n) for _ in kept], kept)

    def test_permutation(self):
        """"Streams and draws" of docs/SCHEDULE.md."""
        for n in (1, 2, 3, 48, 1000):
            self.assertEqual(sorted(schedule.Draws(SECRET).permutation(n)), list(range(n)))

    def test_bits_and_bytes(self):
        """"Streams and draws" of docs/SCHEDULE.md: both read the same words, least significant first."""
        data = schedule.Draws(SECRET).bytes(13)
        bits = schedule.Draws(SECRET).bits(100)
        self.assertEqual(bits, [data[k // 8] >> (k % 8) & 1 for k in range(100)])

    def test_digits(self):
        """"Streams and draws" of docs/SCHEDULE.md: each digit by its place, and uniform."""
        for n, count in ((6, 5), (8, 33), (1, 2), (3 * 2**30, 40), (2**31 + 1, 1)):
            digits = schedule.Draws(SECRET).digits(n, count)
            raw = schedule.Draws(SECRET)
            words = [raw.word() for _ in range(40 * count)]
            for i in range(count):
                kept = [w for w in words[i::count] if w * n % 2**32 >= (2**32 - n) % n]
                self.assertEqual(digits[i], kept[0] * n // 2**32)
        for n in (6, 8, 10):
            digits = schedule.Draws(SECRET).digits(n, 12000)
            expected = 12000 / n
            surprise = sum((digits.count(d) - expected) ** 2 / expected for d in range(n))
            self.assertLess(surprise, 30)
            self.assertEqual(sorted(set(digits)), list(range(n)))

    def test_half_normal(self):
        """"Streams and draws" of docs/SCHEDULE.md: the moments and the distribution of |x|."""
        draws, count = schedule.Draws(SECRET), 20000
        values = [draws.half_normal() / 2**32 for _ in range(count)]
        for power, expected in ((1, math.sqrt(2 / math.pi)), (2, 1), (3, 2 * math.sqrt(2 / math.pi)), (4, 3)):
            self.assertAlmostEqual(sum(v**power for v in values) / count, expected, delta=0.012 * 3**power)
        for edge in (0.1, 0.5, 1, 1.5, 2, 2.5):
            below = sum(v < edge for v in values) / count
            self.assertAlmostEqual(below, math.erf(edge / math.sqrt(2)), delta=0.012)

    def test_depth(self):
        """"Ids and hashes of images" of docs/SCHEDULE.md: the depth is part of P."""
        data = pixels(12)
        self.assertNotEqual(schedule.image_id(SECRET, "a", 2, 3, 1, data, 16),
                            schedule.image_id(SECRET, "a", 4, 3, 1, data))
        self.assertEqual(schedule.plain_hash(SECRET, 2, 3, 1, data, 16), blake3.keyed(
            blake3.derive("imgveil v1 plain hash", SECRET), struct.pack("<4I", 2, 3, 1, 16) + data)[:16])
        with self.assertRaises(ValueError):
            schedule.image_id(SECRET, "a", 2, 3, 1, data)

    def test_epochs(self):
        """"Mixing", last paragraph, of docs/SCHEDULE.md: ids are other ones in every epoch."""
        ids = [bytes(8), bytes([1]) + bytes(7)]
        self.assertEqual(len({schedule.epoch_id(SECRET, i, e) for i in ids for e in (1, 2, 256)}), 6)

    def test_views(self):
        """"Views" of docs/SCHEDULE.md: small images by hand."""
        image = bytes([1, 2, 3, 4, 5, 6])

        def seen(*view):
            return list(schedule.view(image, 2, 3, 1, 8, *view))
        self.assertEqual(seen(0, 0, False, 0, 0), [1, 2, 3, 4, 5, 6])
        self.assertEqual(seen(1, -1, True, 0, 0), [0, 6, 5, 0, 0, 0])
        self.assertEqual(seen(0, 0, False, 18000, 0), [6, 5, 4, 3, 2, 1])
        self.assertEqual(seen(0, 0, False, 0, 128), [2, 3, 5, 6, 8, 9])
        # A quarter turn about the middle of four pixels, of samples of two bytes.
        image = bytes([0, 1, 0, 2, 0, 3, 0, 4])
        self.assertEqual(list(schedule.view(image, 2, 2, 1, 16, 0, 0, False, 9000, 0)), [0, 2, 0, 4, 0, 1, 0, 3])

    def test_ids(self):
        """"Ids and hashes of images" of docs/SCHEDULE.md: what the ids and the hash depend on."""
        data = pixels(6)
        image = schedule.image_id(SECRET, "a", 2, 3, 1, data)
        others = [schedule.image_id(SECRET, "b", 2, 3, 1, data), schedule.image_id(SECRET, "a", 3, 2, 1, data),
                  schedule.image_id(bytes(32), "a", 2, 3, 1, data),
                  schedule.image_id(SECRET, "a", 2, 3, 1, data[::-1])]
        views = [schedule.view_id(SECRET, image, *v) for v in
                 ((0, 0, True), (0, 1, False), (1, 0, False), (-1, 0, False), (-1, 0, True), (0, 0, False, 1, 0),
                  (0, 0, False, 0, 1), (0, 0, True, 1, 0))]
        self.assertEqual(len(set([image] + others + views)), 13)
        self.assertEqual(schedule.view_id(SECRET, image, 0, 0, False), image)
        self.assertEqual(schedule.view_id(SECRET, image, 1, 0, False, 0, 0), views[2])
        self.assertEqual(schedule.stream_id(bytes([1, 2, 0, 0, 0, 0, 0, 3])), 3 << 56 | 2 << 8 | 1)
        self.assertEqual(len(schedule.plain_hash(SECRET, 2, 3, 1, data)), 16)


class Schemes(unittest.TestCase):
    """"Stages" of docs/SCHEDULE.md."""

    # Size, block, and a square block.
    SHAPES = [((8, 16, 1), (4, 4), (8, 8)), ((8, 16, 3), (2, 8), (4, 4)), ((5, 7, 3), (5, 7), (1, 1)),
              ((5, 7, 1), (1, 1), (1, 1))]

    def test_positions(self):
        """The numbers of blocks and elements ("Stages" of docs/SCHEDULE.md)."""
        self.assertEqual(st.positions((1, 2), 2, 4, 1), [[0, 1], [2, 3], [4, 5], [6, 7]])
        self.assertEqual(st.positions((2, 1), 2, 2, 3), [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]])
        self.assertEqual(st.positions((2, 1), 2, 2, 3, "channel-row-column"),
                         [[0, 6, 1, 7, 2, 8], [3, 9, 4, 10, 5, 11]])
        with self.assertRaises(ValueError):
            st.positions((2, 3), 4, 4, 1)

    def lists(self, block, square):
        """Schemes with an inverse ("Stages" of docs/SCHEDULE.md)."""
        lists = [st.preset(name, block) for name in ("none", "keystream", "le", "ele", "shf", "np")]
        lists += [st.preset("shuffle-flip", block, key, scramble)
                  for key in ("shared", "block") for scramble in (False, True)]
        lists += [st.preset("vit", block, flip=flip) for flip in (False, True)]
        lists += [st.preset("skk", key=key) for key in ("shared", "image")]
        lists += [st.preset("etc", square),
                  st.preset("etc", square) + st.preset("keystream") + st.preset("le", block),
                  [Stage(st.FLIP, block, "block", "channel-row-column"), Stage(st.COLOUR, block, "block"),
                   Stage(st.COLOUR, (1, 1), "image"), Stage(st.NEGATIVE, block)]]
        return lists

    def test_round_trip(self):
        """Decryption undoes encryption ("Stages" of docs/SCHEDULE.md)."""
        for shape, block, square in self.SHAPES:
            for depth in (8, 12, 16):
                plain = within(depth, shape)
                image = schedule.image_id(SECRET, "a", *shape, plain, depth)
                for stages in self.lists(block, square):
                    hidden = schemes.encrypt(SECRET, stages, shape, plain, image, depth)
                    self.assertLess(max(schemes.unpack(hidden, depth)), 2**depth)
                    if block != (1, 1) or not stages:
                        self.assertEqual(hidden != plain, bool(stages))
                    self.assertEqual(schemes.decrypt(SECRET, stages, shape, hidden, image, depth), plain)

    def test_lossy(self):
        """Schemes without an inverse ("Stages" of docs/SCHEDULE.md)."""
        for stages in (st.preset("skk-filter", (2, 2), "image", statistic="mean"),
                       st.preset("etc", (2, 2), orders="as-published")):
            hidden = schemes.encrypt(SECRET, stages, (4, 4, 3), pixels(48), bytes(8))
            with self.assertRaises(ValueError):
                schemes.decrypt(SECRET, stages, (4, 4, 3), hidden, bytes(8))
        self.assertEqual([st.lossy(st.preset("etc", orders=orders), channels) for orders, channels in
                          ((None, 3), ("as-published", 3), ("as-published", 1))], [False, True, False])

    def test_shuffling_is_a_gather(self):
        """Pixel shuffling and block scrambling by hand ("Stages" of docs/SCHEDULE.md)."""
        plain, shape = bytes(range(8)), (2, 4, 1)
        for stage in (Stage(st.SHUFFLING, (1, 4), "block"), Stage(st.SHUFFLING, (1, 4), "shared")):
            draws = draws_of([stage], 0, shape)
            first = draws.permutation(4)
            second = first if stage.key == "shared" else draws.permutation(4)
            self.assertEqual(schemes.encrypt(SECRET, [stage], shape, plain),
                             bytes([plain[p] for p in first] + [plain[4 + p] for p in second]))
        stage = Stage(st.SCRAMBLING, (1, 1))
        self.assertEqual(schemes.encrypt(SECRET, [stage], shape, plain),
                         bytes(draws_of([stage], 0, shape).permutation(8)))

    def test_source_block(self):
        """A block's own key goes with the source block ("Stages" of docs/SCHEDULE.md)."""
        stages, shape, plain = st.preset("ele", (2, 2)), (4, 6, 1), pixels(24)
        keys = stagekeys.drawn(SECRET, stages, shape, 8)
        still = [{"perm": keys[0]["perm"], "rev": keys[0]["rev"]}, {"perm": list(range(6))}]
        inside = schemes.encrypt_with(still, stages, shape, plain)
        where = st.positions((2, 2), *shape)
        hidden = schemes.encrypt(SECRET, stages, shape, plain)
        for b, source in enumerate(keys[1]["perm"]):
            self.assertEqual([hidden[j] for j in where[b]], [inside[j] for j in where[source]])

    def test_nibbles(self):
        """Nibble shuffling by hand ("Stages", nibble shuffling, of docs/SCHEDULE.md): one block of two samples of
        16 bits, whose nibbles are 0, 4 (lowest), 1, 5, 2, 6, 3, 7 (highest)."""
        stage, plain = Stage(st.NIBBLES, (1, 2), "shared"), struct.pack("<2H", 0x3210, 0x7654)
        perm, rev = [7, 1, 2, 3, 4, 5, 6, 0], [1, 0, 0, 0, 0, 0, 1, 1]
        hidden = schemes.encrypt_with([{"perm": perm, "rev": rev}], [stage], (1, 2, 1), plain, 16)
        # Nibbles 0 and 7 change places and are inverted twice, number 6 stays and is inverted twice.
        self.assertEqual(struct.unpack("<2H", hidden), (0x3217, 0x0654))
        rev = [1, 1, 0, 0, 0, 0, 0, 0]
        hidden = schemes.encrypt_with([{"perm": perm, "rev": rev}], [stage], (1, 2, 1), plain, 16)
        # Place 0 gets 7, inverted after; place 7 gets 0, inverted before; place 1 keeps 4, inverted twice.
        self.assertEqual(struct.unpack("<2H", hidden), (0x3218, 0xF654))

    def test_symmetries(self):
        """A block of 3x3 turned and mirrored by hand ("Stages", rotation and inversion, of docs/SCHEDULE.md)."""
        rows = ["abc", "def", "ghi"]
        turns = [["abc", "def", "ghi"], ["cfi", "beh", "adg"], ["ihg", "fed", "cba"], ["gda", "heb", "ifc"]]
        images = turns + [[row[::-1] for row in image] for image in turns]
        for number, image in enumerate(images):
            self.assertEqual(["".join(row) for row in schemes.symmetry(rows, number)], image)
            self.assertEqual(["".join(row) for row in schemes.symmetry(image, number, True)], rows)

    def test_pixel_negative(self):
        """Each channel's bits begin at a new word ("Stages", pixel negative-positive, of docs/SCHEDULE.md)."""
        stages, shape = st.preset("skk", key="image")[:1], (5, 7, 3)
        draws = draws_of(stages, 0, shape, 16, 1 << 56)
        words = [draws.word() for _ in range(6)]
        hidden = schemes.encrypt(SECRET, stages, shape, bytes(210), bytes(7) + b"\1", 16)
        for p in range(35):
            for c in range(3):
                bit = words[2 * c + p // 32] >> p % 32 & 1
                self.assertEqual(hidden[6 * p + 2 * c:6 * p + 2 * c + 2], b"\xff\xff" if bit else b"\0\0")

    def test_colours(self):
        """Colour shuffling by hand ("Stages", colour shuffling, of docs/SCHEDULE.md)."""
        shape, plain = (1, 6, 3), bytes(range(18))
        channel = [5, 4, 3, 2, 1, 0]
        for orders, expected in ((None, ["210", "201", "120", "102", "021", "012"]),
                                 ("as-published", ["121", "222", "022", "212", "112", "012"])):
            stage = Stage(st.COLOUR, (1, 1), "block", orders=orders)
            hidden = schemes.encrypt_with([{"channel": channel}], [stage], shape, plain)
            self.assertEqual(hidden, bytes(3 * p + int(c) for p, order in enumerate(expected) for c in order))
        stage = Stage(st.COLOUR, (2, 2), "block")
        self.assertEqual(schemes.encrypt(SECRET, [stage], (2, 4, 1), plain[:8]), plain[:8])
        digits = draws_of([stage], 0, (2, 4, 3)).digits(6, 2)
        hidden = schemes.encrypt(SECRET, [stage], (2, 4, 3), bytes([0, 1, 2] * 8))
        for p in range(8):
            self.assertEqual(tuple(hidden[3 * p:3 * p + 3]), st.ORDERS[digits[p % 4 // 2]])

    def test_statistics(self):
        """Blocks at the edges, and rounding ("Stages", block statistic, of docs/SCHEDULE.md)."""
        for name, values, expected in (("median", [9], 9), ("median", [3, 4], 4), ("median", [7, 1, 2], 2),
                                       ("median", [1, 2, 8, 5], 4), ("mean", [9], 9), ("mean", [3, 4], 4),
                                       ("mean", [1, 1, 2], 1), ("mean", [1, 2, 2], 2), ("mean", [1, 1, 1, 3], 2)):
            self.assertEqual(schemes.statistic(name, values), expected)
        stage = Stage(st.STATISTIC, (2, 2), statistic="max")
        hidden = schemes.encrypt(SECRET, [stage], (3, 3, 1), bytes([1, 2, 3, 4, 5, 6, 7, 8, 9]))
        self.assertEqual(list(hidden), [5, 5, 6, 5, 5, 6, 8, 8, 9])
        stage = Stage(st.STATISTIC, (4, 4), statistic="min")
        hidden = schemes.encrypt(SECRET, [stage], (1, 2, 3), bytes([9, 2, 5, 8, 7, 1]))
        self.assertEqual(list(hidden), [8, 2, 1, 8, 2, 1])

    def test_keystream(self):
        """The key's bytes are the image's own ("Stages", keystream, of docs/SCHEDULE.md)."""
        stages = st.preset("keystream")
        hidden = schemes.unpack(schemes.encrypt(SECRET, stages, (5, 7, 1), bytes(70), b"\2" + bytes(7), 11), 11)
        drawn = schemes.unpack(draws_of(stages, 0, (5, 7, 1), 11, 2).bytes(70), 16)
        self.assertEqual(hidden, [p % 2048 for p in drawn])
        for depth, count in ((8, 35), (16, 70)):
            self.assertEqual(schemes.encrypt(SECRET, stages, (5, 7, 1), bytes(count), b"\2" + bytes(7), depth),
                             draws_of(stages, 0, (5, 7, 1), depth, 2).bytes(count))


class Mixing(unittest.TestCase):
    """"Mixing" of docs/SCHEDULE.md."""

    SHAPE = (3, 5, 3)

    def mixed(self, count, images, split=1, epoch=0):
        """A mixed split ("Mixing" of docs/SCHEDULE.md)."""
        data = [bytes((p + 11 * i) % 256 for p in pixels(45)) for i in range(count)]
        ids = [schedule.image_id(SECRET, str(i), *self.SHAPE, d) for i, d in enumerate(data)]
        return data, mixing.mix(SECRET, images, self.SHAPE, data, ids, split, epoch)

    def test_scale(self):
        """The constant is the 32-bit float nearest to 1/16711680 ("Mixing" of docs/SCHEDULE.md)."""
        exact, scale = Fraction(1, 16711680), Fraction(mixing.SCALE)
        bits = struct.unpack("<I", struct.pack("<f", mixing.SCALE))[0]
        for other in (bits - 1, bits + 1):
            value = Fraction(struct.unpack("<f", struct.pack("<I", other))[0])
            self.assertLess(abs(scale - exact), abs(value - exact))

    def test_floats(self):
        """The floats are the nearest to the exact product ("Mixing" of docs/SCHEDULE.md)."""
        data, results = self.mixed(6, 4)
        for i, (partners, weights, bits) in enumerate(results):
            inputs = [data[i]] + [data[j] for j in partners]
            for j, value in enumerate(bits):
                total = sum(w * (2 * x[j] - 255) for w, x in zip(weights, inputs))
                exact = abs(total) * Fraction(mixing.SCALE)
                here, = struct.unpack("<f", struct.pack("<I", value & 0x7FFFFFFF))
                for other in (value - 1, value + 1):
                    there, = struct.unpack("<f", struct.pack("<I", other & 0x7FFFFFFF))
                    self.assertLessEqual(abs(exact - Fraction(here)), abs(exact - Fraction(there)))
        signs = [mixing.mixed([65536], [b"\0\0"], [sign, 0])[0] >> 31 for sign in (0, 1)]
        self.assertEqual(signs, [1, 0])
        self.assertEqual(mixing.mixed([32768, 32768], [b"\0", b"\xff"], [1]), [0x80000000])

    def test_weights(self):
        """The weights sum to 1, and none is above 0.65 but by rounding ("Mixing" of docs/SCHEDULE.md)."""
        draws = schedule.Draws(SECRET)
        for images in (2, 3, 4, 6):
            for _ in range(300):
                weights = mixing.weights(draws, images)
                self.assertEqual(sum(weights), 65536)
                self.assertLessEqual(max(weights), 0.65 * 65536 + images)

        class Given:
            """Half-normals that are given (no section of docs/SCHEDULE.md)."""

            def __init__(self, values):
                """These (no section of docs/SCHEDULE.md)."""
                self._values = iter(values)

            def half_normal(self):
                """The next one (no section of docs/SCHEDULE.md)."""
                return next(self._values)

        # Drawn again: nothing but zeros, and one above 0.65.
        self.assertEqual(mixing.weights(Given([0, 0, 0, 66, 0, 34, 65, 0, 35]), 3), [42599, 0, 22937])
        # What rounding takes from the others is the first one's.
        self.assertEqual(mixing.weights(Given([0, 2, 2, 3]), 4), [2, 18724, 18724, 28086])

    def test_partners(self):
        """Every image is everybody's partner once a table, and epochs and splits differ ("Mixing" of
        docs/SCHEDULE.md)."""
        seen = set()
        for split, epoch in ((0, 0), (1, 0), (2, 0), (3, 0), (1, 1), (1, 2)):
            _, results = self.mixed(9, 4, split, epoch)
            for table in zip(*(partners for partners, _, _ in results)):
                self.assertEqual(sorted(table), list(range(9)))
                seen.add(table)
        self.assertEqual(len(seen), 18)
        _, results = self.mixed(1, 4)
        self.assertEqual(results[0][0], [0, 0, 0])

    def test_labels(self):
        """Soft labels ("Mixing" of docs/SCHEDULE.md)."""
        self.assertEqual(mixing.soft_label([32768, 16384, 8192, 8192], [3, 0, 3, 1], [0, 1, 1, 2], 4),
                         [0.25, 0.125, 0.625, 0])


class Tables(unittest.TestCase):
    """"Written-out tables" of docs/SCHEDULE.md."""

    def test_secret(self):
        """The secret of tables, by hand ("Written-out tables" of docs/SCHEDULE.md)."""
        arrays = {"b": ((2,), [1, 0]), "A": ((1, 1), [7]), "plan": ((1,), [3]), "plan_bits": ((1,), [8])}
        material = struct.pack("<I1sIIII", 1, b"A", 2, 1, 1, 7) + struct.pack("<I1sIIII", 1, b"b", 1, 2, 1, 0)
        self.assertEqual(schedule.tables_secret(arrays), blake3.derive("imgveil v1 tables", material))

    def test_etc(self):
        """The symmetries of `etc` by hand ("Written-out tables", `etc`, of docs/SCHEDULE.md)."""
        rows = ["abc", "def", "ghi"]
        turns = [["cfi", "beh", "adg"], ["ihg", "fed", "cba"], ["gda", "heb", "ifc"], ["abc", "def", "ghi"]]
        flips = [lambda image: image[::-1], lambda image: [row[::-1] for row in image], lambda image: image]
        arrays = {"rotate": ((12,), [k // 3 for k in range(12)]), "flip": ((12,), [k % 3 for k in range(12)]),
                  "negaposi": ((12,), [0, 1] * 6), "channel": ((12,), [0, 1, 2, 3, 4, 5] * 2),
                  "permutation": ((12,), list(range(12)))}
        keys = tables.imported(arrays, "etc", st.preset("etc", (3, 3)), (9, 12, 3))
        for k, number in enumerate(keys[0]["symmetry"]):
            self.assertEqual(["".join(row) for row in schemes.symmetry(rows, number)], flips[k % 3](turns[k // 3]))
        self.assertEqual(keys[1]["flip"], [1, 0] * 6)
        self.assertEqual([st.ORDERS[number] for number in keys[2]["channel"][:6]],
                         [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1), (2, 0, 1), (1, 2, 0)])

    def test_defaults(self):
        """What is above half ("Written-out tables" of docs/SCHEDULE.md)."""
        keys = tables.imported({"key": ((8,), [4, 5, 0, 7, 1, 2, 3, 6])}, "le", st.preset("le", (2, 2)), (2, 2, 1))
        self.assertEqual(keys[0]["rev"], [0, 1, 0, 1, 0, 0, 0, 1])
        keys = tables.imported({"key": ((3,), [2, 0, 1])}, "np", st.preset("np", (1, 3)), (1, 3, 1))
        self.assertEqual(keys[0]["flip"], [1, 0, 0])

    def test_refused(self):
        """Arrays that do not fit ("Written-out tables" of docs/SCHEDULE.md)."""
        stages, shape = st.preset("shf", (1, 3)), (1, 3, 1)
        for arrays in ({"key": ((3,), [0, 1, 1])}, {"key": ((4,), [0, 1, 2, 3])}, {"key": ((3,), [0, 1, 3])},
                       {"key": ((3,), [0, 1, 2]), "rev": ((3,), [0, 1, 1])}):
            with self.assertRaises(ValueError):
                tables.imported(arrays, "shf", stages, shape)

    def test_plans(self):
        """Arrays that are exported and imported, and the plan, do what the secret does ("Written-out tables" of
        docs/SCHEDULE.md)."""
        presets = [("shuffle-flip", "shared"), ("shuffle-flip", "block"), ("skk", "shared")]
        presets += [(preset, None) for preset in ("le", "ele", "etc", "shf", "np", "vit")]
        lists = [(preset, st.preset(preset, (4, 4), key, True, True)) for preset, key in presets]
        lists.append(("etc", st.preset("etc", (4, 4), orders="as-published")))
        lists.append((None, st.preset("etc", (2, 2)) + st.preset("ele") + st.preset("vit", (2, 4), flip=True)
                      + st.preset("skk", key="shared") + st.preset("shuffle-flip", (4, 2), "block")))
        for preset, stages in lists:
            for shape, depth in (((8, 12, 3), 8), ((8, 8, 1), 8), ((4, 8, 3), 16), ((8, 12, 1), 16), ((4, 8, 3), 12)):
                plain = within(depth, shape)
                arrays = tables.exported(SECRET, preset, stages, shape, depth)
                keys = tables.imported(arrays, preset, stages, shape, depth)
                entries, bits = tables.plan(keys, stages, shape, depth)
                hidden = schemes.encrypt(SECRET, stages, shape, plain, None, depth)
                self.assertEqual(schemes.encrypt_with(keys, stages, shape, plain, depth), hidden)
                self.assertEqual(tables.apply_plan(entries, bits, plain, depth), hidden)
                self.assertEqual(bits, 4 if any(s.kind == st.NIBBLES for s in stages) else depth)


if __name__ == "__main__":
    unittest.main()
