"""Encrypted sets as data sets, in every form that `imgveil encrypt` writes."""

import json
import pickle

import imgveil
import numpy as np
import PIL.Image
import pytest
from conftest import ROOT, ramp
from imgveil import _imgveil
from test_command import imgveil_command

torch = pytest.importorskip("torch")

import imgveil.torch as it  # noqa: E402

COMPAT = ROOT / "assets" / "compat-0.1"
FORMS = {
    "folder": [],
    "npz": [],
    "npy": ["--format", "npy"],
    "shards": ["--format", "webdataset", "--per-shard", "4"],
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    for number in range(12):
        split = ["train", "val", "test"][number % 3]
        path = folder / split / ["left", "right"][number // 3 % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(np.roll(ramp((16, 16, 3)), number * 7)).save(path)
    return folder


@pytest.fixture(scope="module", params=list(FORMS))
def encrypted(request, plain, tmp_path_factory):
    if not _imgveil.has_command:
        pytest.skip("this build is without the command")
    folder = tmp_path_factory.mktemp(request.param)
    path = folder / ("set.npz" if request.param == "npz" else "set")
    key = folder / "a.key"
    imgveil.Key.from_bytes(bytes(range(32))).save(key)
    words = ["encrypt", "-k", key, "-s", "ele", "--keep-classes", *FORMS[request.param], plain, path]
    assert imgveil_command(*words).returncode == 0
    return path


def test_every_form(encrypted, plain, key):
    originals = imgveil.Set(plain)
    assert len(originals) == 12 and originals.scheme is None and originals.ids is None
    whole = it.EncryptedSet(encrypted)
    assert len(whole) == 12 and whole.classes == ["left", "right"] and whole.class_to_idx == {"left": 0, "right": 1}
    assert str(whole.scheme).startswith("ele")
    cipher = imgveil.Cipher(whole.scheme, key, (16, 16, 3), device="cpu")
    seen = []
    for split in ["train", "val", "test"]:
        data = it.EncryptedSet(encrypted, split, transform=lambda samples: samples)
        assert len(data) == 4 and sorted(data.targets) == [0, 0, 1, 1]
        for samples, target in data:
            plain_one = cipher.decrypt(samples[None])[0]
            seen.append((split, data.classes[target], plain_one.tobytes()))
        image, target = it.EncryptedSet(encrypted, split)[-1]
        samples = data[-1][0]
        assert torch.equal(image, it.normalised(samples)) and image.dtype == torch.float32
        assert torch.equal(image, torch.from_numpy(cipher.floats(cipher.decrypt(samples[None])))[0])
    expected = [
        (split, originals.classes[label], originals[index].tobytes())
        for index, (split, label) in enumerate(zip(originals.splits, originals.labels))
    ]
    assert sorted(seen) == sorted(expected)


@pytest.mark.filterwarnings("ignore:This process")
@pytest.mark.parametrize("workers", [0, 2])
def test_workers_read(encrypted, workers):
    data = it.EncryptedSet(encrypted, "train")
    loader = torch.utils.data.DataLoader(data, batch_size=3, num_workers=workers, timeout=60 if workers else 0)
    images = torch.cat([images for images, _ in loader])
    assert torch.equal(images, torch.stack([image for image, _ in data]))
    assert torch.equal(pickle.loads(pickle.dumps(data))[2][0], data[2][0])


def test_a_set_that_is_damaged(encrypted, tmp_path):
    with pytest.raises(imgveil.SetError, match="no split 'valid'.*train, val, test"):
        it.EncryptedSet(encrypted, "valid")
    if encrypted.is_dir():
        manifest = json.loads((encrypted / "imgveil.json").read_text())
        (tmp_path / "imgveil.json").write_text(json.dumps(manifest))
        with pytest.raises(imgveil.Error):
            list(it.EncryptedSet(tmp_path))


def test_sets_of_the_first_version(key):
    data = it.EncryptedSet(COMPAT / "skk")
    assert len(data) == 4 and {"left", "right"} == set(data.classes)
    folder = it.EncryptedFolder(COMPAT / "skk", "train")
    assert [target for _, target in folder.samples] == folder.targets and len(folder) == 2
    assert all(path.startswith(str(COMPAT)) for path, _ in folder.samples)
    with pytest.raises(imgveil.SetError, match="no split 'train'.*not divided"):
        it.EncryptedSet(COMPAT / "ele", "train")
    npz = imgveil.Set(COMPAT / "keystream.npz")
    cipher = imgveil.Cipher(npz.scheme, imgveil.Key.load(COMPAT / "example.key"), npz.geometry(0)[0])
    assert npz.fingerprint == cipher.fingerprint and len(npz.ids) == len(npz)
    decrypted = cipher.decrypt(np.stack([npz[index] for index in range(len(npz))]), npz.ids)
    originals = imgveil.Set(COMPAT / "plain")
    wanted = {originals[index].tobytes() for index in range(len(originals))}
    assert {image.tobytes() for image in decrypted} <= wanted or decrypted.shape[1:] != originals[0].shape


def test_depth_comes_from_the_manifest():
    data = it.EncryptedSet(COMPAT / "ele", transform=lambda samples: samples)
    kinds = {samples.dtype.name for samples, _ in data}
    assert kinds == {"uint8", "uint16"}
    for image, _ in it.EncryptedSet(COMPAT / "ele"):
        assert -1 <= image.min() and image.max() <= 1


def test_what_is_no_encrypted_set(tmp_path):
    with pytest.raises(imgveil.SetError, match="not encrypted"):
        it.EncryptedSet(COMPAT / "plain")
    assert len(it.EncryptedSet(COMPAT / "plain", plain=True)) == 4
    with pytest.raises(FileNotFoundError):
        it.EncryptedSet(tmp_path / "none")
    with pytest.raises(imgveil.SetError, match="not a folder"):
        it.EncryptedFolder(COMPAT / "keystream.npz")
    one = imgveil.Set(COMPAT / "plain")
    for index in [4, -5, 1 << 40]:
        with pytest.raises(IndexError):
            one[index]
    assert np.array_equal(one[-1], one[3])
