"""Arrays of any shape and layout have the bytes of the reference, which is plain Python."""

import imgveil
import numpy as np
import pytest
import schemes
from conftest import has_gpu, needs_gpu, scheme_of
from hypothesis import given, settings
from hypothesis import strategies as st

SECRET = bytes(range(32))
KEY = imgveil.Key.from_bytes(SECRET)

PRESETS = [
    ("shuffle-flip", {"key": "shared"}),
    ("shuffle-flip", {"key": "block", "scramble": True}),
    ("le", {}),
    ("ele", {}),
    ("etc", {}),
    ("skk", {"key": "shared"}),
    ("vit", {"flip": True}),
    ("np", {}),
]


def reference(name, options, block, images, depth):
    stages = schemes.preset(name, block=(block, block), **options)
    shape = images.shape[1:] if images.ndim == 4 else (*images.shape[1:], 1)
    kind = np.uint8 if depth == 8 else np.dtype("<u2")
    encrypted = [
        np.frombuffer(schemes.encrypt(SECRET, stages, shape, image.astype(kind).tobytes(), None, depth), kind)
        for image in images
    ]
    return [stage.text() for stage in stages], np.array(encrypted).reshape(images.shape)


@st.composite
def batches(draw):
    """A batch, and the same batch in a layout of memory that numpy allows."""
    depth = draw(st.sampled_from([8, 8, 12, 16]))
    block = draw(st.sampled_from([1, 2, 4]))
    rows, columns = (block * draw(st.integers(1, 3)) for _ in range(2))
    shape = (draw(st.integers(1, 9)), rows, columns) + draw(st.sampled_from([(), (1,), (3,)]))
    kind = np.uint8 if depth == 8 else np.uint16
    seed = draw(st.integers(0, 2**32 - 1))
    images = np.random.default_rng(seed).integers(0, 1 << depth, shape).astype(kind)
    layout = draw(st.sampled_from(["C", "F", "strided", "wide", "swapped", "repeated", "unaligned", "big"]))
    if layout == "F":
        laid = np.asfortranarray(images)
    elif layout == "strided":
        base = np.zeros(tuple(2 * side for side in shape), kind)
        laid = base[tuple(slice(0, None, 2) for _ in shape)]
        laid[...] = images
    elif layout == "wide":
        base = np.zeros((*shape[:-1], shape[-1] + 3), kind)
        laid = base[..., 1:-2]
        laid[...] = images
    elif layout == "swapped":
        laid = np.ascontiguousarray(images.swapaxes(1, 2)).swapaxes(1, 2)
    elif layout == "repeated":
        images = np.broadcast_to(images[:1], shape)
        laid = images
    elif layout == "unaligned":
        memory = np.zeros(images.nbytes + 1, np.uint8)
        laid = memory[1:].view(kind).reshape(shape)
        laid[...] = images
    elif layout == "big":
        laid = images.astype(images.dtype.newbyteorder(">"))
    else:
        laid = images.copy()
    if draw(st.booleans()):
        laid.flags.writeable = False
    return images, laid, depth, block


@settings(max_examples=120, deadline=None)
@given(batches(), st.sampled_from(PRESETS), st.booleans())
def test_layouts(batch, preset, given_out):
    images, laid, depth, block = batch
    stages, expected = reference(*preset, block, images, depth)
    cipher = imgveil.Cipher(scheme_of(stages), KEY, images.shape[1:], depth=depth, device="cpu")
    before = laid.copy()
    out = np.empty(images.shape, images.dtype) if given_out else None
    encrypted = cipher.encrypt(laid, out=out)
    assert encrypted.dtype == images.dtype and encrypted.flags.c_contiguous
    assert np.array_equal(encrypted, expected)
    assert np.array_equal(laid, before), "the images were changed"
    assert out is None or encrypted is out
    assert np.array_equal(cipher.decrypt(encrypted), images)
    top = np.float32((1 << depth) - 1)
    floats = (np.float32(2) * expected.astype(np.float32) - top) / top
    planar = floats.transpose(0, 3, 1, 2) if floats.ndim == 4 else floats[:, None]
    assert np.array_equal(cipher.floats(laid), planar)


@settings(max_examples=40, deadline=None)
@given(batches())
def test_out_of_any_layout(batch):
    images, laid, depth, _ = batch
    cipher = imgveil.Cipher(scheme_of(["pixel-negative-positive key=shared"]), KEY, images.shape[1:], depth=depth)
    out = np.zeros_like(laid, dtype=images.dtype, order="K", subok=False)
    if 0 in out.strides:
        return
    assert cipher.encrypt(laid, out=out) is out
    assert np.array_equal(out, cipher.encrypt(images))


def test_views_of_one_array_as_out(key, images):
    cipher = imgveil.Cipher("le", key, (32, 32, 3))
    both = np.concatenate([images, np.zeros_like(images)])
    assert np.array_equal(cipher.encrypt(both[:3], out=both[3:]), cipher.encrypt(images))
    assert np.array_equal(both[:3], images)
    with pytest.raises(imgveil.BatchError, match="shares memory"):
        cipher.encrypt(both[:3], out=both[2:5])
    with pytest.raises(imgveil.BatchError, match="shares memory"):
        cipher.encrypt(both, out=both)


def test_results_are_written_where_out_lies(key, images):
    cipher = imgveil.Cipher("le", key, (32, 32, 3))
    out = np.zeros_like(images)
    address = out.ctypes.data
    assert cipher.encrypt(images, out=out).ctypes.data == address
    wide = np.zeros((3, 32, 32, 4), np.uint8)
    cipher.encrypt(images, out=wide[..., :3])
    assert np.array_equal(wide[..., :3], out) and not wide[..., 3].any()
    floats = np.zeros((3, 3, 32, 32), np.float32)
    assert cipher.floats(images, out=floats) is floats
    assert np.array_equal(floats, cipher.floats(images))


def test_no_images(key):
    for device in ["cpu"] + ["gpu"] * has_gpu():
        cipher = imgveil.Cipher("ele", key, (8, 8, 3), device=device)
        none = np.zeros((0, 8, 8, 3), np.uint8)
        assert cipher.encrypt(none).shape == cipher.decrypt(none).shape == none.shape
        assert cipher.floats(none).shape == (0, 3, 8, 8)


def test_devices_give_the_same_bits(key):
    needs_gpu()
    images = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), np.uint8)
    names = [str(number) for number in range(5)]
    for preset in imgveil.presets():
        if preset == "instahide":
            continue
        cpu, gpu = (imgveil.Cipher(preset, key, (32, 32, 3), device=device) for device in ("cpu", "gpu"))
        encrypted = cpu.encrypt(images, names)
        assert np.array_equal(encrypted, gpu.encrypt(images, names)), preset
        assert np.array_equal(cpu.floats(images, names), gpu.floats(images, names)), preset
        if cpu.has_inverse:
            ids = cpu.ids(images, names)
            assert np.array_equal(gpu.decrypt(encrypted, ids), images), preset


def test_memory_of_other_libraries(key, images):
    torch = pytest.importorskip("torch")
    cipher = imgveil.Cipher("le", key, (32, 32, 3))
    expected = cipher.encrypt(images)
    assert np.array_equal(cipher.encrypt(torch.from_numpy(images.copy())), expected)
    back = torch.from_dlpack(expected)
    assert back.data_ptr() == expected.ctypes.data
    with pytest.raises(imgveil.BatchError):
        cipher.encrypt(torch.zeros(3, 32, 32, 3, dtype=torch.uint8, device="meta"))
