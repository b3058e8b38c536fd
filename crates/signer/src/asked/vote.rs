//! A vote of dBFT 3.0.

use neo_consensus::View;
use neo_consensus::v3::certificate::{Claim, PreparedClaim, claim_bytes, hash_and_justification};
use neo_consensus::v3::context::{MessageKind, preimage};
use neo_primitives::{Height, Magic, UInt256, sha256};

use super::{Asked, Malformed, hash, wrong};
use crate::proto::votes::SignVoteRequest;
use crate::statement::{Bond, Phase, Statement};

impl Asked {
    /// The signature of a vote.
    ///
    /// # Errors
    /// [`Malformed`]; also a field that this kind of vote does not have.
    pub fn vote(magic: Magic, vote: &SignVoteRequest) -> Result<Self, Malformed> {
        let kind = u8::try_from(vote.kind)
            .ok()
            .and_then(MessageKind::from_number);
        let kind = kind.filter(|kind| *kind != MessageKind::Commit);
        let kind =
            kind.ok_or_else(|| wrong("kind", format!("{} is no kind of vote", vote.kind)))?;
        let prev_hash = hash("prev_hash", &vote.prev_hash)?;
        let Said { body, subject } = Said::of(kind, vote)?;
        let (height, view) = (Height(vote.height), View(vote.view));
        // What is said in a slot: the body, on which block before.
        let digest = [prev_hash.as_wire().as_slice(), &body].concat();
        let digest = UInt256::from_wire(sha256(&digest));
        let binds = |phase| {
            Statement::Binds(Bond {
                height,
                phase,
                view: view.0,
                digest,
            })
        };
        let statement = match kind {
            MessageKind::Proposal | MessageKind::Prepare => binds(Phase::Preparation3),
            MessageKind::PreCommit => binds(Phase::PreCommit),
            MessageKind::ChangeView => binds(Phase::ChangeView),
            MessageKind::RecoveryRequest
            | MessageKind::RecoveryMessage
            | MessageKind::Suspect
            | MessageKind::Commit => Statement::Free,
        };
        Ok(Self {
            kind: name(kind),
            height: Some(height),
            view: Some(view.0),
            subject,
            statement,
            preimage: preimage(magic, kind, &prev_hash, height, view, &body),
        })
    }
}

/// What a vote says.
struct Said {
    body: Vec<u8>,
    subject: Option<UInt256>,
}

impl Said {
    fn of(kind: MessageKind, vote: &SignVoteRequest) -> Result<Self, Malformed> {
        let named = || hash("hash", &vote.hash);
        let absent = |field: &'static str, is: bool| {
            let problem = format!("a {} has none", name(kind));
            if is {
                Ok(())
            } else {
                Err(wrong(field, problem))
            }
        };
        let no_hash = || absent("hash", vote.hash.is_empty());
        let no_justification = || absent("justification", vote.justification.is_empty());
        let no_claim = || absent("claim", vote.claim.is_none());
        let (body, subject) = match kind {
            MessageKind::Proposal | MessageKind::Prepare => {
                no_claim()?;
                let block = named()?;
                let justification = hash("justification", &vote.justification)?;
                let body = hash_and_justification(&block, &justification);
                (body.to_vec(), Some(block))
            }
            MessageKind::PreCommit
            | MessageKind::RecoveryRequest
            | MessageKind::RecoveryMessage
            | MessageKind::Commit => {
                no_claim()?;
                no_justification()?;
                let named = named()?;
                (named.as_wire().to_vec(), Some(named))
            }
            MessageKind::ChangeView => {
                no_hash()?;
                no_justification()?;
                let claim = read_claim(vote)?;
                (claim_bytes(&claim), claim.map(|claim| claim.hash))
            }
            MessageKind::Suspect => {
                no_hash()?;
                no_justification()?;
                no_claim()?;
                (Vec::new(), None)
            }
        };
        Ok(Self { body, subject })
    }
}

fn read_claim(vote: &SignVoteRequest) -> Result<Claim, Malformed> {
    let Some(claim) = &vote.claim else {
        return Ok(None);
    };
    if claim.view >= vote.view {
        let problem = format!(
            "{} is not below {}, the view asked for",
            claim.view, vote.view
        );
        return Err(wrong("claim.view", problem));
    }
    Ok(Some(PreparedClaim {
        view: View(claim.view),
        hash: hash("claim.hash", &claim.hash)?,
    }))
}

