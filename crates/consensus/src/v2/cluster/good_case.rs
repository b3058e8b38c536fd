//! Nothing fails: what is sent, and how long it takes.

use super::{Cluster, Config, ms};
use crate::engine::Notice;
use crate::v2::content::Kind;

fn makes_a_block_every_second(validators: usize) {
    let mut cluster = Cluster::start(Config::of(validators), 1);
    cluster.until_all_stored(10, ms(11_000));
    for height in 2..10_u32 {
        let primary = height as usize % validators;
        let of = |kind| cluster.count(kind, height);
        assert_eq!(of(Kind::PrepareRequest), 1, "height {height}");
        assert_eq!(of(Kind::PrepareResponse), validators - 1);
        assert_eq!(of(Kind::Commit), validators);
        let others = [
            Kind::ChangeView,
            Kind::RecoveryRequest,
            Kind::RecoveryMessage,
        ];
        assert!(others.into_iter().all(|kind| of(kind) == 0));
        let request = cluster.sent_by(primary, Kind::PrepareRequest);
        assert!(request.iter().any(|sent| sent.message.height().0 == height));
    }
    let filled: usize = (1..=10)
        .map(|height| {
            let block = cluster.nodes[0]
                .ledger
                .block_at(neo_primitives::Height(height));
            block.unwrap().body.transactions.len()
        })
        .sum();
    assert!(filled > 10, "blocks carry the transactions");
    assert!(cluster.refused.is_empty(), "{:?}", cluster.refused);
}

#[test]
fn one_validator() {
    makes_a_block_every_second(1);
}

#[test]
fn four_validators() {
    makes_a_block_every_second(4);
}

#[test]
fn seven_validators() {
    makes_a_block_every_second(7);
}

#[test]
fn consensus_time_is_inside_the_interval() {
    let config = Config {
        latency: (30_000, 60_000),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 3);
    cluster.until_all_stored(11, ms(13_000));
    let all = cluster.sent.iter();
    let requests: Vec<_> = all
        .filter(|sent| sent.message.kind() == Kind::PrepareRequest)
        .map(|sent| sent.at)
        .collect();
    for pair in requests.windows(2) {
        let interval = pair[1] - pair[0];
        assert!((ms(930)..=ms(1070)).contains(&interval), "{interval:?}");
    }
}

#[test]
fn transactions_that_are_missing_are_fetched() {
    let config = Config {
        gossip: 30,
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 5);
    cluster.until_all_stored(8, ms(9_500));
    assert!(cluster.fetches > 0);
    assert_eq!(cluster.count(Kind::ChangeView, 5), 0);
}

#[test]
fn without_transactions_a_block_may_take_longer() {
    let config = Config {
        load: 0,
        max_block_time: Some(ms(4_000)),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 6);
    cluster.until_all_stored(3, ms(13_000));
    assert!(cluster.now > ms(11_500), "{:?}", cluster.now);
    // A transaction ends the wait at once.
    let before = cluster.now;
    cluster.run(ms(2_000));
    assert_eq!(cluster.stored(0), 3);
    cluster.submit();
    cluster.until_all_stored(4, ms(200));
    assert!(cluster.now - before < ms(2_200));
    assert!((1..=4).all(|height| cluster.count(Kind::ChangeView, height) == 0));
    // And a pool that is never empty leaves T as it is.
    cluster.config.load = 9;
    cluster.run(ms(500));
    let stored = cluster.stored(0);
    cluster.until_all_stored(stored + 4, ms(4_600));
}

#[test]
fn a_primary_that_dies_while_nobody_has_a_transaction_is_replaced() {
    let config = Config {
        load: 0,
        max_block_time: Some(ms(3_000)),
        ..Config::of(4)
    };
    let mut cluster = Cluster::start(config, 7);
    cluster.crash(1);
    // Twice T, and twice what the empty pool adds.
    cluster.run(ms(5_900));
    assert_eq!(cluster.count(Kind::ChangeView, 1), 0);
    cluster.until_stored(&[0, 2, 3], 1, ms(8_000));
    assert!(cluster.count(Kind::ChangeView, 1) >= 3);
}

#[test]
fn messages_may_come_in_any_order() {
    let config = Config {
        latency: (1_000, 60_000),
        work: (0, 5_000),
        ..Config::of(7)
    };
    let mut cluster = Cluster::start(config, 8);
    cluster.until_all_stored(10, ms(12_000));
    let asked = |notice: &Notice| matches!(notice, Notice::ViewChangeAsked { .. });
    assert!(!cluster.notices.iter().any(|(_, _, notice)| asked(notice)));
}
