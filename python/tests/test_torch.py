"""Transforms, data sets and modules of torch."""

import copy
import io
import pickle

import imgveil
import numpy as np
import PIL.Image
import pytest
from conftest import ramp, scheme_of

torch = pytest.importorskip("torch")

import imgveil.torch as it  # noqa: E402

ROUTES = [("shuffle-flip block=4 scramble", 8), ("le", 8), ("ele", 8), ("etc block=4", 8), ("none", 8)]
ROUTES += [("le", 12), ("ele", 16), ("vit block=8 sign-flip", 12), ("np", 11)]


@pytest.mark.parametrize("scheme, depth", ROUTES)
@pytest.mark.parametrize("channels", [1, 3])
def test_plans_have_the_bits_of_the_cipher(key, scheme, depth, channels):
    images = np.random.default_rng(depth).integers(0, 1 << depth, (3, 16, 24, channels))
    images = images.astype(np.uint8 if depth == 8 else np.uint16)
    cipher = imgveil.Cipher(scheme, key, (16, 24, channels), depth=depth)
    expected = cipher.encrypt(images)
    tensor = torch.from_numpy(images if depth == 8 else images.astype(np.int32))
    for layout in ["NHWC", "NCHW"]:
        given = tensor if layout == "NHWC" else tensor.permute(0, 3, 1, 2)
        for kind in [given.dtype] + [torch.int64] * (depth > 8):
            plan, back = (it.PlanModule(cipher, layout=layout, inverse=inverse) for inverse in (False, True))
            encrypted = plan(given.to(kind))
            assert encrypted.dtype == kind and encrypted.shape == given.shape
            whole = encrypted if layout == "NHWC" else encrypted.permute(0, 2, 3, 1)
            assert np.array_equal(whole.numpy(), expected)
            assert torch.equal(back(encrypted), given.to(kind))
        floats = it.PlanModule(cipher, layout=layout, floats=True)(given)
        assert np.array_equal(floats.numpy(), cipher.floats(images))


def test_plans_take_bits_of_uint16_as_int16(key):
    images = np.random.default_rng(1).integers(0, 1 << 16, (2, 8, 8, 1)).astype(np.uint16)
    cipher = imgveil.Cipher("ele", key, (8, 8), depth=16)
    plan = it.PlanModule(cipher, layout="NHWC")
    encrypted = plan(torch.from_numpy(images.view(np.int16)))
    assert encrypted.dtype == torch.int16
    assert np.array_equal(encrypted.numpy().view(np.uint16), cipher.encrypt(images))
    if hasattr(torch, "uint16"):
        assert np.array_equal(plan(torch.from_numpy(images)).numpy(), cipher.encrypt(images))


def test_plans_take_no_images_and_many(key):
    plan = it.PlanModule("ele", key, (8, 8, 3))
    assert plan(torch.zeros(0, 3, 8, 8, dtype=torch.uint8)).shape == (0, 3, 8, 8)
    images = torch.from_numpy(ramp((70, 8, 8, 3))).permute(0, 3, 1, 2)
    assert torch.equal(plan(images)[69:], plan(images[69:]))


def test_plans_keep_their_secret(key):
    plan = it.PlanModule("le", key, (8, 8, 3))
    model = torch.nn.Sequential(plan, torch.nn.Flatten())
    assert not plan.state_dict() and not model.state_dict()
    for one in [plan, model]:
        with pytest.raises(TypeError, match="does not pickle"):
            pickle.dumps(one)
        with pytest.raises(TypeError):
            torch.save(one, io.BytesIO())
    images = torch.arange(192, dtype=torch.uint8).reshape(1, 3, 8, 8)
    other = copy.deepcopy(model)
    assert torch.equal(other(images), model(images)) and other[0].source is not plan.source
    assert "le" in repr(plan) and key.reveal() not in repr(plan)


def test_plans_that_are_refused(key):
    for scheme in ["keystream", "skk-filter", "instahide"]:
        with pytest.raises(imgveil.IncompatibleError, match="not one gather"):
            it.PlanModule(scheme, key, (8, 8, 3))
    plan = it.PlanModule("le", key, (8, 12, 3))
    with pytest.raises(imgveil.BatchError, match=r"\(N, 3, 8, 12\)"):
        plan(torch.zeros(1, 8, 12, 3, dtype=torch.uint8))
    with pytest.raises(imgveil.DtypeError):
        plan(torch.zeros(1, 3, 8, 12))
    with pytest.raises(ValueError, match="layout"):
        it.PlanModule("le", key, (8, 8), layout="CHW")
    with pytest.raises(TypeError):
        it.PlanModule("le")


