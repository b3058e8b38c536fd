//! The second channel (section 9): messages that another validator brings.

use super::{Cluster, Config, ms};
use crate::engine::{Engine, Event, Now};
use crate::v3::context::MessageKind;
use neo_primitives::Height;

impl Cluster {
    /// A running node that is connected with both, if messages take ways around.
    pub(super) fn way_around(&self, from: usize, to: usize) -> Option<usize> {
        let reaches = |via: &usize| {
            *via != from
                && *via != to
                && self.links.connects(from, *via)
                && self.links.connects(*via, to)
        };
        let ways = self.relaying.then(|| self.up().into_iter().find(reaches));
        ways.flatten()
    }
}

#[test]
fn two_that_cannot_reach_each_other_take_part_through_others() {
    // Node 2 is down, so all of nodes 0, 1 and 3 are needed, and 0 and 1 have no connection.
    for seed in 0..4 {
        let mut cluster = Cluster::start(Config::of(4), seed);
        cluster.relaying = true;
        cluster.links.block(0, 1);
        cluster.links.block(1, 0);
        cluster.until_all_stored(6, ms(8_000));
        assert_eq!(
            cluster.view_changes(),
            0,
            "relayed messages are as good as any"
        );
        cluster.crash(2);
        cluster.until_stored(&[0, 1, 3], 16, ms(40_000));
        assert!(cluster.evidence.is_empty(), "{:?}", cluster.evidence);
    }
}

#[test]
fn who_asks_through_another_is_answered_itself() {
    let mut cluster = Cluster::start(Config::of(4), 3);
    cluster.until_all_stored(1, ms(2_000));
    // Without node 2 nothing is decided here without node 0.
    cluster.crash(2);
    cluster.relaying = true;
    cluster.links.block(0, 1);
    cluster.links.block(1, 0);
    cluster.filter = Some(Box::new(|from, to, message| {
        // Node 0 misses everything but what node 1 tells it.
        to != 0 || (from == 1 && message.kind() == MessageKind::RecoveryMessage)
    }));
    let asked = |cluster: &Cluster| {
        let answers = cluster.sent.iter().filter(|sent| {
            let to_asker = matches!(&sent.to, crate::engine::Recipient::One(key)
                if *key == cluster.nodes[0].key);
            sent.from == 1 && to_asker && sent.message.kind() == MessageKind::RecoveryMessage
        });
        answers.count()
    };
    cluster.until(ms(6_000), "node 1 answers node 0", |cluster| {
        asked(cluster) > 0
    });
}

#[test]
fn what_a_validator_relays_takes_no_room_of_its_own() {
    let mut cluster = Cluster::start(Config::of(4), 5);
    cluster.run(ms(10));
    let [mut own, mut other] = [3, 2].map(|node| cluster.forge_change_view(node, 1, 1));
    own.height = Height(2);
    other.height = Height(2);
    let from = cluster.nodes[3].key.clone();
    let now = Now {
        monotonic: ms(20),
        wall_ms: 1_700_000_000_020,
        entropy: 0,
    };
    let engine = cluster.nodes[1].engine.as_mut().expect("it runs");
    let take = |messages: &[_]| {
        let mut engine = engine.clone();
        for message in messages {
            let from = from.clone();
            let message = crate::v3::Message::clone(message);
            engine.step(now, Event::Received { from, message });
        }
        engine.fingerprint()
    };
    assert_ne!(take(&[own.clone()]), take(&[]));
    assert_ne!(take(&[other.clone()]), take(&[]));
    assert_eq!(take(&[own.clone(), other.clone()]), take(&[own.clone()]));
    assert_eq!(take(&[other, own.clone()]), take(&[own]));
}
