//! The second channel (section 9): messages that another validator brings.

use super::{Cluster, Config, ms};
use crate::engine::{Engine, Event, Notice, Now, Recipient};
use crate::index_set::IndexSet;
use crate::v3::Payload;
use crate::v3::context::MessageKind;
use crate::v3::message::RecoveryRequest;
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

#[test]
fn of_a_stored_height_the_signer_of_a_request_hears_and_nobody_else() {
    let mut cluster = Cluster::start(Config::of(4), 6);
    cluster.until_all_stored(2, ms(6_000));
    let request = |nonce| {
        let request = RecoveryRequest {
            nonce,
            prev_hash: cluster.context(1).prev_hash,
            has_proposal: false,
            prepares: IndexSet::default(),
            pre_commits: IndexSet::default(),
            change_views: IndexSet::default(),
            commits: IndexSet::default(),
            prepared: None,
            decided: false,
        };
        cluster.forge(0, 1, 0, Payload::RecoveryRequest(request))
    };
    let [asked, again] = [request(7), request(9)];
    let asks_for_a_view = cluster.forge_change_view(0, 1, 1);
    let key = |node: usize| cluster.nodes[node].key.clone();
    let mut engine = cluster.nodes[1].engine.clone().expect("it runs");
    let mut answers = |at: u64, from: usize, message: &crate::v3::Message| {
        let now = Now {
            monotonic: cluster.now + ms(1_000 + at),
            wall_ms: 1_700_000_000_000,
            entropy: 0,
        };
        let event = Event::Received {
            from: key(from),
            message: message.clone(),
        };
        let sent = engine.step(now, event).send;
        let answer = |(to, draft): (Recipient, crate::v3::Draft)| match &draft.unsigned().payload {
            Payload::RecoveryMessage(answer) => Some((to, answer.nonce)),
            _ => None,
        };
        sent.into_iter().filter_map(answer).collect::<Vec<_>>()
    };
    let to_signer = |nonce| vec![(Recipient::One(key(0)), nonce)];
    // What is no request is nobody's, however often it comes.
    assert_eq!(answers(0, 2, &asks_for_a_view), []);
    assert_eq!(answers(100, 2, &asks_for_a_view), []);
    // A request is its signer's, in the turn of who brings it.
    assert_eq!(answers(200, 2, &asked), to_signer(7));
    assert_eq!(answers(210, 2, &again), []);
    assert_eq!(answers(211, 3, &again), to_signer(9));
    assert_eq!(answers(212, 0, &asked), to_signer(7));
    // An own one that comes back asks nobody.
    let own = cluster.forge(1, 1, 0, asked.payload.clone());
    assert_eq!(answers(400, 2, &own), []);
}

#[test]
fn a_silence_ends_with_reports_that_come_around() {
    // Node 3 needs the reports of all others, and has no connection with node 0. Behind by some heights, it is
    // answered by stored heights alone.
    for seed in 0..3 {
        let mut cluster = Cluster::start(Config::of(4), seed);
        cluster.relaying = true;
        cluster.until_all_stored(4, ms(8_000));
        cluster.crash(3);
        cluster.nodes[3].medium = crate::vote_log::MemoryMedium::default();
        cluster.nodes[3].ledger.wipe();
        cluster.links.block(0, 3);
        cluster.links.block(3, 0);
        cluster.until_stored(&[0, 1, 2], 6, ms(12_000));
        cluster.restart(3);
        cluster.until(ms(20_000), "node 3 votes again", |cluster| {
            let engine = cluster.nodes[3].engine.as_ref();
            engine.is_some_and(|engine| engine.status().voting)
        });
    }
}

#[test]
fn what_is_relayed_counts_by_its_own_signature() {
    let mut cluster = Cluster::start(Config::of(4), 7);
    cluster.run(ms(10));
    let ask = |cluster: &Cluster, node| cluster.forge_change_view(node, 1, 1);
    let own = ask(&cluster, 3);
    let bring = |cluster: &mut Cluster, message: crate::v3::Message| {
        let from = cluster.nodes[3].key.clone();
        cluster.handle(1, Event::Received { from, message });
    };
    // With its own these would be a quorum for view 1.
    for node in [0, 2] {
        let forged = crate::v3::Message {
            signature: own.signature,
            ..ask(&cluster, node)
        };
        bring(&mut cluster, forged);
    }
    bring(&mut cluster, own);
    cluster.run(ms(5));
    let entered =
        |cluster: &Cluster| cluster.noticed(|notice| matches!(notice, Notice::ViewEntered { .. }));
    assert_eq!(entered(&cluster), 0, "nobody else asked");
    for node in [0, 2] {
        let genuine = ask(&cluster, node);
        bring(&mut cluster, genuine);
    }
    cluster.run(ms(5));
    assert_ne!(entered(&cluster), 0, "they did");
}
