// Sends GAS and NEO through a node's JSON-RPC, waits for both receipts, and checks every amount afterwards.
//
//   WALLET_PASSWORD=… node transfer.mjs --rpc http://127.0.0.1:20331 --wallet wallet.json --to ADDRESS
//
// The wallet is a NEP-6 file, such as `neo-cli wallet create` makes; its account needs some GAS and NEO. Ends with 0
// when all is as it should be.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { CONST, api, experimental, rpc, u, wallet } from "@cityofzion/neon-js";

const { GasToken, NeoToken } = CONST.NATIVE_CONTRACT_HASH;
const GAS_DECIMALS = 8;
// A transaction is in a block after one or two block times; what takes longer than this went wrong.
const RECEIPT_TIMEOUT_MS = 60_000;
const UNKNOWN_TRANSACTION = -103;
const UNKNOWN_CONTAINER = -105;

const { values: options } = parseArgs({
  options: {
    rpc: { type: "string" },
    wallet: { type: "string" },
    to: { type: "string" },
    gas: { type: "string", default: "1.5" },
    neo: { type: "string", default: "3" },
  },
});
for (const name of ["rpc", "wallet", "to"]) {
  if (!options[name]) throw new Error(`--${name} is missing`);
}

const client = new rpc.RPCClient(options.rpc);
const account = await openAccount(options.wallet, process.env.WALLET_PASSWORD ?? "");
const { address } = account;
const receiver = options.to;

// 1. Which network is this, and which tokens does it have?
const version = await client.getVersion();
const networkMagic = version.protocol.network;
console.log(`network ${networkMagic}, ${version.useragent}, height ${(await client.getBlockCount()) - 1}`);
for (const token of await api.getTokenInfos([NeoToken, GasToken], client)) {
  console.log(`${token.symbol}: ${token.decimals} decimals, ${token.totalSupply} in all`);
}
const fees = await api.getFeeInformation(client);
console.log(`${fees.feePerByte} datoshi a byte, execution fee factor ${fees.executionFeeFactor}`);

// 2. Balances, from the node's list and from the contracts themselves.
const before = { sender: await balances(address), receiver: await balances(receiver) };
show("before", before);

// 3. GAS, with the facade: it asks for expiry and both fees, then signs and sends.
const facade = await api.NetworkFacade.fromConfig({ node: options.rpc });
const gasAmount = u.BigInteger.fromDecimal(options.gas, GAS_DECIMALS);
const gasHash = await facade.transferToken(
  [{ from: account, to: receiver, contractHash: GasToken, integerAmt: gasAmount.toString() }],
  { signingCallback: api.signWithAccount(account) },
);
const gasReceipt = await receipt(gasHash);

// 4. NEO, with the token's contract.
const neo = new experimental.nep17.NEOContract({ rpcAddress: options.rpc, networkMagic, account });
const neoAmount = Number(options.neo);
const neoHash = await neo.transfer(address, receiver, neoAmount);
const neoReceipt = await receipt(neoHash);

// 5. What arrived, and what it cost.
const after = { sender: await balances(address), receiver: await balances(receiver) };
show("after", after);
const receipts = [gasReceipt, neoReceipt];
const sum = (amounts) => amounts.reduce((total, amount) => total + BigInt(amount), 0n);
const claimed = (of) => sum(receipts.flatMap((it) => it.claimed(of)));
const cost = sum(receipts.flatMap((it) => [it.transaction.sysfee, it.transaction.netfee]));
const sent = BigInt(gasAmount.toString());
assert.equal(after.receiver.NEO, before.receiver.NEO + BigInt(neoAmount));
assert.equal(after.sender.NEO, before.sender.NEO - BigInt(neoAmount));
assert.equal(after.receiver.GAS, before.receiver.GAS + sent + claimed(receiver));
assert.equal(after.sender.GAS, before.sender.GAS - sent - cost + claimed(address));

// 6. The history of the account has both.
const history = await client.getNep17Transfers(address, "0");
for (const [hash, amount] of [
  [gasHash, sent],
  [neoHash, BigInt(neoAmount)],
]) {
  const entry = history.sent.find((it) => it.txhash === hash && it.transferaddress === receiver);
  assert.equal(BigInt(entry?.amount ?? -1), amount, `${hash} in the history`);
}
console.log(`both transfers arrived, for ${u.BigInteger.fromNumber(cost.toString()).toDecimal(GAS_DECIMALS)} GAS in fees`);

/** The wallet's default account, with its key. */
async function openAccount(file, password) {
  const nep6 = new wallet.Wallet(JSON.parse(await readFile(file, "utf8")));
  if (!(await nep6.decryptAll(password)).every(Boolean)) throw new Error(`${file} does not open with this password`);
  return nep6.defaultAccount;
}

/** What an account holds, in the smallest units of the tokens. */
async function balances(of) {
  const { balance } = await client.getNep17Balances(of);
  const listed = (hash) => BigInt(balance.find((it) => it.assethash === `0x${hash}`)?.amount ?? 0);
  const held = { NEO: listed(NeoToken), GAS: listed(GasToken) };
  const [neo, gas] = await api.getTokenBalances(of, [NeoToken, GasToken], client);
  assert.equal(neo, held.NEO.toString());
  assert.equal(gas, u.BigInteger.fromNumber(held.GAS.toString()).toDecimal(GAS_DECIMALS));
  return held;
}

/** Waits until the transaction is in a block, and reads what it did. */
async function receipt(hash) {
  const deadline = Date.now() + RECEIPT_TIMEOUT_MS;
  for (;;) {
    try {
      const log = await client.getApplicationLog(hash);
      const height = await client.getTransactionHeight(hash);
      const transaction = await client.getRawTransaction(hash, true);
      const [execution] = log.executions;
      if (execution.vmstate !== "HALT") throw new Error(`${hash} ended with ${execution.vmstate}: ${execution.exception}`);
      console.log(`${hash} is in block ${height}, ${transaction.confirmations} confirmation(s)`);
      return { transaction, claimed: (of) => mintedTo(of, execution) };
    } catch (error) {
      if (![UNKNOWN_TRANSACTION, UNKNOWN_CONTAINER].includes(error.code) || Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** GAS that moving NEO paid out to an account: transfers from nobody. */
function mintedTo(address, execution) {
  const account = Buffer.from(wallet.getScriptHashFromAddress(address), "hex").reverse().toString("base64");
  return execution.notifications
    .filter((it) => it.contract === `0x${GasToken}` && it.eventname === "Transfer")
    .map((it) => it.state.value)
    .filter(([from, to]) => from.type === "Any" && to.value === account)
    .map(([, , amount]) => amount.value);
}

function show(when, { sender, receiver }) {
  const text = ({ NEO, GAS }) => `${NEO} NEO and ${u.BigInteger.fromNumber(GAS.toString()).toDecimal(GAS_DECIMALS)} GAS`;
  console.log(`${when}: sender ${text(sender)}, receiver ${text(receiver)}`);
}
