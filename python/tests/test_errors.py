"""What is wrong gets a clear error of the right class, and never a crash."""

import imgveil
import numpy as np
import pytest
from conftest import has_gpu, ramp


def raised(kind, *words):
    return pytest.raises(kind, match=".*".join(words) or None)


@pytest.fixture
def cipher(key):
    return imgveil.Cipher("le", key, (32, 32, 3), device="cpu")


METHODS = ["encrypt", "decrypt", "floats"]


@pytest.mark.parametrize("method", METHODS)
def test_arrays_that_are_refused(cipher, images, method):
    call = getattr(cipher, method)
    for kind in [np.int8, np.uint16, np.int64, np.float32, np.bool_, np.complex64, "U3", "S3", "datetime64[s]"]:
        with raised(imgveil.DtypeError, "uint8"):
            call(images.astype(kind))
    with raised(imgveil.DtypeError, "object"):
        call(images.astype(object))
    with raised(imgveil.DtypeError):
        call(np.zeros((3, 32, 32, 3), [("r", "u1")]))
    for wrong in [None, 7, "images", images.tolist(), [images], {"images": images}, images.tobytes()]:
        with raised(imgveil.DtypeError, "not a numpy array"):
            call(wrong)
    for shape in [(), (32, 32, 3), (3, 32, 32), (3, 32, 32, 1), (3, 3, 32, 32), (1, 3, 32, 32, 3), (3, 32, 31, 3)]:
        with raised(imgveil.BatchError, r"\(N, 32, 32, 3\)"):
            call(np.zeros(shape, np.uint8))
    for view in [images[::-1], images[:, ::-1], images[:, :, ::-1], images[..., ::-1]]:
        with raised(imgveil.BatchError, "negative strides"):
            call(view)
        assert call(view.copy()) is not None
    with raised(imgveil.BatchError, "masked"):
        call(np.ma.masked_array(images, images > 7))


def test_dtype_errors_are_type_and_value_errors(cipher):
    with pytest.raises(TypeError):
        cipher.encrypt(np.zeros((1, 32, 32, 3)))
    with pytest.raises(ValueError):
        cipher.encrypt(np.zeros((1, 32, 32, 3)))
    assert issubclass(imgveil.DtypeError, imgveil.BatchError) and issubclass(imgveil.BatchError, imgveil.Error)


@pytest.mark.parametrize("method", METHODS)
def test_out_that_is_refused(cipher, images, method):
    call = getattr(cipher, method)
    good = np.zeros((3, 3, 32, 32), np.float32) if method == "floats" else np.zeros_like(images)
    assert call(images, out=good) is good
    for wrong in [7, [], "out", good.tolist()]:
        with raised(imgveil.BatchError, "out is not a numpy array"):
            call(images, out=wrong)
    with raised(imgveil.BatchError, "shape"):
        call(images, out=good[:2])
    with raised(imgveil.DtypeError, "out is an array of"):
        call(images, out=good.astype(np.int32))
    with raised(imgveil.DtypeError, "out is an array of"):
        call(images, out=good.astype(object))
    with raised(imgveil.BatchError, "negative strides"):
        call(images, out=good[::-1])
    good.flags.writeable = False
    with raised(imgveil.BatchError, "read-only"):
        call(images, out=good)


def test_samples_above_the_depth(key):
    cipher = imgveil.Cipher("le", key, (8, 8), depth=12)
    images = np.full((2, 8, 8), 4095, np.uint16)
    assert np.array_equal(cipher.decrypt(cipher.encrypt(images)), images)
    images[1, 3, 3] = 4096
    for method in METHODS:
        with raised(imgveil.BatchError, "image 1", "4096", "up to 4095"):
            getattr(cipher, method)(images)
    with raised(imgveil.DtypeError, "depth 12 takes uint16"):
        cipher.encrypt(np.zeros((2, 8, 8), np.uint8))


def test_a_closed_device(key, images):
    for choice in ["cpu"] + ["gpu"] * has_gpu():
        device = imgveil.Device(choice)
        cipher = imgveil.Cipher("le", key, (32, 32, 3), device=device)
        cipher.encrypt(images)
        assert not cipher.device.closed
        device.close()
        for method in METHODS:
            with raised(imgveil.DeviceError, "closed"):
                getattr(cipher, method)(images)
        with raised(imgveil.DeviceError, "closed"):
            imgveil.Cipher("le", key, (32, 32, 3), device=device)
        assert cipher.device.closed and "closed" in repr(device)


