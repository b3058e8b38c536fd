//! What the vote log is worth over a store that lies behind it (docs/protocol.md section 5, rule 8).
//!
//! A log forgets: segments go when all their heights are stored. Over a store that was restored, or begun anew, those
//! heights open again, and votes on them would be votes without a memory.

use neo_consensus::v3::Record;
use neo_primitives::Height;

/// The heights that may be open at a time: no vote is given further above the stored tip.
const OPEN: u32 = 2;

/// The store under a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreBelow {
    /// Its tip.
    pub stored: Height,
    /// Nothing was stored since it was restored or begun anew.
    pub fresh: bool,
}

/// The first height to vote on with a log that is whole, where it is not the next one: `pruned` says whether the log
/// ever dropped a segment.
///
/// Nothing is missing from a log that never dropped anything. Otherwise what was dropped concerns heights that were
/// stored at that time, and the greatest height in what is left, L, is at least as great: a vote at p was given after
/// p − 1 was decided, so all that could follow it at p − 1 is a commit, and no segments of 64 MiB are full of those. So
/// every vote above L is in the log, because there is none; above L a validator votes as if it had never stopped.
///
/// `None`: vote at once. Also for a log that is silent already, which knows no L: it waits for the reports of others.
#[must_use]
pub fn first_vote(records: &[Record], pruned: bool, below: StoreBelow) -> Option<Height> {
    let mut silent = false;
    let mut resumed = Height(0);
    let mut last = Height(0);
    for record in records {
        match record {
            Record::Silenced => silent = true,
            Record::Resumed { from } => {
                silent = false;
                resumed = resumed.max(*from);
            }
            other => last = last.max(other.height().unwrap_or_default()),
        }
    }
    let behind = below.fresh || last.0 > below.stored.0.saturating_add(OPEN);
    if silent || !pruned || !behind || last <= below.stored {
        return None;
    }
    let from = last.next().max(resumed);
    (from > resumed).then_some(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::View;
    use neo_consensus::v3::{Message, Payload};
    use neo_primitives::{Signature, UInt256, ValidatorIndex};

    fn vote(height: u32) -> Record {
        Record::Own(Message {
            height: Height(height),
            view: View(0),
            sender: ValidatorIndex(0),
            signature: Signature([0; 64]),
            payload: Payload::PreCommit {
                hash: UInt256::ZERO,
            },
        })
    }

    fn below(stored: u32, fresh: bool) -> StoreBelow {
        let stored = Height(stored);
        StoreBelow { stored, fresh }
    }

    #[test]
    fn a_usual_restart_votes_at_once() {
        for stored in 8..=12 {
            let first = first_vote(&[vote(9), vote(10)], true, below(stored, false));
            assert_eq!(first, None, "{stored}");
        }
    }

    #[test]
    fn over_an_older_store_votes_begin_above_all_that_were_given() {
        let log = [vote(9), vote(10), vote(9)];
        // An old copy of the store, put there by hand.
        assert_eq!(first_vote(&log, true, below(7, false)), Some(Height(11)));
        // A checkpoint, however close to the tip it is.
        for stored in [0, 7, 8, 9] {
            let first = first_vote(&log, true, below(stored, true));
            assert_eq!(first, Some(Height(11)), "{stored}");
        }
        assert_eq!(first_vote(&log, true, below(10, true)), None);
    }

    #[test]
    fn a_log_that_never_forgot_anything_is_worth_as_much_as_ever() {
        assert_eq!(first_vote(&[vote(10)], false, below(0, true)), None);
        assert_eq!(first_vote(&[], true, below(0, true)), None);
    }

    #[test]
    fn a_silent_log_stays_silent_and_no_promise_is_taken_back() {
        let log = [vote(10), Record::Silenced];
        assert_eq!(first_vote(&log, true, below(5, true)), None);
        let promised = Record::Resumed { from: Height(40) };
        let log = [Record::Silenced, promised.clone(), vote(10)];
        assert_eq!(first_vote(&log, true, below(5, true)), None);
        let log = [promised, vote(50)];
        assert_eq!(first_vote(&log, true, below(5, true)), Some(Height(51)));
    }
}
