//! Whom messages reach, and when; and that a seed makes a run.

use std::collections::{BTreeMap, BTreeSet};

use neo_adversary::Attack;
use neo_consensus::engine::Recipient;
use neo_consensus::v3::context::MessageKind;

use super::run;
use crate::network::ms;

#[test]
fn selective_delivery_reaches_some_and_not_others() {
    let network = run(Attack::SelectiveDelivery, 9, 6);
    let mut receivers: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (sent, message) in network.let_out(|m| m.kind() == MessageKind::Prepare) {
        if let Recipient::One(to) = &sent.outgoing.to {
            let of = receivers.entry(message.signature.0.to_vec()).or_default();
            of.insert(to.as_bytes().to_vec());
        }
    }
    assert!(receivers.values().any(|to| to.len() == 1 || to.len() == 2));
}

#[test]
fn delays_end_before_the_timeout() {
    let network = run(Attack::DelayToTimeout, 10, 5);
    let mut late = 0;
    for (sent, message) in network.let_out(|m| m.kind() == MessageKind::Proposal) {
        let timeout = ms((300 << message.view.0.min(5)).min(2_000));
        assert!(sent.outgoing.delay < timeout);
        late += usize::from(sent.outgoing.delay > timeout / 2);
    }
    assert!(late > 0);
}

#[test]
fn one_seed_makes_one_run() {
    for attack in Attack::ALL {
        let trace = |seed| {
            let network = run(attack, seed, 3);
            let sent = network.bent.into_iter();
            sent.map(|sent| (sent.at, sent.outgoing))
                .collect::<Vec<_>>()
        };
        assert!(trace(1) == trace(1), "{attack}");
    }
}
