//! Genuine signatures shown again where they do not belong. Votes name height and previous block; a
//! header signature names nothing but its header, so the header decides where it counts.

use std::sync::Arc;

use neo_primitives::Height;

use super::{Cluster, Config, ms};
use crate::engine::{Notice, Recipient};
use crate::v3::certificate::{Decision, Signatures};
use crate::v3::context::MessageKind;
use crate::v3::message::{Message, Payload, RecoveryMessage};

/// Four validators, the last of them ours; the others have stored height 1, and the leader of height 2
/// has not proposed yet.
fn after_one_block(seed: u64) -> Cluster {
    let mut cluster = Cluster::asleep(Config::of(4), seed);
    cluster.oracle.byzantine.insert(3);
    (0..3).for_each(|node| cluster.boot(node));
    cluster.until_stored(&[0, 1, 2], 1, ms(4000));
    cluster
}

/// The header signatures of height 1 as messages of height 2.
fn moved_up(cluster: &Cluster) -> Vec<Message> {
    let commits = cluster
        .sent
        .iter()
        .filter(|sent| sent.message.kind() == MessageKind::Commit && !sent.again);
    commits
        .map(|sent| Message {
            height: Height(2),
            ..sent.message.clone()
        })
        .collect()
}

#[test]
fn header_signatures_of_an_old_block_decide_nothing() {
    let mut cluster = after_one_block(1);
    for message in moved_up(&cluster) {
        cluster.send(3, Recipient::All, message, false);
    }
    cluster.until_stored(&[0, 1, 2], 4, ms(8000));
    assert!(
        cluster.evidence.is_empty(),
        "nobody did anything: {:?}",
        cluster.evidence
    );
    assert_eq!(
        cluster.noticed(|notice| matches!(notice, Notice::Silent { .. })),
        0,
        "the own old signature is no sign of a lost vote log"
    );
}

#[test]
fn a_decision_made_of_header_signatures_of_an_old_block_decides_nothing() {
    let mut cluster = after_one_block(2);
    let moved = moved_up(&cluster);
    let hash = moved[0].block().expect("a header signature");
    let signatures = moved
        .iter()
        .map(|message| (message.sender, message.signature));
    let recovery = RecoveryMessage {
        nonce: 0,
        stored: Height(1),
        view_change: None,
        prepared: None,
        decision: Some(Decision::HeaderSignatures {
            hash,
            signatures: Signatures::quorum_of(signatures, 2).expect("f+1 signatures"),
        }),
        messages: Vec::new(),
    };
    let payload = Payload::RecoveryMessage(Arc::new(recovery));
    let message = cluster.forge(3, 2, 0, payload);
    cluster.send(3, Recipient::All, message, false);
    cluster.until_stored(&[0, 1, 2], 4, ms(8000));
}
