#!/usr/bin/env python3
"""Training steps a second in PyTorch, to be held against `imgveil bench --train MODEL`.

    python3 benches/peers/train.py                          # ResNet-18; CUDA where there is one, else the CPU
    python3 benches/peers/train.py --size 224 --channels 1 --batch 64 --seconds 10
    python3 benches/peers/train.py --model cnn --size 28 --threads 2

ResNet-18 is that of He et al. 2016 with the shapes that imgveil gives it: the 7x7 stem and a pooling for images of 64
pixels or more, else a 3x3 stem. `cnn` is imgveil's small CNN: a convolution of 4x4 patches, two of 3x3, each with batch
norm and ReLU, a pooling, a linear layer. Each step is a forward pass, cross entropy, a backward pass and SGD with
momentum, in 32-bit floats (with and without TF32) and in mixed precision. Images are random and lie on the device
already: no data loading is timed.
"""

import argparse
import statistics
import time

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return torch.relu(self.first(x) + self.shortcut(x))


def resnet18(channels, classes, small):
    stem = [nn.Conv2d(channels, 64, 3, 1, 1, bias=False)] if small else [nn.Conv2d(channels, 64, 7, 2, 3, bias=False)]
    stem += [nn.BatchNorm2d(64), nn.ReLU()] + ([] if small else [nn.MaxPool2d(3, 2, 1)])
    blocks, before = [], 64
    for width, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        blocks += [Block(before, width, stride), Block(width, width, 1)]
        before = width
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


def cnn(channels, classes, size):
    side = size // 4 // 2
    return nn.Sequential(
        nn.Conv2d(channels, 64, 4, 4, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Conv2d(64, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Conv2d(64, 128, 3, 1, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
        nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(min(side, 4)), nn.Flatten(), nn.Linear(128 * min(side, 4) ** 2, classes),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["cnn", "resnet18"], default="resnet18")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each precision")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="on the CPU; else as many as PyTorch takes")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    if device.type == "cpu":
        name += f" ({torch.get_num_threads()} threads)"
    shape = f"{args.batch} x {args.size}x{args.size}x{args.channels}"
    print(f"PyTorch {torch.__version__} on {name}; {args.model}, {shape}")
    images = torch.randn(args.batch, args.channels, args.size, args.size, device=device)
    labels = torch.randint(args.classes, (args.batch,), device=device)

    def wait():
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    rows = [("32-bit floats", False, False)]
    if device.type == "cuda":
        rows += [("TF32", True, False), ("mixed, 16 bit", True, True)]
    for label, tf32, mixed in rows:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
        torch.manual_seed(1)
        if args.model == "cnn":
            network = cnn(args.channels, args.classes, args.size)
        else:
            network = resnet18(args.channels, args.classes, args.size < 64)
        network = network.to(device)
        optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
        # PyTorch before 2.3 has it in another place.
        scaler = (torch.amp if hasattr(torch.amp, "GradScaler") else torch.cuda.amp).GradScaler(enabled=mixed)
        loss_of = nn.CrossEntropyLoss()

        def step():
            if mixed:
                with torch.autocast(device.type, dtype=torch.float16):
                    loss = loss_of(network(images), labels)
            else:
                loss = loss_of(network(images), labels)
            optimiser.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimiser)
            scaler.update()

        for _ in range(5):
            step()
        wait()
        times, begun = [], time.perf_counter()
        while not times or time.perf_counter() - begun < args.seconds:
            start = time.perf_counter()
            for _ in range(5):
                step()
            wait()
            times.append((time.perf_counter() - start) / 5)
        median = statistics.median(times)
        print(f"{label:16} {1e3 * median:9.2f} ms a step {args.batch / median:10.0f} images/s")


if __name__ == "__main__":
    main()
