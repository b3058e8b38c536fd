//! Which of two connections to the same peer stays.
//!
//! Both sides decide alone and must agree. Three cases: the peer restarted, then only the newer connection leads
//! anywhere; the same side dialled again, then it knows why; both sides dialled at the same time, then the
//! connection dialled by the smaller peer id stays.

use libp2p::PeerId;

/// What is known of the two connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) own: PeerId,
    pub(crate) remote: PeerId,
    /// Whether the remote's start has the same random number in both hellos.
    pub(crate) same_start: bool,
    /// Whether we dialled the older and the newer one.
    pub(crate) outgoing: (bool, bool),
    /// Whether the older one has shown life lately.
    pub(crate) older_lives: bool,
}

/// What becomes of the newer connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is closed, the older one stays.
    Refuse,
    /// It carries on where the older one stops.
    TakeOver,
    /// It belongs to a new start of the peer; the older one is dead.
    Restarted,
}

pub(crate) fn judge(pair: Pair) -> Verdict {
    if !pair.same_start {
        return Verdict::Restarted;
    }
    let (older, newer) = pair.outgoing;
    if older == newer || !pair.older_lives {
        return Verdict::TakeOver;
    }
    let ours_stays = pair.own < pair.remote;
    match newer == ours_stays {
        true => Verdict::TakeOver,
        false => Verdict::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(same_start: bool, outgoing: (bool, bool), older_lives: bool) -> Pair {
        Pair {
            own: PeerId::random(),
            remote: PeerId::random(),
            same_start,
            outgoing,
            older_lives,
        }
    }

    #[test]
    fn both_sides_keep_the_same_of_two_simultaneous_dials() {
        for _ in 0..20 {
            let here = pair(true, (true, false), true);
            for order_there in [(true, false), (false, true)] {
                let there = Pair {
                    own: here.remote,
                    remote: here.own,
                    outgoing: order_there,
                    ..here
                };
                let kept_here_is_ours = match judge(here) {
                    Verdict::TakeOver => here.outgoing.1,
                    _ => here.outgoing.0,
                };
                let kept_there_is_theirs = match judge(there) {
                    Verdict::TakeOver => there.outgoing.1,
                    _ => there.outgoing.0,
                };
                assert_ne!(
                    kept_here_is_ours, kept_there_is_theirs,
                    "dialled by exactly one of them"
                );
            }
        }
    }

    #[test]
    fn a_restart_always_wins() {
        for outgoing in [(true, true), (true, false), (false, true), (false, false)] {
            for lives in [true, false] {
                assert_eq!(judge(pair(false, outgoing, lives)), Verdict::Restarted);
            }
        }
    }

    #[test]
    fn who_dials_again_has_lost_the_older_one() {
        assert_eq!(judge(pair(true, (false, false), true)), Verdict::TakeOver);
        assert_eq!(judge(pair(true, (true, true), true)), Verdict::TakeOver);
    }

    #[test]
    fn a_silent_connection_gives_way() {
        assert_eq!(judge(pair(true, (true, false), false)), Verdict::TakeOver);
        assert_eq!(judge(pair(true, (false, true), false)), Verdict::TakeOver);
    }
}
