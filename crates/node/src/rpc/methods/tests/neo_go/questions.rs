//! What both are asked.

use neo_primitives::{NativeContract, Token, UInt160, transfer_script};
use serde_json::{Value, json};

use super::{BASE64, HEIGHT, Story, chain::scenario::stranger};
use base64::Engine as _;

type Questions = Vec<(&'static str, Value)>;

/// Everything that is compared.
pub(super) fn all(story: &Story) -> Questions {
    let mut all = node();
    all.extend(blocks(story));
    all.extend(accounts(story));
    all.extend(contracts());
    all.extend(tokens(story));
    all.extend(policy(story));
    all
}

fn node() -> Questions {
    vec![
        ("getversion", json!([])),
        ("getpeers", json!([])),
        ("getconnectioncount", json!([])),
        ("getrawmempool", json!([])),
        ("getrawmempool", json!([true])),
        ("getrawmempool", json!([1])),
        ("getcommittee", json!([])),
        ("getnextblockvalidators", json!([])),
        ("getcandidates", json!([])),
        (
            "validateaddress",
            json!(["NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq"]),
        ),
        (
            "validateaddress",
            json!(["NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVr"]),
        ),
        (
            "validateaddress",
            json!(["0x3f223f6da778e805d1b9b479906c0e8c1ee8b968"]),
        ),
        ("traverseiterator", json!(["a", "b", 1])),
        ("listplugins", json!([])),
        ("nothing", json!([])),
    ]
}

fn blocks(story: &Story) -> Questions {
    let mut all: Questions = vec![
        ("getblockcount", json!([])),
        ("getblockheadercount", json!([])),
        ("getbestblockhash", json!([])),
        ("getblockhash", json!([HEIGHT + 1])),
        ("getblock", json!([HEIGHT + 1, 1])),
        ("getblockheader", json!([HEIGHT + 1, 1])),
        ("getblock", json!(["nonsense"])),
        ("getblocksysfee", json!([HEIGHT + 1])),
        ("getblock", json!([])),
        ("getblockhash", json!([-1])),
    ];
    let unknown = format!("0x{}", "ab".repeat(32));
    for method in [
        "getblock",
        "getblockheader",
        "getrawtransaction",
        "gettransactionheight",
        "getapplicationlog",
    ] {
        all.push((method, json!([unknown])));
        all.push((method, json!([unknown, 1])));
    }
    for height in 0..=HEIGHT {
        for verbose in [json!(0), json!(1), json!(false), json!(true)] {
            all.push(("getblock", json!([height, verbose])));
            all.push(("getblockheader", json!([height, verbose])));
        }
        all.push(("getblockhash", json!([height])));
        all.push(("getblocksysfee", json!([height])));
    }
    for block in &story.blocks {
        let hash = block.hash().to_string();
        all.push(("getblock", json!([hash, 1])));
        all.push(("getblock", json!([hash.trim_start_matches("0x")])));
        all.push(("getblockheader", json!([hash, 1])));
        for trigger in ["OnPersist", "PostPersist", "Application", "All"] {
            all.push(("getapplicationlog", json!([hash, trigger])));
        }
        all.push(("getapplicationlog", json!([hash])));
        for transaction in &block.transactions {
            let hash = transaction.hash().to_string();
            all.push(("getrawtransaction", json!([hash])));
            all.push(("getrawtransaction", json!([hash, 1])));
            all.push(("gettransactionheight", json!([hash])));
            all.push(("getapplicationlog", json!([hash])));
        }
    }
    all
}

/// Accounts that hold much, something, and nothing.
fn of_interest(story: &Story) -> Vec<UInt160> {
    let users = story.people.users.iter().map(|user| user.account());
    let validators = story
        .network
        .keys
        .iter()
        .map(|key| key.public_key().script_hash());
    users
        .chain(validators)
        .chain([
            story.network.treasury().account(),
            story.people.club.account(),
            stranger(),
            UInt160::from_wire([0x5a; 20]),
        ])
        .collect()
}

fn accounts(story: &Story) -> Questions {
    // The scenario's clock is far from ours.
    let (start, end) = (0, 9_999_999_999_999u64);
    let mut all = Vec::new();
    for account in of_interest(story) {
        let address = account.to_address();
        all.push(("getnep17balances", json!([address])));
        all.push(("getnep17balances", json!([account])));
        all.push(("getunclaimedgas", json!([address])));
        all.push(("getnep11balances", json!([address])));
        all.push(("getnep11transfers", json!([address, start, end])));
        all.push(("getnep17transfers", json!([address])));
        all.push(("getnep17transfers", json!([address, start, end])));
        for page in 0..3 {
            all.push(("getnep17transfers", json!([address, start, end, 5, page])));
        }
        let middle = 1_700_000_000_000u64 + 1_000 * u64::from(HEIGHT / 2);
        all.push(("getnep17transfers", json!([address, middle, end])));
        all.push(("getnep17transfers", json!([address, start, middle])));
    }
    for bad in [json!([]), json!(["x"]), json!([7])] {
        all.push(("getnep17balances", bad.clone()));
        all.push(("getnep17transfers", bad.clone()));
        all.push(("getunclaimedgas", bad));
    }
    let address = stranger().to_address();
    all.push(("getnep17transfers", json!([address, start, end, 1_001])));
    all.push(("getnep17transfers", json!([address, start, end, 0])));
    all
}

fn contracts() -> Questions {
    let mut all: Questions = vec![
        ("getnativecontracts", json!([])),
        (
            "getcontractstate",
            json!([format!("0x{}", "11".repeat(20))]),
        ),
        ("getcontractstate", json!([-100])),
        ("getcontractstate", json!(["nothing"])),
    ];
    for token in Token::ALL {
        all.push(("getcontractstate", json!([token.hash()])));
        all.push(("getcontractstate", json!([token.contract_name()])));
    }
    for id in -11..0 {
        all.push(("getcontractstate", json!([id])));
    }
    all
}

fn hash160(account: &UInt160) -> Value {
    json!({"type": "Hash160", "value": account})
}

fn integer(value: impl ToString) -> Value {
    json!({"type": "Integer", "value": value.to_string()})
}

fn tokens(story: &Story) -> Questions {
    let mut all = Vec::new();
    let giver = story.network.treasury().account();
    for token in Token::ALL {
        for method in ["symbol", "decimals", "totalSupply"] {
            all.push(("invokefunction", json!([token.hash(), method])));
            all.push(("invokefunction", json!([token.hash(), method, [], []])));
        }
        all.push(("invokefunction", json!([token.contract_name(), "symbol"])));
        for account in of_interest(story) {
            let arguments = [hash160(&account)];
            all.push((
                "invokefunction",
                json!([token.hash(), "balanceOf", arguments]),
            ));
            for amount in [0, 1, 1_000_000_000_000_i64] {
                let arguments = json!([
                    hash160(&giver),
                    hash160(&account),
                    integer(amount),
                    {"type": "Any", "value": null},
                ]);
                for scopes in ["CalledByEntry", "Global", "None"] {
                    let signer = json!({"account": giver, "scopes": scopes});
                    all.push((
                        "invokefunction",
                        json!([token.hash(), "transfer", arguments, [signer]]),
                    ));
                }
                all.push((
                    "invokefunction",
                    json!([token.hash(), "transfer", arguments]),
                ));
            }
            let script = BASE64.encode(transfer_script(token, &giver, &account, 3, true));
            let signer = json!({"account": giver, "scopes": "CalledByEntry"});
            all.push(("invokescript", json!([script, [signer]])));
        }
    }
    all
}

fn policy(story: &Story) -> Questions {
    let mut all = Vec::new();
    let (policy, chain, neo) = (
        NativeContract::POLICY,
        NativeContract::LEDGER,
        Token::Neo.hash(),
    );
    for (contract, methods) in [
        (
            policy,
            &[
                "getFeePerByte",
                "getExecFeeFactor",
                "getExecPicoFeeFactor",
                "getStoragePrice",
                "getMillisecondsPerBlock",
                "getMaxValidUntilBlockIncrement",
                "getMaxTraceableBlocks",
            ][..],
        ),
        (chain, &["currentIndex", "currentHash"]),
        (
            neo,
            &[
                "getGasPerBlock",
                "getRegisterPrice",
                "getCommittee",
                "getCommitteeAddress",
                "getNextBlockValidators",
                "getCandidates",
            ],
        ),
    ] {
        for method in methods {
            all.push(("invokefunction", json!([contract, method])));
        }
    }
    for kind in [0x01, 0x11, 0x20, 0x21, 0x22, 2] {
        all.push((
            "invokefunction",
            json!([policy, "getAttributeFee", [integer(kind)]]),
        ));
    }
    for account in of_interest(story) {
        all.push((
            "invokefunction",
            json!([policy, "isBlocked", [hash160(&account)]]),
        ));
        all.push((
            "invokefunction",
            json!([neo, "getAccountState", [hash160(&account)]]),
        ));
        for end in [HEIGHT, HEIGHT + 1] {
            let arguments = [hash160(&account), integer(end)];
            all.push(("invokefunction", json!([neo, "unclaimedGas", arguments])));
        }
    }
    let key = story.network.keys[0].public_key();
    let arguments = [json!({"type": "PublicKey", "value": key})];
    all.push((
        "invokefunction",
        json!([neo, "getCandidateVote", arguments]),
    ));
    // Network fees of all the transactions, as they stand in blocks.
    for block in &story.blocks {
        for transaction in &block.transactions {
            let bytes = neo_primitives::Encode::to_bytes(transaction.as_ref());
            all.push(("calculatenetworkfee", json!([BASE64.encode(bytes)])));
        }
    }
    all
}
