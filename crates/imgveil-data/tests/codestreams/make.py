#!/usr/bin/env python3
"""Draws the codestreams in this folder, and the pixels that independent decoders read from them.

    make.py     needs numpy, Pillow, pydicom, pylibjpeg-libjpeg, pylibjpeg-openjpeg, and the commands cjpeg and dcmcjpeg

A PNG beside a codestream holds its pixels: by Pillow (libjpeg-turbo) for JPEG of 8 bits, by pylibjpeg for 12 bits, and
those that were encoded where nothing is lost.
"""
import pathlib
import subprocess
import tempfile

import numpy as np
import pydicom
from PIL import Image
from openjpeg.utils import encode_array
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRLittleEndian

HERE = pathlib.Path(__file__).parent
TMP = pathlib.Path(tempfile.mkdtemp())


def scene(height, width, channels, top=255):
    y, x = np.mgrid[0:height, 0:width]
    planes = [0.5 + 0.3 * np.sin(x / (3 + i) + y / 5) + 0.2 * np.cos(y / (2 + i) - x / 7) for i in range(channels)]
    image = np.stack(planes, -1)
    image[height // 3:height // 2, width // 4:width // 2] = [1, 0, 0.2][:channels]
    return np.clip(image * top, 0, top).round().astype(np.uint8 if top < 256 else np.uint16)


def save(name, pixels):
    Image.fromarray(pixels).save(HERE / f"{name}.png", optimize=True)


def jpeg(name, image, *words):
    plain = TMP / "plain.ppm"
    Image.fromarray(image).save(plain)
    target = HERE / f"{name}.jpg"
    subprocess.run(["cjpeg", "-quality", "80", *words, "-outfile", target, plain], check=True)
    save(name, np.asarray(Image.open(target)))


def lossy():
    """Every way of sampling, and every way of coding one of them."""
    colour, grey = scene(21, 35, 3), scene(21, 35, 1)[..., 0]
    samplings = {"444": "1x1", "422": "2x1", "420": "2x2", "440": "1x2", "411": "4x1",
                 "wide-chroma": "1x1,2x1,2x1", "tall-chroma": "1x1,1x2,1x2", "large-chroma": "1x1,2x2,2x2",
                 "mixed-chroma": "2x1,1x2,1x1", "one-large-chroma": "1x1,2x1,1x1"}
    for name, factors in samplings.items():
        jpeg(name, colour, "-sample", factors if "," in factors else f"{factors},1x1,1x1")
    scans = TMP / "scans.txt"
    scans.write_text("0;\n1;\n2;\n")
    codings = {"progressive": ["-progressive"], "restarts": ["-restart", "1"], "arithmetic": ["-arithmetic"],
               "arithmetic-progressive": ["-arithmetic", "-progressive"], "scans": ["-scans", scans]}
    for name, words in codings.items():
        jpeg(f"420-{name}", colour, "-sample", "2x2,1x1,1x1", *words)
        if "arithmetic" in name:
            # It is refused, so that its pixels are not needed.
            (HERE / f"420-{name}.png").unlink()
    jpeg("440-scans", colour, "-sample", "1x2,1x1,1x1", "-scans", scans)
    jpeg("large-chroma-progressive", colour, "-sample", "1x1,2x2,2x2", "-progressive")
    jpeg("rgb", colour, "-rgb")
    jpeg("narrow-420", scene(9, 3, 3), "-sample", "2x2,1x1,1x1")
    jpeg("grey", grey)
    jpeg("grey-1x3-restarts", grey, "-sample", "1x3", "-restart", "1")
    jpeg("grey-progressive", grey, "-progressive")


def lossless(pixels, precision, restart_rows=0, shift=0, predictor=1):
    """A lossless JPEG (ITU-T T.81, process 14) with five-bit codes for all seventeen categories of differences."""
    rows, columns, components = pixels.shape
    values = (pixels.astype(int) >> shift)
    out = bytearray(b"\xff\xd8\xff\xc3") + (8 + 3 * components).to_bytes(2, "big") + bytes([precision])
    out += rows.to_bytes(2, "big") + columns.to_bytes(2, "big") + bytes([components])
    out += b"".join(bytes([c + 1, 0x11, 0]) for c in range(components))
    out += b"\xff\xc4\x00\x24\x00" + bytes([0, 0, 0, 0, 17] + [0] * 11) + bytes(range(17))
    if restart_rows:
        out += b"\xff\xdd\x00\x04" + (restart_rows * columns).to_bytes(2, "big")
    out += b"\xff\xda" + (6 + 2 * components).to_bytes(2, "big") + bytes([components])
    out += b"".join(bytes([c + 1, 0]) for c in range(components)) + bytes([predictor, 0, shift])
    bits = ""

    def flush():
        nonlocal bits
        bits += "1" * (-len(bits) % 8)
        for at in range(0, len(bits), 8):
            byte = int(bits[at:at + 8], 2)
            out.extend(b"\xff\x00" if byte == 255 else bytes([byte]))
        bits = ""

    for y in range(rows):
        fresh = y == 0 or restart_rows and y % restart_rows == 0
        if fresh and y:
            flush()
            out.extend([0xff, 0xd0 + (y // restart_rows - 1) % 8])
        for x in range(columns):
            for c in range(components):
                left, above = values[y, x - 1, c] if x else None, None if fresh else values[y - 1, x, c]
                if left is None and above is None:
                    guess = 1 << precision - shift - 1
                elif above is None:
                    guess = left
                elif left is None:
                    guess = above
                else:
                    corner = values[y - 1, x - 1, c]
                    guess = {1: left, 2: above, 4: left + above - corner, 7: (left + above) >> 1}[predictor]
                difference = (int(values[y, x, c]) - int(guess) + 32768) % 65536 - 32768
                difference = 32768 if difference == -32768 else difference
                size = abs(difference).bit_length()
                bits += f"{size:05b}"
                if 0 < size < 16:
                    bits += f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}"
    flush()
    return bytes(out + b"\xff\xd9")


def deep():
    noise = np.random.default_rng(5).integers(0, 65536, (12, 16, 1))
    sharp = scene(12, 16, 1, 4095)
    for name, pixels, words in [
        ("lossless-12", sharp, dict(precision=12)),
        ("lossless-restarts", sharp, dict(precision=12, restart_rows=1)),
        ("lossless-restarts-4", sharp, dict(precision=12, restart_rows=5, predictor=4)),
        ("lossless-16", noise, dict(precision=16, restart_rows=3, predictor=7)),
        ("lossless-shift", sharp >> 2 << 2, dict(precision=12, shift=2, predictor=2)),
    ]:
        (HERE / f"{name}.jpg").write_bytes(lossless(pixels, **words))
        save(name, pixels[..., 0].astype(np.uint16))
    rgb = scene(12, 16, 3)
    (HERE / "lossless-rgb.jpg").write_bytes(lossless(rgb, 8, restart_rows=2))
    save("lossless-rgb", rgb)
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 12, 16, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelData = sharp.tobytes()
    dataset.save_as(TMP / "plain.dcm", enforce_file_format=True)
    subprocess.run(["dcmcjpeg", "+ee", "+q", "90", TMP / "plain.dcm", TMP / "twelve.dcm"], check=True)
    twelve = pydicom.dcmread(TMP / "twelve.dcm")
    (HERE / "extended-12.jpg").write_bytes(next(generate_frames(twelve.PixelData, number_of_frames=1)))
    save("extended-12", twelve.pixel_array.astype(np.uint16))
    wide = scene(40, 48, 1, 4095)[..., 0]
    bits = np.random.default_rng(6).integers(0, 8, wide.shape).astype(np.uint16) << 12
    (HERE / "overlay.j2k").write_bytes(encode_array(wide | bits, bits_stored=16, photometric_interpretation=2))
    save("overlay", wide)

lossy()
deep()
