//! Where two answers differ, and which differences are meant.

use std::collections::BTreeSet;

use serde_json::Value;

/// When a difference is meant.
#[derive(Clone, Copy, PartialEq)]
enum When {
    Always,
    /// The script faulted at both.
    AfterFault,
}

use When::{AfterFault, Always};

/// A difference that is meant: the method, the place in its answer, when, and the reason. `*` stands for any one name.
const MEANT: &[(&str, &str, When, &str)] = &[
    ("getversion", "/tcpport", Always, "each node has its port"),
    ("getversion", "/nonce", Always, "each node draws its own"),
    (
        "getversion",
        "/useragent",
        Always,
        "each program has its name",
    ),
    (
        "getversion",
        "/protocol/seedlist",
        Always,
        "each node has its peers",
    ),
    (
        "getpeers",
        "/unconnected",
        Always,
        "each node has its peers",
    ),
    ("getpeers", "/connected", Always, "each node has its peers"),
    ("getconnectioncount", "", Always, "each node has its peers"),
    (
        "getapplicationlog",
        "/executions/*/invocations",
        Always,
        "neo-go can note calls of contracts and says null otherwise, C# has no such member",
    ),
    (
        "getapplicationlog",
        "/executions/*/exception",
        AfterFault,
        "the words of an exception are each program's own",
    ),
    (
        "getapplicationlog",
        "/executions/*/stack",
        AfterFault,
        "neo-go shows what its stack still held, we show none",
    ),
    (
        "invokefunction",
        "/exception",
        AfterFault,
        "the words of an exception are each program's own",
    ),
    (
        "invokefunction",
        "/stack",
        AfterFault,
        "neo-go shows what its stack still held, we show none",
    ),
    (
        "getnep17transfers",
        "/*/*/transferaddress",
        Always,
        "where GAS was created or burnt we and C# say null, which clients need, and neo-go leaves it out",
    ),
    (
        "getnep17transfers",
        "/*/*/transfernotifyindex",
        Always,
        "neo-go says 0 for all, we say which event of the execution it is",
    ),
];

/// Differences in the numbers of errors: the method, ours, neo-go's, and the reason.
const MEANT_ERRORS: &[(&str, i64, i64, &str)] = &[
    (
        "getblock",
        -101,
        -109,
        "as C#: a height above the tip is an unknown block",
    ),
    (
        "getblockheader",
        -101,
        -109,
        "as C#: a height above the tip is an unknown block",
    ),
    (
        "getblockhash",
        -32602,
        -109,
        "what is no height is an invalid parameter",
    ),
];

/// Every place at which `ours` and `theirs` differ without being meant to. Of errors the number counts.
pub(super) fn compare(
    method: &str,
    ours: &Result<Value, Value>,
    theirs: &Result<Value, Value>,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut state = Always;
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            if faulted(ours) && faulted(theirs) {
                state = AfterFault;
            }
            walk(
                String::new(),
                &in_order(ours),
                &in_order(theirs),
                &mut found,
            );
        }
        (Err(ours), Err(theirs)) if same_error(method, ours, theirs) => {}
        (ours, theirs) => found.push((String::new(), format!("{ours:?}, neo-go {theirs:?}"))),
    }
    found
        .into_iter()
        .filter(|(place, _)| !is_meant(method, place, state))
        .map(|(place, what)| format!("{place}: {what}"))
        .collect()
}

fn same_error(method: &str, ours: &Value, theirs: &Value) -> bool {
    let (ours, theirs) = (&ours["code"], &theirs["code"]);
    let meant = |(name, mine, other, _): &(&str, i64, i64, &str)| {
        *name == method && ours == mine && theirs == other
    };
    ours == theirs || MEANT_ERRORS.iter().any(meant)
}

/// Whether a test run or a transaction ended with an exception.
fn faulted(answer: &Value) -> bool {
    answer["state"] == "FAULT" || answer["executions"][0]["vmstate"] == "FAULT"
}

