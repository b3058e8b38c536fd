//! A real neo-go gets the same blocks and the same questions: the answers are equal, but for what is named here.

mod differences;
mod questions;

#[path = "../../../../../ledger/tests/common/mod.rs"]
mod chain;
#[path = "../../../../../ledger/tests/common/neo_go.rs"]
mod partner;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use neo_ledger::{Ledger as _, LedgerAnswer, LedgerRequest};
use neo_primitives::{Block, Encode as _};
use serde_json::{Value, json};

use self::{
    chain::{
        Network, ask,
        scenario::{Dice, KINDS, People, funding, random},
    },
    differences::compare,
    partner::NeoGo,
};
use crate::rpc::testing::Chain;

/// Blocks of the chain that is compared.
const HEIGHT: u32 = 30;

/// A chain of transfers of every kind, and the accounts that took part.
struct Story {
    network: Network,
    people: People,
    blocks: Vec<Arc<Block>>,
}

impl Story {
    fn tell() -> Self {
        let network = Network::in_memory();
        let people = People::new(&network);
        let mut dice = Dice::new(57);
        let drafts = funding(&people);
        network.admit(
            drafts
                .iter()
                .map(|draft| draft.sign(&network.ledger))
                .collect(),
        );
        let mut blocks = vec![network.next_block()];
        for height in 2..=HEIGHT {
            let batch = (0..6)
                .map(|slot| {
                    let kind = (u64::from(height) * 6 + slot) % KINDS;
                    let nonce = height * 1_000 + slot as u32;
                    random(&mut dice, &people, kind, nonce, height - 1).sign(&network.ledger)
                })
                .collect();
            network.admit(batch);
            blocks.push(network.next_block());
        }
        Self {
            network,
            people,
            blocks,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_neo_gos_or_differs_in_a_known_way() {
    let story = Story::tell();
    let neo_go = NeoGo::start(&story.network.config);
    let ours = Chain::with(|genesis| *genesis = story.network.config.clone());
    for block in &story.blocks {
        let bytes = BASE64.encode(block.to_bytes());
        neo_go.call("submitblock", json!([bytes]));
        let stored = ask(
            ours.ledger.as_ref(),
            LedgerRequest::Import {
                block: Arc::clone(block),
            },
        );
        assert!(matches!(stored, LedgerAnswer::Stored { .. }), "{stored:?}");
    }
    assert_eq!(ours.ledger.magic(), story.network.config.magic);
    let server = ours.serve(|_| {}).await;
    let mut found = Vec::new();
    for (method, parameters) in questions::all(&story) {
        let mine = server.call(method, parameters.clone()).await;
        let theirs = neo_go.call_or_error(method, parameters.clone());
        for difference in compare(method, &mine, &theirs) {
            found.push(format!("{method} {}: {difference}", shown(&parameters)));
        }
    }
    server.shut_down().await;
    assert!(
        found.is_empty(),
        "{} differences:\n{}",
        found.len(),
        found.join("\n")
    );
}

fn shown(parameters: &Value) -> String {
    parameters.to_string().chars().take(120).collect()
}
