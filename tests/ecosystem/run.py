"""Networks of four validators, with dBFT 3.0 and with dBFT 2.0, and the examples of the clients against them.

Started by .ci/ecosystem.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
VALIDATORS = 4
# Longest wait for something that must happen; no measure of speed.
PATIENCE = 60
PASSWORD = "an example's password"
# What Neo's networks allow in a block.
NEO_LIMITS = {"max_transactions_per_block": 512}


class Network:
    """Four processes of ours, on ports of this machine, which speak Neo N3's P2P besides or, with dBFT 2.0, only."""

    def __init__(self, program, folder, protocol):
        self.program, self.root = program, folder / "network"
        base = free_ports(10 * VALIDATORS)
        made = json.loads(self.cli(
            "init", "--validators", str(VALIDATORS), "--out", str(self.root), "--block-time", "1s",
            "--base-port", str(base), "--json",
        ))
        self.nodes, self.magic = made["nodes"], made["magic"]
        self.rpc = self.nodes[0]["rpc"]
        self.p2p = [base + 10 * index + 5 for index in range(VALIDATORS)]
        for index, node in enumerate(self.nodes):
            change(pathlib.Path(node["config"]), lambda config: self.configure(config, index, protocol))
        if protocol == 2:
            change(self.root / "genesis.json", lambda genesis: genesis.update(NEO_LIMITS))
        self.processes = []

    def configure(self, config, index, protocol):
        others = [port for port in self.p2p if port != self.p2p[index]]
        config["p2p"] = {
            "listen": [f"127.0.0.1:{self.p2p[index]}"], "peers": [f"127.0.0.1:{port}" for port in others],
        }
        if protocol == 2:
            config["protocol"]["version"] = 2
            config["protocol"]["genesis"].update(NEO_LIMITS)
            config["network"].update(listen=[], peers=[])

    def __enter__(self):
        for node in self.nodes:
            log = open(pathlib.Path(node["config"]).parent / "ecosystem.log", "w")
            command = [self.program, "run", "--config", node["config"]]
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
        until("the first block", lambda: (self.height() or 0) >= 1)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(timeout=PATIENCE)

    def cli(self, *arguments, **environment):
        ended = subprocess.run(
            [self.program, *arguments], env={**os.environ, **environment}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        if ended.returncode:
            sys.exit(f"neo-cli {' '.join(arguments)}: exit code {ended.returncode}\n{ended.stderr}")
        return ended.stdout

    def call(self, method, *parameters):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(self.rpc, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["result"]

    def height(self):
        try:
            return self.call("getblockcount") - 1
        except OSError:
            return None

    def account(self, name, neo=0, gas=0):
        """A new wallet, and its address; what it gets comes from the validators' account."""
        file = self.root.parent / f"{name}.json"
        made = self.cli("wallet", "create", str(file), "--password-env", "WALLET_PASSWORD", "--json",
                        WALLET_PASSWORD=PASSWORD)
        address = json.loads(made)["address"]
        for token, amount in [("NEO", neo), ("GAS", gas)]:
            if amount:
                self.cli("transfer", "--from-validators", str(self.root), "--token", token, "--amount", str(amount),
                         "--to", address, "--rpc", self.rpc)
        return file, address


def change(file, update):
    """Changes a JSON file."""
    document = json.loads(file.read_text())
    update(document)
    file.write_text(json.dumps(document))


def free_ports(count):
    """The first of so many ports in a row that nobody listens on, below those that the system hands out."""
    for base in range(21_000, 32_000 - count, count):
        try:
            for port in range(base, base + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
    sys.exit(f"no {count} free ports in a row")


def until(what, probe):
    begin = time.monotonic()
    while not probe():
        if time.monotonic() - begin > PATIENCE:
            sys.exit(f"{what}: not within {PATIENCE} s")
        time.sleep(0.1)


def example(what, *command):
    """Runs an example, shows and returns what it says, and ends with it if it fails."""
    print(f"== {what}", flush=True)
    environment = {**os.environ, "WALLET_PASSWORD": PASSWORD}
    ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=4 * PATIENCE)
    print(ended.stdout, end="", flush=True)
    if ended.returncode:
        sys.exit(f"{what}: exit code {ended.returncode}")
    return ended.stdout


def clients(network, home):
    for name, command in [
        ("neon-js", ["node", str(home / "neon-js/transfer.mjs")]),
        ("neo-mamba", [str(home / "neo-mamba/bin/python"), str(HERE / "neo-mamba/transfer.py")]),
    ]:
        wallet, _ = network.account(name, neo=100, gas=50)
        _, receiver = network.account(f"{name}-receiver")
        # The second time the receiver has NEO that earned GAS.
        for turn in ["first", "second"]:
            example(f"{name}, {turn} time", *command, "--rpc", network.rpc, "--wallet", str(wallet), "--to", receiver)


def synchronisation(network, home):
    """neo-mamba's P2P client fetches all headers and blocks; the last hash is the one that JSON-RPC tells."""
    height = network.height()
    address = ["127.0.0.1", str(network.p2p[0]), str(network.magic), str(height)]
    said = example("neo-mamba, P2P", str(home / "neo-mamba/bin/python"), str(HERE / "neo-mamba/sync.py"), *address)
    last = said.splitlines()[-1].removeprefix("last ").removeprefix("0x")
    expected = network.call("getblockhash", height).removeprefix("0x")
    if last != expected:
        sys.exit(f"neo-mamba's block {height} is {last}, the node's is {expected}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--home", type=pathlib.Path, required=True)
    options = parser.parse_args()
    for protocol in [3, 2]:
        print(f"== dBFT {protocol}.0", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            with Network(options.program, pathlib.Path(folder), protocol) as network:
                clients(network, options.home)
                synchronisation(network, options.home)
    print("== all examples ended well")


main()
