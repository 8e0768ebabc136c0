"""Federated training on encrypted images, with Flower (https://flower.ai) in its simulation engine on Ray.

Every client is a hospital that has a part of the images. It encrypts them, and whoever trains for it sees encrypted
images only. The server averages the networks (FedAvg). What the clients share is the question:

  shared   all clients encrypt with one key
  each     every client has a key of its own
  local    as `each`, and every client keeps the network's first layer, which reads its blocks, to itself
  none     nothing is encrypted: the reference

    pip install 'imgveil[torch]' 'flwr[simulation]>=1.21'
    python federated.py DATA --clients 4 --rounds 10 --scheme 'shuffle-flip block=4' --keys none shared each local

DATA is any set that imgveil reads, with labels, `train` and `test` images, and images of one size.
"""

import argparse
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import flwr.app
import flwr.clientapp
import flwr.serverapp
import flwr.serverapp.strategy
import flwr.simulation
import imgveil
import imgveil.torch
import numpy as np
import torch

#: Sharing whose clients encrypt with keys of their own.
OWN_KEYS = ("each", "local")
#: The beginning of the names of the first layer's parameters.
FIRST = "blocks."


class Network(torch.nn.Module):
    """A small CNN. Its first layer takes whole blocks, as the scheme does."""

    def __init__(self, channels, classes, block):
        super().__init__()
        self.blocks = torch.nn.Conv2d(channels, 64, block, stride=block)
        self.middle = torch.nn.Conv2d(64, 64, 3, padding=1)
        self.last = torch.nn.Conv2d(64, 64, 3, padding=1)
        self.linear = torch.nn.Linear(64 * 4, classes)

    def forward(self, images):
        maps = self.blocks(images).relu()
        maps = self.last(self.middle(maps).relu()).relu()
        return self.linear(torch.nn.functional.adaptive_avg_pool2d(maps, 2).flatten(1))


def hand_out(data, folder, keys, scheme, clients, seed):
    """What the hospitals do: each gets its part of the images, at random, and encrypts it. The folder gets a file
    `client-N.npz` for every client, and no key."""
    plain = imgveil.Set(data)
    labels, splits = np.array([-1 if label is None else label for label in plain.labels]), np.array(plain.splits)
    shapes = {plain.geometry(index) for index in range(len(plain))}
    if len(shapes) != 1 or (labels < 0).any() or not {"train", "test"} <= set(splits):
        sys.exit("the set must have images of one size, each with a label, in the splits train and test")
    (shape, depth), random = shapes.pop(), np.random.default_rng(seed)
    parts = [{} for _ in range(clients)]
    for split in ["train", "test"]:
        order = random.permutation(np.flatnonzero(splits == split))
        for part, indices in zip(parts, np.array_split(order, clients)):
            part[f"{split}_images"] = np.stack([plain[int(index)] for index in indices])
            part[f"{split}_labels"] = labels[indices][:, None]
    with tempfile.TemporaryDirectory() as private:
        for number, part in enumerate(parts):
            path, key = f"{private}/{number}.npz", f"{private}/{number if keys in OWN_KEYS else 'all'}.key"
            np.savez(path, **part)
            encrypted = folder / f"client-{number}.npz"
            if keys == "none":
                os.replace(path, encrypted)
                continue
            if not os.path.exists(key):
                imgveil.Key.generate().save(key)
            words = [sys.executable, "-m", "imgveil", "encrypt", "-k", key, "-s", scheme, "--keep-classes"]
            words += ["--names", f"{private}/{number}.csv", path, encrypted]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(done.stderr)
    return shape, int(labels.max()) + 1


# Ray sends functions to its workers. In a function that uses torch, it takes any attribute `classes` for the module
# torch.classes, which it cannot send under some versions of Python and torch: such functions do without the name.


def numbers(found):
    """The label of every image. A part may lack a class, so that its numbers are not those of the whole; the names
    are the numbers."""
    names = [int(name) for name in found.classes]
    return [names[target] for target in found.targets]


def loaded(folder, client, split):
    """The encrypted images of a client, as tensors. The key is not needed."""
    found = imgveil.torch.EncryptedSet(pathlib.Path(folder) / f"client-{client}.npz", split, plain=True)
    return torch.stack([image for image, _ in found]), torch.tensor(numbers(found))


def client_app(folder, make, local, arguments):
    """The app of every client: trains and tests the network that the server sends on the client's own images."""
    app = flwr.clientapp.ClientApp()

    def received(message, context):
        torch.set_num_threads(1)
        network = make()
        weights = message.content["arrays"].to_torch_state_dict()
        if local and "first" in context.state:
            weights.update(context.state["first"].to_torch_state_dict())
        network.load_state_dict(weights, strict=not local)
        return network, context.node_config["partition-id"]

    @app.train()
    def train(message, context):
        network, client = received(message, context)
        images, labels = loaded(folder, client, "train")
        turn = message.content["config"]["server-round"]
        torch.manual_seed(1_000_000 * arguments.seed + 1000 * turn + client)
        optimiser = torch.optim.AdamW(network.parameters(), arguments.rate)
        for _ in range(arguments.epochs):
            for batch in torch.randperm(len(images)).split(arguments.batch):
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
                optimiser.step()
        weights = network.state_dict()
        if local:
            first = {name: weights.pop(name) for name in list(weights) if name.startswith(FIRST)}
            context.state["first"] = flwr.app.ArrayRecord(first)
        told = flwr.app.MetricRecord({"num-examples": len(images)})
        content = {"arrays": flwr.app.ArrayRecord(weights), "metrics": told}
        return flwr.app.Message(flwr.app.RecordDict(content), reply_to=message)

    @app.evaluate()
    def evaluate(message, context):
        network, client = received(message, context)
        images, labels = loaded(folder, client, "test")
        with torch.no_grad():
            right = network(images).argmax(1) == labels
        # How many images of every class there are, and how many of them are found.
        told = {"num-examples": len(images)}
        for label in range(arguments.labels):
            told[f"of-{label}"] = int((labels == label).sum())
            told[f"right-{label}"] = int(right[labels == label].sum())
        content = {"metrics": flwr.app.MetricRecord(told)}
        return flwr.app.Message(flwr.app.RecordDict(content), reply_to=message)

    return app