def test_devices(key):
    with raised(imgveil.NoDeviceError, "no adapter number 99"):
        imgveil.Device(99)
    with raised(imgveil.NoDeviceError):
        imgveil.Cipher("le", key, (32, 32), device="no such device")
    for wrong in [1.5, [], None.__class__]:
        with pytest.raises(TypeError):
            imgveil.Device(wrong)
    assert imgveil.Device("cpu").name.startswith("CPU")
    assert "known answers" in imgveil.check("cpu")


@pytest.mark.parametrize(
    "arguments, kind, word",
    [
        (("no-such", None, (32, 32)), imgveil.SchemeError, "no-such"),
        (("le block=0", None, (32, 32)), imgveil.SchemeError, "block"),
        (("le", None, (30, 30)), imgveil.IncompatibleError, "block"),
        (("le", None, (0, 32)), imgveil.GeometryError, "no pixels"),
        (("le", None, (-4, 32)), imgveil.GeometryError, "-4"),
        (("le", None, (32, 32, 2)), imgveil.GeometryError, "channels"),
        (("le", None, (1 << 20, 1 << 20)), imgveil.GeometryError, "too large"),
        (("le", None, (1 << 70, 4)), imgveil.GeometryError, "shape"),
        (("le", None, 32), imgveil.GeometryError, "shape"),
        (("le", None, (32,)), imgveil.GeometryError, "shape"),
        (("le", None, (1, 32, 32, 3)), imgveil.GeometryError, "shape"),
        ((7, None, (32, 32)), TypeError, "scheme"),
        (("le", 7, (32, 32)), TypeError, "key"),
        (("le", "no-such.key", (32, 32)), FileNotFoundError, "no-such.key"),
        (("le", {"perm": [1.5]}, (32, 32)), imgveil.TablesError, "perm"),
        (("le", {"key": [-1]}, (32, 32)), imgveil.TablesError, "key"),
        (("le", {"key": [0]}, (32, 32)), imgveil.TablesError, ""),
    ],
)
def test_arguments(key, arguments, kind, word):
    scheme, secret, shape = arguments
    with raised(kind, word):
        imgveil.Cipher(scheme, key if secret is None else secret, shape)


@pytest.mark.parametrize("depth", [0, 7, 17])
def test_depths(key, depth):
    with raised(imgveil.GeometryError, "8 to 16"):
        imgveil.Cipher("le", key, (32, 32), depth=depth)


def test_names_and_ids(key, images):
    cipher = imgveil.Cipher("keystream", key, (32, 32, 3))
    names = ["a", "b", "c"]
    for method in ["encrypt", "floats"]:
        call = getattr(cipher, method)
        with raised(imgveil.BatchError, "keys every image", "names"):
            call(images)
        with raised(imgveil.BatchError, "3 images and 2 names"):
            call(images, names[:2])
        with raised(imgveil.BatchError, "two images are named `a`"):
            call(images, ["a", "b", "a"])
        for wrong in ["abc", 7, [1, 2, 3], [None] * 3]:
            with raised(imgveil.BatchError, "list of texts"):
                call(images, wrong)
    encrypted, ids = cipher.encrypt(images, names), cipher.ids(images, names)
    assert np.array_equal(cipher.decrypt(encrypted, ids), images)
    with raised(imgveil.BatchError, "give the ids"):
        cipher.decrypt(encrypted)
    with raised(imgveil.BatchError, "3 images and 2 ids"):
        cipher.decrypt(encrypted, ids[:2])
    with raised(imgveil.BatchError, "is not an id"):
        cipher.decrypt(encrypted, ["x", *ids[1:]])
    assert len(set(cipher.ids(images, names) + cipher.ids(ramp((3, 32, 32, 3), 8)[::-1].copy(), names))) > 3


def test_schemes_without_a_way_back(key, images):
    cipher = imgveil.Cipher("pixelate", key, (32, 32, 3))
    encrypted = cipher.encrypt(images)
    with raised(imgveil.LossyError, ""):
        cipher.decrypt(encrypted)
    mixing = imgveil.Cipher("instahide", key, (32, 32, 3))
    with raised(imgveil.IncompatibleError, "mixes"):
        mixing.encrypt(images, ["a", "b", "c"])


def test_every_class_has_its_kind():
    kinds = {
        name: getattr(imgveil, name).kind
        for name in imgveil.__all__
        if isinstance(getattr(imgveil, name), type) and issubclass(getattr(imgveil, name), imgveil.Error)
    }
    assert len(kinds) == 19 and kinds["NoDeviceError"] == "no_device" and kinds["UsageError"] == "usage"
    with pytest.raises(imgveil.Error) as caught:
        imgveil.Scheme("x y")
    assert caught.value.kind == "scheme" and str(caught.value)
