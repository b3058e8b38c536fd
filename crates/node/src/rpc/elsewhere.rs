//! Methods of Neo nodes that this server does not have, and what they would need.

use super::error::RpcError;

/// Most characters of an unknown name that an error repeats.
const SHOWN: usize = 80;

/// What is not here, and the methods that need it.
const MISSING: &[(&str, &[&str])] = &[
    (
        "no contract storage in Neo's form",
        &[
            "findstorage",
            "findstoragehistoric",
            "getstorage",
            "getstoragehistoric",
        ],
    ),
    (
        "no state roots",
        &[
            "findstates",
            "getproof",
            "getstate",
            "getstateheight",
            "getstateroot",
            "verifyproof",
        ],
    ),
    (
        "no states of earlier blocks to run scripts on",
        &[
            "invokecontractverifyhistoric",
            "invokefunctionhistoric",
            "invokescripthistoric",
        ],
    ),
    (
        "no contracts that could be deployed",
        &["getnep11properties", "invokecontractverify"],
    ),
    (
        "no wallet behind JSON-RPC",
        &[
            "canceltransaction",
            "closewallet",
            "dumpprivkey",
            "getnewaddress",
            "getwalletbalance",
            "getwalletunclaimedgas",
            "importprivkey",
            "listaddress",
            "openwallet",
            "sendfrom",
            "sendmany",
            "sendtoaddress",
        ],
    ),
    (
        "no oracle and no notary",
        &[
            "getrawnotarypool",
            "getrawnotarytransaction",
            "submitnotaryrequest",
            "submitoracleresponse",
        ],
    ),
];

/// Methods whose answers need executed blocks: an attached ledger leaves them to its Neo node.
const EXECUTED: [&str; 14] = [
    "calculatenetworkfee",
    "getapplicationlog",
    "getcandidates",
    "getcontractstate",
    "getnativecontracts",
    "getnep11balances",
    "getnep11transfers",
    "getnep17balances",
    "getnep17transfers",
    "getnextblockvalidators",
    "gettransactionheight",
    "getunclaimedgas",
    "invokefunction",
    "invokescript",
];

/// What a call on an attached ledger is answered that only its Neo node can answer.
pub(super) fn with_the_node(what: &str) -> RpcError {
    RpcError::METHOD_NOT_FOUND.with(format!(
        "{what}: the Neo node that keeps the ledger answers this, ask it"
    ))
}

/// Methods that go on with an iterator.
const SESSIONS: [&str; 2] = ["terminatesession", "traverseiterator"];

/// Why a method that this server has is not served on an attached ledger, if it is not.
pub(super) fn on_attached(method: &str) -> Option<RpcError> {
    EXECUTED.contains(&method).then(|| with_the_node(method))
}

/// The answer to a method that this server does not have. `executes` says whether the ledger is the embedded one.
pub(super) fn error(method: &str, executes: bool) -> RpcError {
    let shown: String = method.chars().take(SHOWN).collect();
    if SESSIONS.contains(&method) {
        return RpcError::SESSIONS_DISABLED;
    }
    let missing = MISSING
        .iter()
        .find(|(_, methods)| methods.contains(&method));
    RpcError::METHOD_NOT_FOUND.with(match missing {
        None => shown,
        Some(_) if !executes => return with_the_node(&shown),
        Some((what, _)) => format!("{shown}: the embedded ledger has {what}; attach a Neo node"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::dispatch::method_names;

    #[test]
    fn what_neo_nodes_have_besides_is_answered_with_the_reason() {
        let error_of = |method| {
            let error = error(method, true);
            (error.code(), error.data().unwrap_or_default().to_owned())
        };
        let (code, data) = error_of("getstorage");
        assert_eq!(code, -32601);
        assert!(
            data.starts_with("getstorage: ") && data.contains("storage"),
            "{data}"
        );
        assert_eq!(error_of("traverseiterator").0, -601);
        assert_eq!(error_of("nothing"), (-32601, "nothing".to_owned()));
        let served = method_names();
        assert!(EXECUTED.iter().all(|method| served.contains(method)));
        let (beyond, plain) = (error("getstorage", false), error("nothing", false));
        let beyond = beyond.data().unwrap_or_default();
        assert!(beyond.starts_with("getstorage: the Neo node"), "{beyond}");
        assert_eq!(plain.data(), Some("nothing"));
        for (_, methods) in MISSING {
            assert!(methods.iter().all(|method| !served.contains(method)));
        }
    }
}
