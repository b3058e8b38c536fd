//! What counts against a peer.

use std::fmt;

use crate::error::Refusal;

/// Something that no honest node does. Each has a weight; [`BAN_POINTS`] of them in a short time are a ban.
///
/// Before one is reported, ask whether an honest node could be brought to do it: by load, by a state that differs,
/// or by somebody whose words it passed on. If so, it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Offence {
    /// A hello or a frame that the protocol does not allow.
    Malformed,
    /// A hello with a validator key that the peer cannot sign with.
    Impostor,
    /// Consensus messages of a peer that is no validator.
    Stray,
    /// A lane opened twice.
    SecondLane,
    /// More control frames than anybody needs.
    ControlFlood,
    /// A second of being slowed down for too many consensus messages, see [`crate::Flow::Consensus`].
    Flood,
    /// A consensus message of its own (not one that it relays) that cannot be decoded.
    Undecodable,
    /// A consensus message of its own whose signature is not its own.
    ForgedSignature,
    /// A transaction that is valid on no state: undecodable, too large, or with a wrong signature.
    InvalidTransaction,
    /// A block, or part of one, that is not what its hash or its witness says.
    InvalidBlock,
    /// An answer that does not fit the question.
    InvalidAnswer,
    /// Evidence that proves nothing.
    InvalidEvidence,
    /// It is proven to have broken the protocol. Weighs little: the proof says more than a ban, and a validator
    /// whose vote log was lost still serves blocks.
    Guilty,
}

/// Points, of [`Offence::weight`], that lead to a ban.
pub const BAN_POINTS: u32 = 100;

impl Offence {
    /// All of them.
    pub const ALL: [Offence; 13] = [
        Offence::Malformed,
        Offence::Impostor,
        Offence::Stray,
        Offence::SecondLane,
        Offence::ControlFlood,
        Offence::Flood,
        Offence::Undecodable,
        Offence::ForgedSignature,
        Offence::InvalidTransaction,
        Offence::InvalidBlock,
        Offence::InvalidAnswer,
        Offence::InvalidEvidence,
        Offence::Guilty,
    ];

    /// Points that it costs.
    #[must_use]
    pub fn weight(self) -> u32 {
        match self {
            Offence::Malformed
            | Offence::Impostor
            | Offence::Stray
            | Offence::SecondLane
            | Offence::ControlFlood => BAN_POINTS,
            Offence::InvalidBlock => 50,
            Offence::Undecodable | Offence::ForgedSignature | Offence::InvalidEvidence => 25,
            Offence::InvalidAnswer => 20,
            Offence::Flood | Offence::Guilty => 10,
            Offence::InvalidTransaction => 2,
        }
    }

    /// Name in snake case, as metrics label it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Offence::Malformed => "malformed",
            Offence::Impostor => "impostor",
            Offence::Stray => "stray",
            Offence::SecondLane => "second_lane",
            Offence::ControlFlood => "control_flood",
            Offence::Flood => "flood",
            Offence::Undecodable => "undecodable",
            Offence::ForgedSignature => "forged_signature",
            Offence::InvalidTransaction => "invalid_transaction",
            Offence::InvalidBlock => "invalid_block",
            Offence::InvalidAnswer => "invalid_answer",
            Offence::InvalidEvidence => "invalid_evidence",
            Offence::Guilty => "guilty",
        }
    }

    /// The offence behind a refusal; `None` if a correct node can be refused for it.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Option<Offence> {
        match refusal {
            Refusal::MalformedHello(_)
            | Refusal::OversizedFrame { .. }
            | Refusal::MalformedFrame { .. } => Some(Offence::Malformed),
            Refusal::Impostor(_) => Some(Offence::Impostor),
            Refusal::StrangerOnConsensusLane => Some(Offence::Stray),
            Refusal::SecondLane(_) => Some(Offence::SecondLane),
            Refusal::ControlFlood(_) => Some(Offence::ControlFlood),
            _ => None,
        }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Offence::Malformed => "bytes that the protocol does not allow",
            Offence::Impostor => "a validator key that it cannot sign with",
            Offence::Stray => "consensus messages without being a validator",
            Offence::SecondLane => "a lane opened twice",
            Offence::ControlFlood => "a flood of control frames",
            Offence::Flood => "a flood of consensus messages",
            Offence::Undecodable => "an undecodable consensus message",
            Offence::ForgedSignature => "a consensus message with a wrong signature",
            Offence::InvalidTransaction => "an invalid transaction",
            Offence::InvalidBlock => "an invalid block",
            Offence::InvalidAnswer => "an answer that does not fit the question",
            Offence::InvalidEvidence => "evidence that proves nothing",
            Offence::Guilty => "a proven breach of the protocol",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_weights_are_sane() {
        let names: BTreeSet<_> = Offence::ALL.iter().map(|offence| offence.name()).collect();
        assert_eq!(names.len(), Offence::ALL.len());
        for offence in Offence::ALL {
            assert!((1..=BAN_POINTS).contains(&offence.weight()), "{offence}");
        }
    }

    #[test]
    fn what_a_correct_node_can_be_refused_for_is_no_offence() {
        use std::time::Duration;
        for refusal in [
            Refusal::Magic { theirs: 1, ours: 2 },
            Refusal::HelloTimeout(Duration::ZERO),
            Refusal::TooManyStrangers(1),
            Refusal::Banned(Duration::ZERO),
            Refusal::Silent(Duration::ZERO),
        ] {
            assert_eq!(Offence::of(&refusal), None);
            assert!(!refusal.is_offence());
        }
        assert_eq!(
            Offence::of(&Refusal::StrangerOnConsensusLane),
            Some(Offence::Stray)
        );
    }
}
