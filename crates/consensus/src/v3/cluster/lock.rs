//! The schedule that locks dBFT 2.0 with one crash of four (`v2/cluster/lock.rs`): here all go on.

use super::{Cluster, Config, ms};
use crate::v3::context::MessageKind;

#[test]
fn one_prepared_two_view_changes_and_one_crash_lock_nothing() {
    let mut cluster = Cluster::start(Config::of(4), 1);
    // The leader (1) proposes, 0 and 2 prepare. Only 0 learns that all three have. 2 and 3 hear nothing of
    // the preparations and ask for view 1. Then the leader crashes, and all links are good.
    cluster.filter = Some(Box::new(|from, to, message| match message.kind() {
        MessageKind::Proposal => to != 3,
        MessageKind::Prepare => from == 2 && to == 0,
        MessageKind::PreCommit | MessageKind::Commit | MessageKind::RecoveryMessage => false,
        _ => to != 1,
    }));
    let sent = |cluster: &Cluster, node: usize, kind: MessageKind| {
        let mut all = cluster.sent.iter();
        all.any(|sent| sent.from == node && sent.message.kind() == kind)
    };
    cluster.until(ms(5_000), "0 holds a certificate", |cluster| {
        sent(cluster, 0, MessageKind::PreCommit)
    });
    cluster.crash(1);
    cluster.until(ms(5_000), "2 and 3 ask for view 1", |cluster| {
        [2, 3]
            .iter()
            .all(|node| sent(cluster, *node, MessageKind::ChangeView))
    });
    cluster.filter = None;
    let prepared = cluster.proposed(1);
    cluster.until_stored(&[0, 2, 3], 1, ms(10_000));
    assert_eq!(
        cluster.block(0, 1),
        prepared,
        "the block that 0 had prepared"
    );
    cluster.until_stored(&[0, 2, 3], 3, ms(20_000));
}
