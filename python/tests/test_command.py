"""The command in the wheel: the same one, with its exit codes, signals and processes of its own."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import sysconfig
import time

import imgveil
import PIL.Image
import numpy as np
import pytest
from conftest import ramp
from imgveil import _imgveil

pytestmark = pytest.mark.skipif(not _imgveil.has_command, reason="this build is without the command")

SCRIPT = pathlib.Path(sysconfig.get_path("scripts")) / ("imgveil.exe" if os.name == "nt" else "imgveil")


def imgveil_command(*words, **options):
    words = [str(word) for word in words]
    return subprocess.run([SCRIPT, *words], capture_output=True, text=True, timeout=600, **options)


def test_exit_codes(tmp_path):
    assert imgveil_command("--version").stdout.split() == ["imgveil", imgveil.__version__]
    done = imgveil_command("keygen", "-o", tmp_path / "a.key")
    assert done.returncode == 0 and imgveil.Key.load(tmp_path / "a.key").fingerprint in done.stdout + done.stderr
    assert imgveil_command("no-such-command").returncode == 2
    assert imgveil_command("encrypt", "--help").returncode == 0
    assert imgveil_command("devices").returncode == 0
    (tmp_path / "b.key").write_text("no key")
    (tmp_path / "in").mkdir()
    PIL.Image.fromarray(ramp((8, 8, 3))).save(tmp_path / "in" / "a.png")
    assert imgveil_command("encrypt", "-k", tmp_path / "b.key", tmp_path / "in", tmp_path / "out").returncode == 4
    assert imgveil_command("check", "--device", "99", "--no-training").returncode == 6
    assert imgveil_command("schemes", "no-such").returncode == 2


def test_python_m_is_the_command_too(tmp_path):
    # A folder of this name must not come before the package.
    done = subprocess.run([sys.executable, "-m", "imgveil", "schemes", "ele"], capture_output=True, text=True)
    assert done.returncode == 0 and "ele" in done.stdout


def test_the_command_and_the_package_encrypt_alike(tmp_path, key):
    key.save(tmp_path / "a.key")
    images = ramp((5, 16, 16, 3))
    np.savez(tmp_path / "in.npz", train_images=images)
    words = ["encrypt", "-k", tmp_path / "a.key", "-s", "ele", tmp_path / "in.npz", tmp_path / "out.npz"]
    assert imgveil_command(*words).returncode == 0
    encrypted = imgveil.Cipher("ele", key, (16, 16, 3)).encrypt(images)
    # Sets are in the order of their neutral names.
    found = np.load(tmp_path / "out.npz")["train_images"]
    assert sorted(image.tobytes() for image in found) == sorted(image.tobytes() for image in encrypted)


@pytest.mark.skipif(os.name == "nt", reason="there are no signals")
def test_ctrl_c_ends_the_command_at_once():
    process = subprocess.Popen([SCRIPT, "check", "--device", "cpu"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.5)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT and time.monotonic() - begun < 5


def draw(folder, side, train):
    """Two classes that a network tells apart, in three splits."""
    random = np.random.default_rng(1)
    for split, count in [("train", train), ("val", 4), ("test", 4)]:
        for number in range(count):
            label = number % 2
            image = random.integers(0, 90, (side, side, 3)) + 150 * label
            path = folder / split / ["dark", "bright"][label] / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(image.astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("images"), 16, 32)


def test_a_study_trains_in_processes_of_its_own(images, tmp_path):
    grid = 'seeds = [1]\nschemes = ["none", "np"]\nmodels = ["cnn"]\n[train]\nepochs = 1\ndevice = "cpu"\n'
    (tmp_path / "grid.toml").write_text(grid)
    key = tmp_path / "a.key"
    imgveil.Key.generate().save(key)
    words = ["study", tmp_path / "grid.toml", "--data", images, "-k", key, "-o", tmp_path / "study"]
    # A folder of this name in the current one must not come before the package in the processes that are started.
    (tmp_path / "imgveil").mkdir()
    (tmp_path / "imgveil" / "__init__.py").write_text("raise SystemExit('the wrong package')")
    done = imgveil_command(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "wrong package" not in done.stderr
    assert len(list((tmp_path / "study").rglob("summary.json"))) == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is that of Linux")
def test_the_trial_of_a_batch_runs_in_a_process_of_its_own(tmp_path):
    import resource

    random = np.random.default_rng(1)
    for number in range(64):
        split, label = ["train", "train", "val", "test"][number % 4], "ab"[number // 4 % 2]
        path = tmp_path / "images" / split / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(random.integers(0, 256, (224, 224, 3)).astype(np.uint8)).save(path)
    words = ["train", "--data", tmp_path / "images", "--model", "resnet50", "--batch", "32", "--device", "cpu"]
    limit = 3_000_000_000
    done = imgveil_command(*words, "-o", tmp_path / "run", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_AS, (limit, limit)))
    # Without the trial, training would begin and end with a failed allocation.
    assert done.returncode == 1 and "needs about" in done.stderr and "use --batch" in done.stderr, done.stderr


# The network, the scheme, the side of the images, and words for `imgveil train`. Sides of 96 and more have stems of
# their own.
NETWORKS = [
    ("cnn", "shuffle-flip", 16, ""),
    ("resnet18", "shuffle-flip", 16, ""),
    ("resnet18", "none", 16, ""),
    ("resnet18", "none", 96, ""),
    ("resnet50", "shuffle-flip", 16, ""),
    ("densenet121", "shuffle-flip", 16, ""),
    ("densenet121", "none", 96, ""),
    ("xception", "shuffle-flip", 16, ""),
    ("xception", "none", 96, ""),
    ("vit-tiny", "shuffle-flip", 16, ""),
    ("bag", "shuffle-flip", 16, ""),
    ("vit-small", "none", 18, ""),
    ("convmixer", "none", 18, ""),
    ("cnn", "le", 16, "--adapt le"),
    ("resnet18", "ele", 16, "--adapt ele"),
    ("cnn", "shuffle-flip block=2x4 key=block", 16, "--adapt ele"),
]


@pytest.mark.parametrize("model, scheme, side, words", NETWORKS)
def test_networks_agree_with_predict(tmp_path, model, scheme, side, words):
    torch = pytest.importorskip("torch")
    import imgveil.torch

    images = draw(tmp_path / "images", side, 8)
    run, key = tmp_path / "run", tmp_path / "a.key"
    assert imgveil_command("keygen", "-o", key).returncode == 0
    encrypt = ["encrypt", "-k", key, "-s", scheme, "--keep-classes", images, tmp_path / "set"]
    assert imgveil_command(*encrypt).returncode == 0
    train = ["train", "--data", tmp_path / "set", "--model", model, "--epochs", "1", "--device", "cpu", "-o", run]
    done = imgveil_command(*train, "--batch", "4", *words.split())
    assert done.returncode == 0, done.stderr
    done = imgveil_command("predict", run, "--data", tmp_path / "set", "--split", "test", "--device", "cpu",
                           "-o", tmp_path / "p.csv")
    assert done.returncode == 0, done.stderr
    network = imgveil.torch.load(run)
    data = imgveil.torch.EncryptedSet(tmp_path / "set", "test")
    assert network.classes == data.classes and network.shape == (side, side, 3) and network.model == model
    found = network.predict(torch.stack([image for image, _ in data])).numpy()
    lines = [line.split(",") for line in (tmp_path / "p.csv").read_text().splitlines()]
    columns = [lines[0].index(name) for name in lines[0] if any(kind in name for kind in network.classes)]
    table = {line[0]: [float(line[column]) for column in columns[-len(network.classes):]] for line in lines[1:]}
    assert len(table) == len(data) == 4
    for name, probabilities in zip(data.names, found):
        stated = next(values for image, values in table.items() if pathlib.PurePath(image).stem in name)
        assert np.abs(np.array(stated) - probabilities).max() < 1e-5, (lines[0], stated, probabilities)
    assert json.loads((run / "model.json").read_text())


def test_every_network_is_tested():
    told = imgveil_command("train", "--model", "no-such", "--data", "x").stderr
    known = {model for model, *_ in NETWORKS}
    assert len(known) == 9 and all(model in told for model in known), told
