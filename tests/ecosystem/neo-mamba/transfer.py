"""Sends GAS and NEO through a node's JSON-RPC, waits for both receipts, and checks every amount afterwards.

    WALLET_PASSWORD=… python transfer.py --rpc http://127.0.0.1:20331 --wallet wallet.json --to ADDRESS

The wallet is a NEP-6 file, such as `neo-cli wallet create` makes; its account needs some GAS and NEO. Ends with 0 when
all is as it should be.
"""

import argparse
import asyncio
import datetime
import json
import os
from decimal import Decimal

from neo3.api import noderpc
from neo3.api.helpers import signing
from neo3.api.wrappers import ChainFacade, GasToken, NeoToken, PolicyContract
from neo3.network.payloads import verification
from neo3.wallet import utils
from neo3.wallet.wallet import Wallet

DATOSHI = 10**8
GAS, NEO = GasToken(), NeoToken()
# A transaction is in a block after one or two block times; what takes longer than this went wrong.
RECEIPT_TIMEOUT = 60


def arguments():
    parser = argparse.ArgumentParser(description="Send GAS and NEO.")
    parser.add_argument("--rpc", required=True, help="URL of the node's JSON-RPC")
    parser.add_argument("--wallet", required=True, help="NEP-6 file")
    parser.add_argument("--to", required=True, help="address of the receiver")
    parser.add_argument("--gas", type=Decimal, default=Decimal("1.5"))
    parser.add_argument("--neo", type=int, default=3)
    return parser.parse_args()


async def main(options):
    with open(options.wallet) as file:
        account = Wallet.from_json(json.load(file), passwords=[os.environ["WALLET_PASSWORD"]]).account_default
    facade = ChainFacade(options.rpc, receipt_retry_delay=0.2, receipt_timeout=RECEIPT_TIMEOUT)
    facade.add_signer(
        signing.sign_secure_with_account(account, "WALLET_PASSWORD"),
        verification.Signer(account.script_hash, verification.WitnessScope.CALLED_BY_ENTRY),
    )

    async with noderpc.NeoRpcClient(options.rpc) as client:
        # 1. Which network is this, and which tokens does it have?
        version = await client.get_version()
        print(f"network {version.protocol.network}, {version.user_agent}, height {await client.get_block_count() - 1}")
        for token in [NEO, GAS]:
            symbol, decimals, supply = await facade.test_invoke_multi(
                [token.symbol(), token.decimals(), token.total_supply()]
            )
            print(f"{symbol}: {decimals} decimals, {Decimal(supply) / 10**decimals} in all")
        policy = PolicyContract()
        byte, factor = await facade.test_invoke_multi([policy.fee_per_byte(), policy.exec_fee_factor()])
        print(f"{byte} datoshi a byte, execution fee factor {factor}")

        # 2. Balances, from the node's list and from the contracts themselves.
        sender, receiver = account.address, options.to
        before = {who: await balances(client, facade, who) for who in [sender, receiver]}
        show("before", before[sender], before[receiver])

        # 3. The transfers. `invoke` asks for expiry and both fees, signs, sends and waits for the receipt.
        datoshi = int(options.gas * DATOSHI)
        receipts = []
        for token, amount in [(GAS, datoshi), (NEO, options.neo)]:
            receipt = await facade.invoke(token.transfer(sender, receiver, amount))
            if not receipt.result:
                raise SystemExit(f"{receipt.tx_hash}: {receipt.state}, {receipt.exception}")
            print(f"0x{receipt.tx_hash} is in block {receipt.included_in_block}")
            receipts.append(receipt)

        # 4. What arrived, and what it cost.
        after = {who: await balances(client, facade, who) for who in [sender, receiver]}
        show("after", after[sender], after[receiver])
        paid = [await client.get_transaction(receipt.tx_hash) for receipt in receipts]
        cost = sum(transaction.system_fee + transaction.network_fee for transaction in paid)
        for who, neo, gas in [(sender, -options.neo, -datoshi - cost), (receiver, options.neo, datoshi)]:
            gas += sum(minted_to(who, receipt) for receipt in receipts)
            expect(after[who]["NEO"], before[who]["NEO"] + neo, f"NEO of {who}")
            expect(after[who]["GAS"], before[who]["GAS"] + gas, f"GAS of {who}")

        # 5. The history of the account has both.
        beginning = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
        history = await client.get_nep17_transfers(sender, beginning)
        for receipt, amount in zip(receipts, [datoshi, options.neo]):
            sent = [it for it in history.sent if it.tx_hash == receipt.tx_hash and it.transfer_address == receiver]
            expect([it.amount for it in sent], [amount], f"transfers of {receipt.tx_hash} in the history")
    print(f"both transfers arrived, for {Decimal(cost) / DATOSHI} GAS in fees")


async def balances(client, facade, address):
    """What an account holds, in the smallest units of the tokens."""
    listed = {it.asset_hash: it.amount for it in (await client.get_nep17_balances(address)).balances}
    held = {"NEO": listed.get(NEO.hash, 0), "GAS": listed.get(GAS.hash, 0)}
    told = await facade.test_invoke_multi([NEO.balance_of(address), GAS.balance_of(address)])
    expect(told, [held["NEO"], held["GAS"]], f"balances of {address} by their contracts")
    return held


def minted_to(address, receipt):
    """GAS that moving NEO paid out to an account: transfers from nobody."""
    account = utils.address_to_script_hash(address).to_array()
    total = 0
    for event in receipt.notifications:
        if event.contract == GAS.hash and event.event_name == "Transfer":
            source, to, amount = event.state.as_list()
            if source.type == noderpc.StackItemType.ANY and to.as_bytes() == account:
                total += amount.as_int()
    return total


def expect(found, expected, what):
    if found != expected:
        raise SystemExit(f"{what}: {found}, not {expected}")


def show(when, *held):
    texts = [f"{it['NEO']} NEO and {Decimal(it['GAS']) / DATOSHI} GAS" for it in held]
    print(f"{when}: sender {texts[0]}, receiver {texts[1]}")


asyncio.run(main(arguments()))
