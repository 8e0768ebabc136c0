"""The cases of mixing.json ("Mixing" of docs/SCHEDULE.md)."""

import struct

import mixing
import schedule
import stages as s
from cases import COUNT, HASHED, ramp, size, told

INPUTS = ("Input image i of every case, counted from 0, has the samples number i*H*W*C to (i+1)*H*W*C - 1 of the "
          "ramp ((j * 2654435761) mod 2^32) >> 24. Outputs are all images' floats, 32 bits little-endian, in "
          "stored order. Weights are in units of 2^-16, the image's own first.")

CLASSES = 3


def _case(secret, split, count, shape, images, epoch):
    """A case as mixing.json has it ("Mixing" of docs/SCHEDULE.md)."""
    samples = shape[0] * shape[1] * shape[2]
    pixels = [ramp(samples, 8, i * samples) for i in range(count)]
    labels = [i * i % CLASSES for i in range(count)]
    names = ["%s/%d/%06d" % (mixing.SPLITS[split], label, i) for i, label in enumerate(labels)]
    ids = [schedule.image_id(secret, name, *shape, p) for name, p in zip(names, pixels)]
    results = mixing.mix(secret, images, shape, pixels, ids, split, epoch)
    soft = [mixing.soft_label(weights, [i] + partners, labels, CLASSES)
            for i, (partners, weights, _) in enumerate(results)]
    output = b"".join(struct.pack("<%dI" % samples, *bits) for _, _, bits in results)
    stage = s.preset("instahide", images=images)[0].text()
    return dict({"secret": secret.hex(), "split": split, "count": count}, **size(shape, 8), images=images,
                epoch=epoch, stages=[stage], names=names, ids=[identity.hex() for identity in ids],
                partners=[partners for partners, _, _ in results], weights=[weights for _, weights, _ in results],
                classes=CLASSES, labels=labels, soft_labels=soft, **told(output))


def cases():
    """All cases of mixing.json ("Mixing" of docs/SCHEDULE.md)."""
    return [
        # Secret, split, number of images, size, images mixed, epoch.
        _case(COUNT, 0, 5, (4, 6, 3), 4, 0),
        _case(COUNT, 1, 5, (4, 6, 3), 4, 0),
        _case(COUNT, 1, 5, (4, 6, 3), 4, 1),
        _case(COUNT, 1, 5, (4, 6, 3), 4, 2),
        _case(HASHED, 2, 7, (5, 7, 1), 4, 0),
        _case(HASHED, 3, 7, (5, 7, 3), 4, 0),
        _case(HASHED, 3, 7, (5, 7, 3), 4, 300),
        _case(COUNT, 1, 2, (4, 6, 1), 4, 0),
        _case(COUNT, 2, 1, (4, 6, 1), 4, 0),
        _case(COUNT, 1, 3, (5, 7, 1), 2, 1),
        _case(HASHED, 1, 4, (5, 7, 1), 3, 0),
        _case(HASHED, 1, 9, (3, 3, 3), 6, 5),
        _case(HASHED, 0, 200, (2, 3, 1), 4, 7),
        _case(HASHED, 1, 6, (28, 28, 1), 4, 0),
        _case(COUNT, 1, 4, (32, 32, 3), 4, 1),
    ]
