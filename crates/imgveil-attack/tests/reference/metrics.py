"""Known answers for the metrics, from scikit-image, numpy and scipy. Writes metrics.json beside this file.

Needs numpy, scipy and scikit-image. The images are drawn from integers only, so that a test can draw them again.
"""

import json
import pathlib

import numpy as np
from scipy.ndimage import correlate1d
from skimage.measure import shannon_entropy
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def drawn(seed, height, width, channels, maximum, noise):
    """Waves of triangles, an edge, and noise from a linear congruential generator."""
    triangle = lambda t: abs(t % 128 - 64)
    state, samples = seed, []
    for y in range(height):
        for x in range(width):
            for c in range(channels):
                state = (state * 1664525 + 1013904223) % 2**32
                wave = triangle(3 * x + 5 * y + 20 * c) // 2 + triangle(7 * y + 200 - x) // 4
                wave += 80 if 3 * y > height and 2 * x > width else 0
                samples.append((wave * maximum // 160 + (state >> 16) * noise // 65536) % (maximum + 1))
    return np.array(samples).reshape(height, width, channels)


def multiscale(a, b, maximum):
    """Wang, Simoncelli and Bovik 2003, on one channel, written from the formula."""
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window /= window.sum()
    smooth = lambda p: correlate1d(correlate1d(p, window, 0), window, 1)[5:-5, 5:-5]
    c1, c2 = (0.01 * maximum) ** 2, (0.03 * maximum) ** 2
    product, weights = 1.0, (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    a, b = a.astype(float), b.astype(float)
    for scale, weight in enumerate(weights):
        ma, mb = smooth(a), smooth(b)
        contrast = (2 * (smooth(a * b) - ma * mb) + c2) / (smooth(a * a) - ma**2 + smooth(b * b) - mb**2 + c2)
        luminance = (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
        value = (contrast * luminance if scale == 4 else contrast).mean()
        product *= max(value, 0.0) ** weight
        half = lambda p: p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2].reshape(p.shape[0] // 2, 2, -1, 2).mean((1, 3))
        a, b = half(a), half(b)
    return product


def edges(a):
    g = a.sum(-1)
    s = lambda dy, dx: g[1 + dy : g.shape[0] - 1 + dy, 1 + dx : g.shape[1] - 1 + dx]
    gx = s(-1, 1) + 2 * s(0, 1) + s(1, 1) - s(-1, -1) - 2 * s(0, -1) - s(1, -1)
    gy = s(1, -1) + 2 * s(1, 0) + s(1, 1) - s(-1, -1) - 2 * s(-1, 0) - s(-1, 1)
    square = gx**2 + gy**2
    return square > 4 * square.mean()


def answers(a, b, maximum):
    channels = range(a.shape[2])
    over = lambda f: float(np.mean([f(a[..., c], b[..., c]) for c in channels]))
    corr = lambda p, q: float(np.corrcoef(p.ravel(), q.ravel())[0, 1])
    bins = (maximum + 1) // 256
    joint = np.histogram2d((a // bins).ravel(), (b // bins).ravel(), bins=256, range=((-0.5, 255.5),) * 2)[0]
    entropy = lambda p: float(-(p[p > 0] / p.sum() * np.log2(p[p > 0] / p.sum())).sum())
    ea, eb = edges(a), edges(b)
    counts = np.bincount(a.ravel(), minlength=maximum + 1)
    expected = a.size / (maximum + 1)
    gaussian = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    return {
        "psnr": float(peak_signal_noise_ratio(a, b, data_range=maximum)),
        "ssim": float(structural_similarity(a, b, data_range=maximum, channel_axis=-1)),
        "ssim_gaussian": float(structural_similarity(a, b, data_range=maximum, channel_axis=-1, **gaussian)),
        "ms_ssim": over(lambda p, q: multiscale(p, q, maximum)) if min(a.shape[:2]) >= 176 else None,
        "horizontal": over(lambda p, _: corr(p[:, :-1], p[:, 1:])),
        "vertical": over(lambda p, _: corr(p[:-1], p[1:])),
        "diagonal": over(lambda p, _: corr(p[:-1, :-1], p[1:, 1:])),
        "entropy": float(shannon_entropy(a)),
        "chi_square": float(((counts - expected) ** 2 / expected).sum()),
        "mutual_information": entropy(joint.sum(1)) + entropy(joint.sum(0)) - entropy(joint),
        "npcr": float((a != b).mean()),
        "uaci": float((np.abs(a - b) / maximum).mean()),
        "edge_overlap": float(2 * (ea & eb).sum() / (ea.sum() + eb.sum())),
    }


CASES = [
    # seeds of both images, height, width, channels, maximum, noise of both
    (1, 2, 24, 31, 1, 255, 10, 40),
    (3, 4, 17, 13, 3, 255, 30, 60),
    (5, 6, 40, 11, 1, 4095, 300, 900),
    (7, 8, 12, 29, 3, 65535, 2000, 20000),
    (9, 10, 177, 190, 1, 255, 20, 70),
]

cases = []
for first, second, height, width, channels, maximum, noise, more in CASES:
    a = drawn(first, height, width, channels, maximum, noise)
    b = drawn(second, height, width, channels, maximum, more)
    drawing = {"seeds": [first, second], "shape": [height, width, channels], "max": maximum, "noise": [noise, more]}
    cases.append(drawing | {"answers": answers(a, b, maximum)})
pathlib.Path(__file__).with_name("metrics.json").write_text(json.dumps(cases, indent=1) + "\n")
