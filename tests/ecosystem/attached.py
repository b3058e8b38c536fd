"""Four of our validators beside four neo-go nodes, measured: what `neo-cli devnet --ledger attached` says, and a contract
that neon-js deploys and calls meanwhile; and neo-go validators that go over to dBFT 3.0 and back.

Started by .ci/attached.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

PASSWORD = "an example's password"
failures = []


def judge(holds, what):
    print(f"   {'ok  ' if holds else 'FAIL'} {what}", flush=True)
    if not holds:
        failures.append(what)


class Devnet:
    """A running development network; `finish` gives its summary."""

    def __init__(self, options, *more):
        self.program = str(pathlib.Path(options.program).resolve())
        command = [
            self.program, "devnet", "--json", "--ledger", "attached", "--neo-go-bin", options.neo_go,
            "--tx-rate", "20", *more,
        ]
        print("==", " ".join(command[1:]), flush=True)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.told, self.neo_nodes = [], []
        self.up = threading.Event()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.told.append(line)
            if found := re.search(r"Neo node (http://[0-9.:]+)", line):
                self.neo_nodes.append(found.group(1))
            # The first line with heights: blocks come.
            if line.startswith("heights "):
                self.up.set()
        self.up.set()

    def finish(self):
        out = self.process.stdout.read()
        self.reader.join()
        if self.process.wait():
            print("".join(self.told)[-4000:])
            failures.append(f"devnet ended with exit code {self.process.returncode}")
        return json.loads(out) if out else None


def contract(options, network, folder):
    """A wallet of its own gets GAS from the validators' account; neon-js does the rest."""
    network.up.wait()
    if not network.neo_nodes:
        judge(False, "contract: the network is not up")
        return
    environment = {**os.environ, "WALLET_PASSWORD": PASSWORD}
    wallet, rpc = folder / "wallet.json", network.neo_nodes[0]
    created = subprocess.run(
        [network.program, "wallet", "create", str(wallet), "--password-env", "WALLET_PASSWORD", "--json"],
        env=environment, check=True, stdout=subprocess.PIPE,
    )
    subprocess.run(
        [network.program, "transfer", "--from-validators", str(folder / "network"), "--token", "gas", "--amount", "100",
         "--to", json.loads(created.stdout)["address"], "--rpc", rpc],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    nodes = [part for node in network.neo_nodes for part in ("--rpc", node)]
    ran = subprocess.run(
        ["node", str(pathlib.Path(options.neon_js) / "contract.mjs"), "--wallet", str(wallet), *nodes],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    said = ran.stdout.strip().replace("\n", "; ") if ran.returncode == 0 else ran.stdout
    judge(ran.returncode == 0, f"contract through neon-js: {said}")


def same_chain(name, run):
    attached = run["attached"]
    equality = attached["equality"]
    compared = f"{equality['blocks']} blocks, {equality['accounts']} accounts, {equality['logs']} application logs"
    equal = all(attached["verdicts"][what] for what in ["hashes_equal", "balances_equal", "logs_equal"])
    judge(equal and run["tips_agree"], f"{name}: equal on all neo-go nodes: {compared} {equality['differences'] or ''}")
    sent = f"{run['tx_submitted']} sent, {run['tx_refused']} refused, {run['tx_committed']} committed"
    judge(run["tx_committed"] == run["tx_submitted"] > 0, f"{name}: {sent}")


def told(times):
    return ", ".join(f"{name} {times[name] or 0:.0f} ms" for name in ["p50", "p95", "longest"])


def chain(options, name, blocks, *more, with_contract=False):
    with tempfile.TemporaryDirectory(prefix="attached-") as folder:
        folder = pathlib.Path(folder)
        network = Devnet(options, "--blocks", str(blocks), "--data-dir", str(folder / "network"), *more)
        if with_contract:
            contract(options, network, folder)
        run = network.finish()
    if not run:
        return
    attached = run["attached"]
    times = attached["block_interval_ms"]
    judge(attached["verdicts"]["pace"], f"{name}: {run['blocks']} blocks, interval {told(times)}; p50 below 1.1 s")
    same_chain(name, run)
    if join := attached["join"]:
        judge(
            join["height"] >= blocks,
            f"{name}: a further neo-go node fetched {join['height']} blocks in {join['seconds']:.1f} s, with equal hashes",
        )


def trials(options, name, *more):
    run = Devnet(options, "--neo-trials", "kill,freeze", *more).finish()
    if not run:
        return
    attached = run["attached"]
    for one in attached["trials"]:
        signed = len(one["signed_meanwhile"])
        what = (
            f"{name}: {one['fault']} of the Neo node of validator {one['validator']} for {one['away_ms'] / 1000:.0f} s: "
            f"{one['blocks_meanwhile']} blocks meanwhile, {signed} with its vote, longest gap {one['longest_gap_ms']:.0f} ms; "
        )
        if one["spare"]:
            what += f"it votes with another Neo node after {one['taken_over_ms'] or 0:.0f} ms"
            judge(signed > 0 and not one["alert"], what)
            continue
        what += (
            f"alert after {one['alert_after_ms']:.0f} ms, over {one['alert_over_after_ms']:.0f} ms after the return, vote in "
            f"a block after {one['votes_after_ms']:.0f} ms"
        )
        judge(signed == 0 and one["blocks_meanwhile"] > 0, what)
        print(f"        {one['alert']}")
    judge(attached["verdicts"]["blocks_go_on"], f"{name}: {run['blocks']} blocks, none more than 8 s after another")
    same_chain(name, run)


def migration(options, name, between):
    command = [
        str(pathlib.Path(options.program).resolve()), "devnet", "--json", "--protocol", "2", "--neo-go-bin", options.neo_go,
        "--tx-rate", "20", "--tx-token", "neo", f"--migrate={between}",
    ]
    print("==", " ".join(command[1:]), flush=True)
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ended.returncode:
        print(ended.stderr[-4000:])
        failures.append(f"{name}: devnet ended with exit code {ended.returncode}")
        return
    run = json.loads(ended.stdout)
    mixed = run["mixed"]
    there, back = mixed["migration"]["there"], mixed["migration"]["back"]
    judge(
        mixed["verdicts"]["stop_within_10_s"],
        f"{name}: to dBFT 3.0 above block {there['height']} with {there['stop_ms']:.0f} ms without a block, and back above "
        f"block {back['height']} with {back['stop_ms']:.0f} ms; at most 10 s",
    )
    judge(
        all(mixed["verdicts"].values()) and run["tips_agree"],
        f"{name}: one chain on all nodes and on one that followed: {mixed['verdicts']}",
    )
    sent = f"{run['tx_submitted']} sent, {run['tx_refused']} refused, {run['tx_committed']} committed"
    judge(run["tx_committed"] == run["tx_submitted"] > 0, f"{name}: {sent}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--neo-go", required=True)
    parser.add_argument("--neon-js", required=True)
    parser.add_argument("--length", choices=["short", "full"], required=True)
    options = parser.parse_args()
    full = options.length == "full"
    chain(options, "dBFT 3.0", 1_000 if full else 60, "--join", with_contract=True)
    trials(options, "failures", *(["--blocks", "120"] if full else []))
    chain(options, "dBFT 2.0", 60 if full else 20, "--protocol", "2", "--join")
    if full:
        trials(options, "failures with dBFT 2.0", "--protocol", "2")
        trials(options, "failures with a second Neo node", "--spare-neo-nodes")
    migration(options, "migration", "30s" if full else "5s")
    if failures:
        sys.exit("missed:\n  " + "\n  ".join(failures))


main()