/// Balances come in no particular order. A received transfer of nothing stands among the sent ones at neo-go, which
/// tells the two apart by the sign: transfers of nothing are taken out of both lists, into one.
fn in_order(answer: &Value) -> Value {
    let mut answer = answer.clone();
    let mut nothing: Vec<Value> = Vec::new();
    for side in ["sent", "received"] {
        if let Some(transfers) = answer.get_mut(side).and_then(Value::as_array_mut) {
            nothing.extend(transfers.extract_if(.., |it| it["amount"] == "0"));
        }
    }
    if !nothing.is_empty() {
        nothing.sort_by_key(|it| (it["txhash"].to_string(), it["transferaddress"].to_string()));
        answer["of nothing"] = Value::Array(nothing);
    }
    if let Some(balances) = answer.get_mut("balance").and_then(Value::as_array_mut) {
        balances.sort_by_key(|balance| balance["assethash"].to_string());
    }
    answer
}

fn walk(place: String, ours: &Value, theirs: &Value, found: &mut Vec<(String, String)>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let place = format!("{place}/{name}");
                match (a.get(name), b.get(name)) {
                    (Some(ours), Some(theirs)) => walk(place, ours, theirs, found),
                    (ours, theirs) => found.push((place, format!("{ours:?}, neo-go {theirs:?}"))),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (position, (ours, theirs)) in a.iter().zip(b).enumerate() {
                walk(format!("{place}/{position}"), ours, theirs, found);
            }
        }
        (ours, theirs) if ours == theirs => {}
        (ours, theirs) => found.push((place, format!("{ours}, neo-go {theirs}"))),
    }
}

fn is_meant(method: &str, place: &str, state: When) -> bool {
    let fits = |pattern: &str| {
        let (mut pattern, mut place) = (pattern.split('/'), place.split('/'));
        loop {
            match (pattern.next(), place.next()) {
                (None, _) => return true,
                (Some("*"), Some(_)) => {}
                (Some(a), Some(b)) if a == b => {}
                _ => return false,
            }
        }
    };
    MEANT.iter().any(|(name, pattern, when, _)| {
        *name == method && (*when == Always || *when == state) && fits(pattern)
    })
}

#[test]
fn a_difference_is_found_wherever_it_is() {
    use serde_json::json;
    let of = |method, ours: Value, theirs: Value| compare(method, &Ok(ours), &Ok(theirs)).len();
    let block = |ours, theirs| of("getblock", ours, theirs);
    assert_eq!(
        block(json!({"a": [1, {"b": 2}]}), json!({"a": [1, {"b": 2}]})),
        0
    );
    assert_eq!(
        block(json!({"a": [1, {"b": 2}]}), json!({"a": [1, {"b": 3}]})),
        1
    );
    assert_eq!(block(json!({"a": 1}), json!({"a": 1, "b": 2})), 1);
    assert_eq!(block(json!([1]), json!([1, 2])), 1);
    let error = |code: i32| Err(json!({"code": code}));
    assert_eq!(compare("x", &error(-101), &error(-101)).len(), 0);
    assert_eq!(compare("x", &error(-101), &error(-109)).len(), 1);
    assert_eq!(compare("getblock", &error(-101), &error(-109)).len(), 0);
    assert_eq!(compare("x", &error(-101), &Ok(json!(1))).len(), 1);
    assert_eq!(
        of("getversion", json!({"tcpport": 1}), json!({"tcpport": 2})),
        0
    );
    let run = |state, stack| json!({"state": state, "stack": stack});
    assert_eq!(of("invokefunction", run("HALT", [1]), run("HALT", [2])), 1);
    assert_eq!(
        of("invokefunction", run("FAULT", [1]), run("FAULT", [2])),
        0
    );
    assert_eq!(of("invokefunction", run("FAULT", [1]), run("HALT", [1])), 1);
}
