//! Stores that were put back below what their validator voted on (protocol section 5, rule 8).

use super::{Cluster, Config, ms};
use crate::engine::Engine;
use crate::v3::{EngineSettings, Payload, Record, Restored, V3Engine, VoteLogState};
use crate::vote_log::{MemoryMedium, VoteLog};
use neo_primitives::Height;

fn all_down(cluster: &mut Cluster) {
    (0..4).for_each(|node| cluster.crash(node));
}

fn note(cluster: &mut Cluster, node: usize, record: Record) {
    let medium = cluster.nodes[node].medium.clone();
    let identity = super::node::identity(&cluster.nodes[node].key);
    let mut opened = VoteLog::open::<Record>(medium, identity).unwrap();
    opened.log.append(&[record]).unwrap();
    cluster.nodes[node].medium = opened.log.into_medium();
}

fn votes_of(cluster: &Cluster, from: usize) -> Vec<u32> {
    let sent = cluster.sent[from..].iter();
    sent.filter(|sent| super::run::binds(&sent.message))
        .map(|sent| sent.message.height.0)
        .collect()
}

#[test]
fn with_whole_logs_a_network_whose_stores_are_all_gone_decides_the_same_blocks_again() {
    let mut cluster = Cluster::start(Config::of(4), 31);
    cluster.until_all_stored(4, ms(6000));
    let before: Vec<_> = (1..=4).map(|height| cluster.block(0, height)).collect();
    all_down(&mut cluster);
    for node in 0..4 {
        cluster.nodes[node].ledger.wipe();
        cluster.restart(node);
    }
    // Nobody waits for anything: the logs say what was voted.
    cluster.until_all_stored(6, ms(10_000));
    let after: Vec<_> = (1..=4).map(|height| cluster.block(0, height)).collect();
    assert_eq!(before, after);
}

#[test]
fn nobody_votes_again_where_its_log_forgot() {
    let mut cluster = Cluster::start(Config::of(4), 32);
    cluster.until_all_stored(4, ms(6000));
    all_down(&mut cluster);
    let sent = cluster.sent.len();
    for node in 0..4 {
        cluster.nodes[node].medium = MemoryMedium::default();
        let identity = super::node::identity(&cluster.nodes[node].key);
        let fresh = VoteLog::initialise(MemoryMedium::default(), identity).unwrap();
        cluster.nodes[node].medium = fresh.into_medium();
        note(&mut cluster, node, Record::Forgotten { through: Height(2) });
        cluster.nodes[node].ledger.wipe();
        cluster.restart(node);
    }
    cluster.run(ms(5000));
    assert_eq!(
        votes_of(&cluster, sent),
        [0; 0],
        "heights 1 and 2 are forgotten"
    );
}

#[test]
fn above_what_it_forgot_a_restored_validator_votes_as_if_it_had_never_stopped() {
    let mut cluster = Cluster::start(Config::of(4), 33);
    cluster.until_all_stored(4, ms(6000));
    cluster.crash(3);
    note(&mut cluster, 3, Record::Forgotten { through: Height(2) });
    cluster.nodes[3].ledger.wipe();
    let sent = cluster.sent.len();
    cluster.restart(3);
    let status = |cluster: &Cluster| cluster.nodes[3].engine.as_ref().unwrap().status().voting;
    assert!(status(&cluster), "no reports are waited for");
    cluster.until_all_stored(8, ms(10_000));
    let own = cluster.sent[sent..].iter().filter(|sent| sent.from == 3);
    let heights: Vec<_> = own
        .filter(|sent| super::run::binds(&sent.message))
        .map(|sent| sent.message.height.0)
        .collect();
    assert!(
        !heights.is_empty() && heights.iter().all(|height| *height > 2),
        "{heights:?}"
    );
}

fn engine(stored: u32, records: Vec<Record>) -> V3Engine {
    let cluster = Cluster::asleep(Config::of(4), 34);
    let own = cluster.nodes[0].key.clone();
    let timers = super::TimerSettings::default();
    let settings = EngineSettings::new(Some(own), true, timers);
    let restored = Restored {
        stored: Height(stored),
        tip: neo_primitives::UInt256::ZERO,
        records,
        log: VoteLogState::Intact,
    };
    V3Engine::new(settings, restored)
}

#[test]
fn a_store_that_was_put_back_is_no_measure_of_what_was_voted() {
    let logs = [
        Record::Forgotten { through: Height(9) },
        Record::Resumed { from: Height(10) },
    ];
    for record in logs {
        for (stored, vouches) in [(0, false), (6, false), (7, true), (9, true)] {
            let engine = engine(stored, vec![record.clone()]);
            assert_eq!(engine.vouches(), vouches, "{record:?} over {stored}");
        }
    }
    assert!(!engine(9, vec![Record::Silenced]).vouches());
}

#[test]
fn a_silent_validator_reports_no_height_to_another_either() {
    let mut cluster = Cluster::start(Config::of(4), 35);
    cluster.until_all_stored(4, ms(6000));
    for node in [2, 3] {
        cluster.crash(node);
        cluster.nodes[node].medium = MemoryMedium::default();
    }
    cluster.nodes[3].ledger.wipe();
    let sent = cluster.sent.len();
    cluster.restart(2);
    cluster.restart(3);
    cluster.run(ms(5000));
    let reported = cluster.sent[sent..]
        .iter()
        .filter(|sent| match &sent.message.payload {
            Payload::RecoveryMessage(answer) => answer.nonce != 0,
            _ => false,
        });
    let reporters: std::collections::BTreeSet<_> = reported.map(|sent| sent.from).collect();
    assert_eq!(reporters, [0, 1].into());
}
