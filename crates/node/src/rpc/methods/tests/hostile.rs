//! Whatever a client sends gets an answer.

use std::sync::{Arc, LazyLock};

use neo_primitives::Token;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{account, gas};
use crate::rpc::{
    admission::{Admission, Submit},
    dispatch::{Server, method_names},
    request::{Call, Raw},
    testing::{Chain, signed, treasury},
};

/// A server without a listener, on a chain with a block and a pooled transaction.
static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let chain = Chain::new();
    chain.grow(vec![signed(gas(account(1), 5, 1))]);
    chain.submit(vec![signed(gas(account(1), 5, 2))]);
    let context = chain.context();
    let ledger = Arc::new(Arc::clone(&context.ledger)) as Arc<dyn Submit>;
    let (relay, metrics) = (Arc::clone(&context.relay), Arc::clone(&context.metrics));
    Server {
        admission: Admission::start(ledger, relay, metrics, 10).unwrap(),
        context,
        nonce: 0,
    }
});

/// A parameter: any JSON, and often what some method takes.
fn parameter() -> impl Strategy<Value = Value> {
    let known = prop_oneof![
        Just(json!(Token::Gas.hash())),
        Just(json!(treasury().to_address())),
        Just(json!(SERVER.context.ledger.config().genesis_block().hash())),
        Just(json!("balanceOf")),
        Just(json!("AAAA")),
        Just(json!([{"type": "Hash160", "value": treasury()}])),
        Just(json!([{"account": treasury(), "scopes": "WitnessRules"}])),
        (0..4u32).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        ".{0,40}".prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..200)
            .prop_map(|bytes| json!(crate::rpc::json::base64(&bytes))),
    ];
    known.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-z]{0,8}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_parameters_get_an_answer(
        method in proptest::sample::select(method_names()),
        params in proptest::collection::vec(parameter(), 0..5),
    ) {
        let text = json!({"id": 1, "method": method, "params": params}).to_string();
        let raw: Raw<'_> = serde_json::from_str(&text).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (id, answer) = runtime.block_on(SERVER.finish(SERVER.start(&Call::parse(raw), true)));
        prop_assert_eq!(id.as_deref(), Some("1"));
        if let Ok(result) = answer {
            prop_assert!(serde_json::from_slice::<Value>(&result).is_ok());
        }
    }
}
