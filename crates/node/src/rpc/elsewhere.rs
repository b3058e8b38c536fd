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

/// Methods that go on with an iterator.
const SESSIONS: [&str; 2] = ["terminatesession", "traverseiterator"];

/// The answer to a method that this server does not have.
pub(super) fn error(method: &str) -> RpcError {
    let shown: String = method.chars().take(SHOWN).collect();
    if SESSIONS.contains(&method) {
        return RpcError::SESSIONS_DISABLED;
    }
    let missing = MISSING
        .iter()
        .find(|(_, methods)| methods.contains(&method));
    RpcError::METHOD_NOT_FOUND.with(match missing {
        None => shown,
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
            let error = error(method);
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
        for (_, methods) in MISSING {
            assert!(methods.iter().all(|method| !served.contains(method)));
        }
    }
}