def test_a_transform_takes_what_data_sets_give(key):
    image = ramp((32, 48, 3))
    expected = imgveil.Cipher("ele", key, (32, 48, 3)).encrypt(image[None])[0]
    encrypt = it.Encrypt("ele", key)
    assert np.array_equal(encrypt(image), expected)
    assert np.array_equal(np.asarray(encrypt(PIL.Image.fromarray(image))), expected)
    assert encrypt(PIL.Image.fromarray(image)).mode == "RGB"
    tensor = encrypt(torch.from_numpy(image).permute(2, 0, 1))
    assert torch.equal(tensor, torch.from_numpy(expected).permute(2, 0, 1))
    floats = it.Encrypt("ele", key, floats=True)
    assert torch.equal(floats(PIL.Image.fromarray(image)), it.normalised(expected))
    grey = PIL.Image.fromarray(image[..., 0])
    assert encrypt(grey).mode == "L" and encrypt(image[..., 0]).shape == (32, 48)
    assert floats(grey).shape == (1, 32, 48)
    deep = it.Encrypt("ele", key, depth=16)
    picture = PIL.Image.fromarray(ramp((32, 48), 16))
    assert np.array_equal(np.asarray(deep(picture)), deep(ramp((32, 48), 16)))
    # A mirrored view, as augmentations make it.
    assert np.array_equal(encrypt(image[:, ::-1]), encrypt(image[:, ::-1].copy()))


def test_transforms_refuse(key, tmp_path):
    encrypt = it.Encrypt("ele", key)
    with pytest.raises(imgveil.DtypeError, match="mode RGBA"):
        encrypt(PIL.Image.new("RGBA", (8, 8)))
    with pytest.raises(imgveil.DtypeError):
        encrypt(torch.zeros(3, 8, 8))
    with pytest.raises(imgveil.DtypeError):
        encrypt([1, 2])
    with pytest.raises(imgveil.BatchError):
        encrypt(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(imgveil.BatchError, match="image, name"):
        it.Encrypt("keystream", key)(np.zeros((8, 8), np.uint8))
    assert it.Encrypt("keystream", key)(np.zeros((8, 8), np.uint8), "a").any()
    with pytest.raises(FileNotFoundError):
        it.Encrypt("ele", tmp_path / "no.key")


def test_a_transform_pickles_with_the_path_of_its_key_alone(key, tmp_path, monkeypatch):
    key.save(tmp_path / "a.key")
    monkeypatch.chdir(tmp_path)
    encrypt, image = it.Encrypt("ele", "a.key"), ramp((8, 8, 3))
    expected = encrypt(image)
    monkeypatch.chdir("/")
    pickled = pickle.dumps(encrypt)
    assert key.reveal().encode() not in pickled and b"a.key" in pickled
    assert np.array_equal(pickle.loads(pickled)(image), expected)
    with pytest.raises(TypeError, match="does not pickle"):
        pickle.dumps(it.Encrypt("ele", key))


class Images(torch.utils.data.Dataset):
    def __init__(self, transform=None):
        self.images, self.transform = ramp((24, 16, 16, 3)), transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        return (image if self.transform is None else self.transform(image)), index % 3


@pytest.mark.filterwarnings("ignore:This process")
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_encrypt(key, tmp_path, context):
    key.save(tmp_path / "a.key")
    floats = imgveil.Cipher("ele", key, (16, 16, 3), device="cpu").floats(ramp((24, 16, 16, 3)))
    encrypt = it.Encrypt("ele", tmp_path / "a.key", floats=True)
    encrypt(ramp((16, 16, 3)))
    collate = it.EncryptBatch("ele", tmp_path / "a.key")
    for data, options in [(Images(encrypt), {}), (Images(), {"collate_fn": collate})]:
        loader = torch.utils.data.DataLoader(
            data, batch_size=5, num_workers=2, multiprocessing_context=context, timeout=60, **options
        )
        batches = list(loader)
        assert torch.equal(torch.cat([images for images, _ in batches]), torch.from_numpy(floats))
        assert torch.cat([labels for _, labels in batches]).tolist() == [index % 3 for index in range(24)]


def test_batches_of_one_size(key):
    collate = it.EncryptBatch("ele", key)
    with pytest.raises(imgveil.BatchError, match="one shape"):
        collate([(ramp((8, 8, 3)), 0), (ramp((8, 12, 3)), 0)])
    with pytest.raises(imgveil.BatchError):
        collate([])
    keyed = it.EncryptBatch("keystream", key, floats=False)
    with pytest.raises(imgveil.BatchError, match="image, label, name"):
        keyed([(ramp((8, 8, 3)), 0)])
    images, labels = keyed([(ramp((8, 8, 3)), 0, "a"), (ramp((8, 8, 3)), 1, "b")])
    assert images.shape == (2, 8, 8, 3) and not torch.equal(images[0], images[1])


def test_own_schemes_work_everywhere(key):
    scheme = scheme_of(["pixel-shuffling block=4x4 key=shared", "negative-positive block=8x8"])
    images = ramp((2, 16, 16, 3))
    expected = imgveil.Cipher(scheme, key, (16, 16, 3)).encrypt(images)
    assert np.array_equal(it.PlanModule(scheme, key, (16, 16, 3), layout="NHWC")(torch.from_numpy(images)), expected)
    assert np.array_equal(it.Encrypt(scheme, key)(images[0]), expected[0])
