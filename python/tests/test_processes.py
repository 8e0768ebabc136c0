"""Threads, forks, and memory over many calls."""

import gc
import os
import subprocess
import sys
import threading
import time

import imgveil
import numpy as np
import pytest
from conftest import needs_gpu

NO_FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")


def in_child(work):
    """Runs `work` in a forked process. A process that hangs is ended, and is a failure."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        except BaseException as error:
            print(error, file=sys.stderr)
        finally:
            os._exit(code)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "it hangs"


@NO_FORKS
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_process_encrypts(key, images):
    cipher = imgveil.Cipher("ele", key, (32, 32, 3), device="cpu")
    # The parent's threads work before the fork: the child must not wait for them.
    expected = cipher.encrypt(images)

    def child():
        fresh = imgveil.Cipher("ele", key, (32, 32, 3), device="cpu")
        same = np.array_equal(cipher.encrypt(images), expected) and np.array_equal(fresh.encrypt(images), expected)
        return same and in_child(lambda: np.array_equal(cipher.encrypt(images), expected)) == 0

    assert in_child(child) == 0
    assert np.array_equal(cipher.encrypt(images), expected)


@NO_FORKS
@pytest.mark.filterwarnings("ignore:This process")
def test_forks_go_deep(key, images):
    cipher = imgveil.Cipher("ele", key, (32, 32, 3), device="cpu")
    expected = cipher.encrypt(images)

    def deeper(levels):
        if not np.array_equal(cipher.encrypt(images), expected):
            return False
        return levels == 0 or in_child(lambda: deeper(levels - 1)) == 0

    assert deeper(20)


@NO_FORKS
@pytest.mark.filterwarnings("ignore:This process")
def test_a_gpu_belongs_to_its_process(key, images):
    needs_gpu()
    cipher = imgveil.Cipher("le", key, (32, 32, 3), device="gpu")
    cipher.encrypt(images)

    def child():
        try:
            cipher.encrypt(images)
        except imgveil.DeviceError as error:
            return "fork" in str(error)

    assert in_child(child) == 0


@NO_FORKS
@pytest.mark.filterwarnings("ignore:This process")
def test_forks_while_threads_encrypt(key, images):
    cipher = imgveil.Cipher("ele", key, (32, 32, 3), device="cpu")
    expected, stop = cipher.encrypt(images), threading.Event()

    def work():
        while not stop.is_set():
            cipher.encrypt(images)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        results = [in_child(lambda: np.array_equal(cipher.encrypt(images), expected)) for _ in range(10)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert results == [0] * 10


def test_threads_share_a_cipher(key):
    cipher = imgveil.Cipher("ele", key, (32, 32, 3))
    batches = [np.random.default_rng(seed).integers(0, 256, (9, 32, 32, 3), np.uint8) for seed in range(8)]
    expected, wrong = [cipher.encrypt(batch) for batch in batches], []

    def work(number):
        for _ in range(20):
            if not np.array_equal(cipher.encrypt(batches[number]), expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_other_threads_run_while_a_batch_is_encrypted(key):
    cipher = imgveil.Cipher("ele", key, (512, 512, 3), device="cpu")
    images = np.zeros((64, 512, 512, 3), np.uint8)
    out, done, counted = np.empty_like(images), threading.Event(), [0]

    def work():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.01)
    before = counted[0]
    for _ in range(5):
        cipher.encrypt(images, out=out)
    during = counted[0] - before
    done.set()
    thread.join()
    assert during > 5


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the memory of this process is not known")
def test_no_leak_over_ten_thousand_calls(key):
    cipher = imgveil.Cipher("ele", key, (16, 16, 3), device="cpu")
    keyed = imgveil.Cipher("keystream", key, (16, 16, 3), device="cpu")
    images = np.random.default_rng(1).integers(0, 256, (20, 16, 16, 3), np.uint8)
    strided, wrong = np.asfortranarray(images), images.astype(np.int16)
    names = [str(number) for number in range(20)]

    def calls(count):
        for _ in range(count):
            cipher.decrypt(cipher.encrypt(images))
            cipher.floats(strided)
            keyed.decrypt(keyed.encrypt(images, names), keyed.ids(images, names))
            try:
                cipher.encrypt(wrong)
            except imgveil.DtypeError:
                pass
        gc.collect()

    calls(500)
    before = resident()
    calls(2000)
    # 2,000 rounds of five calls: a leak of one batch in a hundred calls would be 1.5 MB.
    assert resident() - before < 1_200_000


def test_ctrl_c_ends_a_script_between_batches(key):
    text = (
        "import imgveil, signal, numpy as np\n"
        # A shell starts what runs in the background with this signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "cipher = imgveil.Cipher('ele', imgveil.Key.generate(), (64, 64, 3), device='cpu')\n"
        "images = np.zeros((8, 64, 64, 3), np.uint8)\n"
        "print('ready', flush=True)\n"
        "while True: cipher.encrypt(images)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(2)
    assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