fn name(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Proposal => "Proposal",
        MessageKind::Prepare => "Prepare",
        MessageKind::PreCommit => "PreCommit",
        MessageKind::ChangeView => "ChangeView",
        MessageKind::RecoveryRequest => "RecoveryRequest",
        MessageKind::RecoveryMessage => "RecoveryMessage",
        MessageKind::Suspect => "Suspect",
        MessageKind::Commit => "Commit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::votes;
    use crate::testing::{MAGIC, vote};

    fn asked(request: &SignVoteRequest) -> Asked {
        Asked::vote(MAGIC, request).unwrap()
    }

    #[test]
    fn a_leaders_prepare_says_what_its_proposal_says() {
        let proposal = asked(&vote(MessageKind::Proposal, 5, 2, 1));
        let prepare = asked(&vote(MessageKind::Prepare, 5, 2, 1));
        assert_eq!(proposal.statement, prepare.statement);
        assert_ne!(proposal.preimage, prepare.preimage);
        let other = asked(&vote(MessageKind::Prepare, 5, 2, 9));
        assert_ne!(other.statement, prepare.statement);
    }

    #[test]
    fn justification_block_before_and_claim_belong_to_the_statement() {
        let prepare = vote(MessageKind::Prepare, 5, 2, 1);
        let mut justified = prepare.clone();
        justified.justification = vec![8; 32];
        let mut elsewhere = prepare.clone();
        elsewhere.prev_hash = vec![8; 32];
        for other in [justified, elsewhere] {
            assert_ne!(asked(&other).statement, asked(&prepare).statement);
        }
        let change = vote(MessageKind::ChangeView, 5, 2, 0);
        let mut claims = change.clone();
        claims.claim = Some(votes::PreparedClaim {
            view: 1,
            hash: vec![4; 32],
        });
        assert_ne!(asked(&claims).statement, asked(&change).statement);
    }

    #[test]
    fn the_signed_bytes_have_the_documented_layout() {
        let bytes = asked(&vote(MessageKind::PreCommit, 5, 2, 1)).preimage;
        let mut expected = b"neo-dbft/3".to_vec();
        expected.extend(MAGIC.0.to_le_bytes());
        expected.push(3);
        expected.extend([7; 32]);
        expected.extend([5, 0, 0, 0, 2, 0, 0, 0]);
        expected.extend([1; 32]);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn recovery_and_suspicion_bind_nobody() {
        for kind in [
            MessageKind::RecoveryRequest,
            MessageKind::RecoveryMessage,
            MessageKind::Suspect,
        ] {
            assert_eq!(asked(&vote(kind, 5, 2, 1)).statement, Statement::Free);
        }
    }

    #[test]
    fn what_is_no_vote_is_refused_with_its_field() {
        let prepare = || vote(MessageKind::Prepare, 5, 2, 1);
        let change = || vote(MessageKind::ChangeView, 5, 2, 0);
        let claim = |view, length| votes::PreparedClaim {
            view,
            hash: vec![4; length],
        };
        for (request, expected) in [
            (
                SignVoteRequest {
                    kind: 0,
                    ..prepare()
                },
                "kind: 0 is no kind",
            ),
            (
                SignVoteRequest {
                    kind: 8,
                    ..prepare()
                },
                "kind: 8 is no kind",
            ),
            (
                SignVoteRequest {
                    kind: -1,
                    ..prepare()
                },
                "kind: -1 is no",
            ),
            (
                SignVoteRequest {
                    kind: 258,
                    ..prepare()
                },
                "kind: 258 is no",
            ),
            (
                SignVoteRequest {
                    prev_hash: vec![],
                    ..prepare()
                },
                "prev_hash has 0 bytes, 32 are needed",
            ),
            (
                SignVoteRequest {
                    hash: vec![1; 33],
                    ..prepare()
                },
                "hash has 33",
            ),
            (
                SignVoteRequest {
                    justification: vec![],
                    ..prepare()
                },
                "justification has 0 bytes",
            ),
            (
                SignVoteRequest {
                    claim: Some(claim(0, 32)),
                    ..prepare()
                },
                "claim: a Prepare has none",
            ),
            (
                SignVoteRequest {
                    hash: vec![1; 32],
                    ..change()
                },
                "hash: a ChangeView has none",
            ),
            (
                SignVoteRequest {
                    claim: Some(claim(2, 32)),
                    ..change()
                },
                "claim.view: 2 is not below 2",
            ),
            (
                SignVoteRequest {
                    claim: Some(claim(1, 3)),
                    ..change()
                },
                "claim.hash has 3 bytes",
            ),
        ] {
            let error = Asked::vote(MAGIC, &request).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
