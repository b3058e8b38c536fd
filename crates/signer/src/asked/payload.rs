//! A message of dBFT 2.0 in its envelope.

use neo_consensus::v2::message::CATEGORY;
use neo_consensus::v2::{Body, Content};
use neo_primitives::{ExtensiblePayload, Height, Magic, UInt256, Witness, sign_data};

use super::{Asked, Malformed, account, wrong};
use crate::proto::signpb;
use crate::statement::{Bond, Phase, Statement};

impl Asked {
    /// The signature of a payload of consensus.
    ///
    /// # Errors
    /// [`Malformed`]; also for the payloads of other services, which could mean anything.
    pub fn payload(magic: Magic, payload: &signpb::ExtensiblePayload) -> Result<Self, Malformed> {
        if payload.category != CATEGORY {
            let category: String = payload.category.chars().take(32).collect();
            let problem = format!("{category:?}, only {CATEGORY:?} is signed");
            return Err(wrong("payload.category", problem));
        }
        let sender = account("payload.sender", &payload.sender)?;
        let content =
            Content::from_data(&payload.data).map_err(|error| wrong("payload.data", error))?;
        let (start, end) = (payload.valid_block_start, payload.valid_block_end);
        if (start, end) != (0, content.height.0) {
            let problem = format!(
                "{start} to {end}, the message is of height {}",
                content.height
            );
            return Err(wrong("payload.valid_block_end", problem));
        }
        let hash = ExtensiblePayload {
            category: payload.category.clone(),
            valid_block_start: Height(start),
            valid_block_end: Height(end),
            sender,
            data: payload.data.clone(),
            witness: Witness::default(),
        }
        .hash();
        let (subject, statement) = judged(&content, hash);
        Ok(Self {
            kind: content.kind().name(),
            height: Some(content.height),
            view: Some(content.view.into()),
            subject: Some(subject),
            statement,
            preimage: sign_data(magic, &hash).to_vec(),
        })
    }
}

fn judged(content: &Content, hash: UInt256) -> (UInt256, Statement) {
    let height = content.height;
    let preparation = |digest| {
        let bond = Bond {
            height,
            phase: Phase::Preparation2,
            view: content.view.into(),
            digest,
        };
        (digest, Statement::Binds(bond))
    };
    match &content.body {
        Body::PrepareRequest(_) => preparation(hash),
        Body::PrepareResponse { preparation: named } => preparation(*named),
        Body::Commit { signature } => {
            let signature = *signature;
            (hash, Statement::Confirms { height, signature })
        }
        Body::ChangeView(_) => (hash, Statement::Leaves { height }),
        Body::RecoveryRequest { .. } | Body::RecoveryMessage(_) => (hash, Statement::Free),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MAGIC, change_view, commit, key, payload, request, response};
    use neo_consensus::v2::{ChangeView, PrepareRequest, Reason};
    use neo_primitives::{Encode as _, Signature, ValidatorIndex};

    fn asked(content: &Content) -> Asked {
        Asked::payload(MAGIC, &payload(content)).unwrap()
    }

    #[test]
    fn a_request_and_the_response_to_it_are_one_statement() {
        let requested = asked(&request(5, 0, 1));
        let named = requested.subject.unwrap();
        let answered = asked(&response(5, 0, named));
        assert_eq!(requested.statement, answered.statement);
        assert_ne!(requested.preimage, answered.preimage);
        assert_ne!(asked(&request(5, 0, 2)).statement, requested.statement);
        assert_ne!(asked(&request(5, 1, 1)).statement, requested.statement);
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_envelope() {
        let content = request(5, 0, 1);
        let whole = ExtensiblePayload {
            category: "dBFT".to_owned(),
            valid_block_start: Height(0),
            valid_block_end: Height(5),
            sender: key().public_key().script_hash(),
            data: content.to_bytes(),
            witness: Witness::default(),
        };
        assert_eq!(asked(&content).preimage, sign_data(MAGIC, &whole.hash()));
    }

    #[test]
    fn what_the_other_kinds_are_judged_by() {
        let signature = Signature([9; 64]);
        let height = Height(5);
        assert_eq!(
            asked(&commit(5, 0, signature)).statement,
            Statement::Confirms { height, signature }
        );
        assert_eq!(
            asked(&change_view(5, 0, 77)).statement,
            Statement::Leaves { height }
        );
        let recovery = Content {
            height,
            validator: ValidatorIndex(1),
            view: 0,
            body: Body::RecoveryRequest { timestamp: 8 },
        };
        assert_eq!(asked(&recovery).statement, Statement::Free);
    }

    #[test]
    fn what_is_no_message_of_consensus_is_refused_with_its_field() {
        type Bend = fn(&mut signpb::ExtensiblePayload);
        let cases: [(Bend, &str); 6] = [
            (
                |it| it.category = "StateService".to_owned(),
                "payload.category: \"StateService\", only \"dBFT\" is signed",
            ),
            (|it| it.sender = vec![1; 19], "payload.sender has 19 bytes"),
            (|it| it.data = vec![], "payload.data: "),
            (|it| it.data[0] = 0x31, "payload.data: "),
            (
                |it| it.valid_block_end = 6,
                "payload.valid_block_end: 0 to 6, the message is of height 5",
            ),
            (
                |it| it.valid_block_start = 1,
                "payload.valid_block_end: 1 to 5",
            ),
        ];
        for (bend, expected) in cases {
            let mut bent = payload(&request(5, 0, 1));
            bend(&mut bent);
            let error = Asked::payload(MAGIC, &bent).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn bytes_behind_a_response_do_not_make_it_another_statement() {
        let mut longer = payload(&response(5, 0, UInt256::ZERO));
        let plain = Asked::payload(MAGIC, &longer).unwrap();
        longer.data.push(1);
        let longer = Asked::payload(MAGIC, &longer).unwrap();
        assert_eq!(longer.statement, plain.statement);
        assert_ne!(longer.preimage, plain.preimage);
    }

    #[test]
    fn a_change_view_is_never_a_preparation() {
        let change = Content {
            body: Body::ChangeView(ChangeView {
                timestamp: 1,
                reason: Reason::Timeout,
                rejected: None,
            }),
            ..request(5, 0, 1)
        };
        assert!(matches!(asked(&change).statement, Statement::Leaves { .. }));
        let request = Content {
            body: Body::PrepareRequest(PrepareRequest {
                version: 0,
                prev_hash: UInt256::ZERO,
                timestamp: 1,
                nonce: 0,
                hashes: vec![],
            }),
            ..change
        };
        assert!(matches!(asked(&request).statement, Statement::Binds(_)));
    }
}
