//! JSON-RPC: any body is answered by JSON that says which call it answers, or refused, or, of notifications
//! only, not answered at all. Every method runs against a ledger in memory.
#![no_main]

use std::cell::OnceCell;

use libfuzzer_sys::fuzz_target;
use neo_fuzz::rpc::desk;
use neo_node::rpc::Desk;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static SERVER: OnceCell<(Runtime, Desk)> = const { OnceCell::new() };
}

fuzz_target!(|body: &[u8]| {
    SERVER.with(|server| {
        let (runtime, desk) = server.get_or_init(|| {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            (runtime, desk())
        });
        let Some(answer) = runtime.block_on(desk.answer(body.to_vec())) else {
            return;
        };
        let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
        let one = |answer: &Value| {
            assert_eq!(answer["jsonrpc"], "2.0");
            assert!(answer.get("id").is_some());
            assert!(answer.get("result").is_some() != answer.get("error").is_some());
            if let Some(error) = answer.get("error") {
                assert!(error["code"].is_i64() && error["message"].is_string());
            }
        };
        match &answer {
            Value::Array(answers) => answers.iter().for_each(one),
            answer => one(answer),
        }
    });
});
