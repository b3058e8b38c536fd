// Deploys a contract through the JSON-RPC of a Neo node, calls it through that of another, and checks that all the named
// nodes have executed it alike.
//
//   WALLET_PASSWORD=… node contract.mjs --wallet wallet.json --rpc http://127.0.0.1:10332 [--rpc http://…]…
//
// The wallet is a NEP-6 file, such as `neo-cli wallet create` makes; its account needs about 20 GAS. Ends with 0 when all
// is as it should be.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { experimental, rpc, sc, u, wallet } from "@cityofzion/neon-js";

// A transaction is in a block after one or two block times; what takes longer than this went wrong.
const RECEIPT_TIMEOUT_MS = 60_000;
const UNKNOWN = [-103, -105];

const { values: options } = parseArgs({
  options: { rpc: { type: "string", multiple: true }, wallet: { type: "string" } },
});
for (const name of ["rpc", "wallet"]) {
  if (!options[name]) throw new Error(`--${name} is missing`);
}
const nodes = options.rpc.map((url) => new rpc.RPCClient(url));
const account = await openAccount(options.wallet, process.env.WALLET_PASSWORD ?? "");
const { protocol } = await nodes[0].getVersion();

// 1. The contract: it keeps one number, which `increase` adds to and `get` reads.
//
//   0  get       PUSHDATA1 "n", SYSCALL GetContext, SYSCALL Get        what is stored, or nothing
//                DUP, ISNULL, JMPIFNOT +4, DROP, PUSH0                  nothing is 0
//                CONVERT Integer, RET
//   n  increase  INITSLOT 1 local, 1 argument
//                CALL get, LDARG0, ADD, STLOC0
//                LDLOC0, PUSHDATA1 "n", SYSCALL GetContext, SYSCALL Put
//                LDLOC0, PUSH1, PACK, PUSHDATA1 "Increased", SYSCALL Notify
//                LDLOC0, RET
const get = [
  ...push("n"), ...syscall("System.Storage.GetContext"), ...syscall("System.Storage.Get"),
  0x4a, 0xd8, 0x26, 0x04, 0x45, 0x10,
  0xdb, 0x21, 0x40,
];
const before = 3; // INITSLOT with its operands, behind which the CALL stands
const increase = [
  0x57, 0x01, 0x01,
  0x34, 0x100 - (get.length + before), 0x78, 0x9e, 0x70,
  0x68, ...push("n"), ...syscall("System.Storage.GetContext"), ...syscall("System.Storage.Put"),
  0x68, 0x11, 0xc0, ...push("Increased"), ...syscall("System.Runtime.Notify"),
  0x68, 0x40,
];
const nef = new sc.NEF({ compiler: "by hand", script: Buffer.from([...get, ...increase]).toString("hex") });
const integer = (name) => ({ name, type: "Integer" });
const manifest = sc.ContractManifest.fromJson({
  name: `Counter${Date.now()}`,
  groups: [],
  features: {},
  supportedstandards: [],
  abi: {
    methods: [
      { name: "get", offset: 0, parameters: [], returntype: "Integer", safe: true },
      { name: "increase", offset: get.length, parameters: [integer("by")], returntype: "Integer", safe: false },
    ],
    events: [{ name: "Increased", parameters: [integer("to")] }],
  },
  permissions: [],
  trusts: [],
  extra: null,
});

// 2. Deployed through the first node, it has the hash that sender, checksum and name give.
const config = (node) => ({ rpcAddress: options.rpc[node % nodes.length], networkMagic: protocol.network, account });
const hash = experimental.getContractHash(
  u.HexString.fromHex(account.scriptHash), nef.checksum, manifest.name,
);
const deployment = await everywhere(await experimental.deployContract(nef, manifest, config(0)));
assert.equal(deployment.notifications.at(-1).eventname, "Deploy");
for (const node of nodes) {
  const state = await node.getContractState(hash);
  assert.equal(state.nef.checksum, nef.checksum);
}
console.log(`0x${hash} is deployed on ${nodes.length} nodes`);

// 3. Called through the others.
let expected = 0;
for (const [turn, by] of [5, 7, 30].entries()) {
  const contract = new experimental.SmartContract(hash, config(turn + 1));
  const execution = await everywhere(await contract.invoke("increase", [sc.ContractParam.integer(by)]));
  expected += by;
  assert.equal(execution.stack[0].value, String(expected));
  const [told] = execution.notifications.filter((it) => it.contract === `0x${hash}`);
  assert.deepEqual([told.eventname, told.state.value[0].value], ["Increased", String(expected)]);
}

// 4. All nodes hold the number.
for (const node of nodes) {
  const answer = await node.invokeFunction(hash, "get");
  assert.deepEqual([answer.state, answer.stack[0].value], ["HALT", String(expected)]);
}
console.log(`all ${nodes.length} nodes have executed it to ${expected}, with equal application logs`);

/** The wallet's default account, with its key. */
async function openAccount(file, password) {
  const nep6 = new wallet.Wallet(JSON.parse(await readFile(file, "utf8")));
  if (!(await nep6.decryptAll(password)).every(Boolean)) throw new Error(`${file} does not open with this password`);
  return nep6.defaultAccount;
}

/** Waits until all nodes have executed a transaction, and gives the log of its execution, which must be equal on all. */
async function everywhere(transaction) {
  const logs = [];
  for (const node of nodes) logs.push(await log(node, transaction));
  for (const other of logs) assert.deepEqual(other, logs[0]);
  const [execution] = logs[0].executions;
  assert.equal(execution.vmstate, "HALT", execution.exception);
  return execution;
}

async function log(node, transaction) {
  const deadline = Date.now() + RECEIPT_TIMEOUT_MS;
  for (;;) {
    try {
      return await node.getApplicationLog(transaction);
    } catch (error) {
      if (!UNKNOWN.includes(error.code) || Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** PUSHDATA1 with a short text. */
function push(text) {
  return [0x0c, text.length, ...Buffer.from(text)];
}

/** SYSCALL, with the first four bytes of the SHA-256 of its name. */
function syscall(name) {
  return [0x41, ...createHash("sha256").update(name).digest().subarray(0, 4)];
}