def server_app(make, local, arguments, results):
    """The app of the server: averages what the clients send, and adds the accuracy of the last round to `results`."""
    app = flwr.serverapp.ServerApp()

    def counted(replies, _):
        counts = {}
        for reply in replies:
            for name, count in reply["metrics"].items():
                counts[name] = counts.get(name, 0) + count
        share = {label: counts[f"right-{label}"] / max(counts[f"of-{label}"], 1) for label in range(arguments.labels)}
        right = sum(counts[f"right-{label}"] for label in share)
        accuracies = {"accuracy": right / counts["num-examples"], "balanced": sum(share.values()) / len(share)}
        return flwr.app.MetricRecord(accuracies)

    @app.main()
    def main(grid, context):
        weights = make().state_dict()
        for name in [name for name in weights if local and name.startswith(FIRST)]:
            del weights[name]
        strategy = flwr.serverapp.strategy.FedAvg(
            fraction_train=1.0,
            fraction_evaluate=1.0,
            min_train_nodes=arguments.clients,
            min_evaluate_nodes=arguments.clients,
            min_available_nodes=arguments.clients,
            evaluate_metrics_aggr_fn=counted,
        )
        arrays = flwr.app.ArrayRecord(weights)
        result = strategy.start(grid=grid, initial_arrays=arrays, num_rounds=arguments.rounds)
        results.append(dict(result.evaluate_metrics_clientapp[arguments.rounds]))

    return app


def federation(keys, arguments):
    """Trains once. Returns the accuracy and the mean of the classes' accuracies on the clients' test images."""
    with tempfile.TemporaryDirectory() as folder:
        shape, arguments.labels = hand_out(
            arguments.data, pathlib.Path(folder), keys, arguments.scheme, arguments.clients, arguments.seed
        )
        block = imgveil.Scheme(arguments.scheme).block or (4, 4)
        channels, classes, local, results = shape[2], arguments.labels, keys == "local", []

        def make():
            torch.manual_seed(arguments.seed)
            return Network(channels, classes, block)

        flwr.simulation.run_simulation(
            server_app=server_app(make, local, arguments, results),
            client_app=client_app(folder, make, local, arguments),
            num_supernodes=arguments.clients,
            backend_config={
                "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
                # A cluster of its own, also where another one runs.
                "init_args": {
                    "address": "local",
                    "num_cpus": arguments.cpus,
                    "include_dashboard": False,
                    "log_to_driver": False,
                },
            },
        )
    if not results:
        raise RuntimeError("the federation failed")
    return results[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="DATA", help="a plain set with labels and the splits train and test")
    parser.add_argument("--clients", type=int, default=4, help="hospitals")
    parser.add_argument("--rounds", type=int, default=10, help="how often the server averages")
    parser.add_argument("--epochs", type=int, default=1, help="passes over a client's images in a round")
    parser.add_argument("--scheme", default="shuffle-flip block=4", help="how images are encrypted")
    parser.add_argument(
        "--keys", nargs="+", choices=["none", "shared", *OWN_KEYS], default=["none", "shared", "each", "local"]
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="one run for each; the table has the mean")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.001, help="learning rate of AdamW")
    parser.add_argument("--cpus", type=int, default=os.cpu_count(), help="clients that train at once")
    parser.add_argument("--verbose", action="store_true", help="print what Flower does")
    arguments = parser.parse_args()
    if not arguments.verbose:
        logging.getLogger("flwr").setLevel(logging.ERROR)
    lines = ["| keys | accuracy | balanced | seconds |", "|---|---|---|---|"]
    for keys in arguments.keys:
        found, began = [], time.monotonic()
        for arguments.seed in arguments.seeds:
            found.append(federation(keys, arguments))
            print(f"{keys}, seed {arguments.seed}: {100 * found[-1]['accuracy']:.1f} percent", file=sys.stderr)
        cells = []
        for name in ["accuracy", "balanced"]:
            values = 100 * np.array([one[name] for one in found])
            spread = f" ({values.min():.1f} to {values.max():.1f})" if len(values) > 1 else ""
            cells.append(f"{values.mean():.1f}{spread}")
        lines.append(f"| {keys} | {' | '.join(cells)} | {(time.monotonic() - began) / len(found):.0f} |")
    print(f"{arguments.clients} clients, {arguments.rounds} rounds, {arguments.scheme}")
    print("\n".join(lines))


if __name__ == "__main__":
    try:
        main()
    except imgveil.Error as error:
        sys.exit(f"error: {error}")
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        # After a failure, a thread of Flower's server waits for clients for ever.
        os._exit(1)
