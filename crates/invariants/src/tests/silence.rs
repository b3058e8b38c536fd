//! Rule 8: silence after a lost vote log.

use neo_consensus::engine::Notice;
use neo_consensus::v3::Message;
use neo_consensus::v3::Record;
use neo_consensus::v3::message::RecoveryMessage;
use neo_primitives::{Height, UInt256};

use crate::testing::*;
use crate::{Invariant, Observation};

fn lost() -> Stage {
    let mut stage = Stage::with(Stage::setup());
    stage
        .start(false, &[])
        .notice(Notice::Silent { until: None });
    stage
}

fn request(nonce: u64) -> Message {
    request_of(0, H, |request| request.nonce = nonce)
}

fn report(sender: u8, nonce: u64, stored: u32) -> Message {
    forwarded(
        sender,
        RecoveryMessage {
            nonce,
            stored: Height(stored),
            ..recovery()
        },
    )
}

#[test]
fn who_lost_its_log_does_not_vote() {
    let mut stage = lost();
    stage.votes(asks(0, 1));
    assert_eq!(stage.found(), [Invariant::Silence]);
    let mut stage = Stage::open();
    stage.votes(asks(0, 1));
    stage.is_clean();
}

#[test]
fn who_loses_its_voice_while_it_runs_does_not_vote() {
    let mut stage = Stage::open();
    stage.logs([Record::Silenced]).votes(asks(0, 1));
    assert_eq!(stage.found(), [Invariant::Silence]);
}

#[test]
fn silence_ends_by_enough_reports_three_blocks_later() {
    let voting = |reports: &[Message], stored: u32| {
        let mut stage = lost();
        stage.tells(1, &request(7)).shown(reports.to_vec());
        for height in 9..=stored {
            let block = neo_primitives::Block {
                header: neo_primitives::Header {
                    index: Height(height),
                    ..header(0, 1)
                },
                witness: neo_primitives::Witness::default(),
                transactions: vec![],
            };
            stage.see(Observation::Stored {
                block: &block,
                state_hash: UInt256::ZERO,
                imported: true,
            });
        }
        stage.notice(Notice::Voting {
            from: Height(stored + 1),
        });
        stage
            .found()
            .into_iter()
            .filter(|one| *one == Invariant::Silence)
            .count()
    };
    let reports = [report(1, 7, 8), report(2, 7, 7), report(3, 7, 9)];
    assert_eq!(voting(&reports, 12), 0);
    assert_eq!(voting(&reports, 11), 1, "two blocks");
    assert_eq!(voting(&reports[..2], 12), 1, "two reports");
    assert_eq!(
        voting(&[report(1, 7, 8), report(2, 7, 7), report(3, 8, 9)], 12),
        1,
        "a wrong nonce"
    );
    let mut forged = report(3, 7, 9);
    forged.signature = report(3, 7, 8).signature;
    assert_eq!(
        voting(&[report(1, 7, 8), report(2, 7, 7), forged], 12),
        1,
        "a forged report"
    );
}

#[test]
fn nobody_reports_more_than_it_stored() {
    let mut stage = Stage::open();
    stage.shown([request_of(1, H, |request| request.nonce = 7)]);
    stage.tells(1, &report(0, 7, 8)).settles();
    stage.is_clean();
    stage.tells(1, &report(0, 7, 9));
    assert_eq!(stage.found(), [Invariant::Silence]);
}

#[test]
fn who_did_not_ask_gets_no_report() {
    let asks = request_of(1, H, |request| request.nonce = 7);
    let mut stage = Stage::open();
    stage.brings(2, [asks.clone()]).tells(2, &report(0, 7, 8));
    assert_eq!(stage.found(), [Invariant::Silence], "it went to the bearer");
    let mut stage = Stage::open();
    stage.shown([asks]).tells(1, &report(0, 9, 8));
    assert_eq!(stage.found(), [Invariant::Silence], "another nonce");
}
