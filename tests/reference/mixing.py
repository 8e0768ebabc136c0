"""Mixing ("Mixing" of docs/SCHEDULE.md): images of 8 bits become floats, here the bits of 32-bit floats."""

import struct

import stages as s
from schedule import Draws, descriptor, epoch_id, stream_id, subkey

# The splits' numbers, from 0 on ("Mixing" of docs/SCHEDULE.md).
SPLITS = ("images", "train", "val", "test")

SIGN = 1 << 31


def rounded(value):
    """A double rounded once to a 32-bit float, as a double ("Mixing" of docs/SCHEDULE.md)."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


SCALE = rounded(1 / 16711680)


def partners(key, split, count, images):
    """For every image of a split of `count`, the numbers of its partners ("Mixing" of docs/SCHEDULE.md).
    `split` is the number of the stream."""
    draws = Draws(key, split)
    tables = [draws.permutation(count) for _ in range(images - 1)]
    return [[table[i] for table in tables] for i in range(count)]


def weights(draws, images):
    """An image's weights, its own first, in units of 2^-16 ("Mixing" of docs/SCHEDULE.md)."""
    while True:
        a = [draws.half_normal() for _ in range(images)]
        if sum(a) and 20 * max(a) <= 13 * sum(a):
            break
    others = [x * 65536 // sum(a) for x in a[1:]]
    return [65536 - sum(others)] + others


def mixed(own_weights, inputs, signs):
    """The bits of the floats of one mixed image ("Mixing" of docs/SCHEDULE.md). The sum and the constant are
    32-bit floats and their product is exact in a double, so that packing rounds it once."""
    out = []
    for sign, samples in zip(signs, zip(*inputs)):
        total = sum(w * (2 * x - 255) for w, x in zip(own_weights, samples))
        if abs(total) >= 1 << 24:
            raise ValueError("the sum is no 32-bit float")
        bits = struct.unpack("<I", struct.pack("<f", total * SCALE))[0]
        out.append(bits ^ SIGN * sign)
    return out


def mix(secret, images, shape, pixels, ids, split, epoch=0):
    """A whole split mixed: for every image its partners, weights and the bits of its floats ("Mixing" of
    docs/SCHEDULE.md). `pixels` and `ids` are the images' in the order of the set; epoch 0 is none."""
    key = subkey(secret, descriptor([s.preset("instahide", images=images)[0].text()], 0, *shape))
    stream = split.to_bytes(8, "little")
    if epoch:
        stream = epoch_id(secret, stream, epoch)
        ids = [epoch_id(secret, identity, epoch) for identity in ids]
    chosen = partners(key, stream_id(stream), len(pixels), images)
    out = []
    for i, identity in enumerate(ids):
        draws = Draws(key, stream_id(identity))
        signs = draws.bits(shape[0] * shape[1] * shape[2])
        own = weights(draws, images)
        inputs = [pixels[i]] + [pixels[j] for j in chosen[i]]
        out.append((chosen[i], own, mixed(own, inputs, signs)))
    return out


def soft_label(own_weights, numbers, labels, classes):
    """The soft label of an image that is mixed of the images with these numbers, itself the first ("Mixing" of
    docs/SCHEDULE.md). Every part is a multiple of 2^-16 and so exact."""
    label = [0] * classes
    for weight, number in zip(own_weights, numbers):
        label[labels[number]] += weight
    return [weight / 65536 for weight in label]
