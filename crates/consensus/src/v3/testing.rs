//! Values for the tests of this module tree.

use std::sync::Arc;

use neo_primitives::{Height, Magic, PrivateKey, Signature, UInt256};

use super::context::HeightContext;
use crate::validators::ValidatorSet;

pub(crate) fn hash(byte: u8) -> UInt256 {
    UInt256::from_wire([byte; 32])
}

pub(crate) fn signature(byte: u8) -> Signature {
    Signature([byte; 64])
}

pub(crate) fn keys(count: u8) -> Vec<PrivateKey> {
    let mut keys: Vec<_> = (1..=count)
        .map(|i| PrivateKey::from_bytes(&[i; 32]).unwrap())
        .collect();
    keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
    keys
}

pub(crate) fn context(count: u8) -> HeightContext {
    let keys = keys(count)
        .iter()
        .map(|key| key.public_key().clone())
        .collect();
    HeightContext {
        magic: Magic(42),
        height: Height(9),
        prev_hash: hash(0xee),
        validators: Arc::new(ValidatorSet::new(keys).unwrap()),
    }
}

pub(crate) mod arbitrary {
    use std::sync::Arc;

    use neo_primitives::{Header, Height, Signature, UInt160, UInt256, ValidatorIndex};
    use proptest::collection::{btree_map, vec};
    use proptest::option;
    use proptest::prelude::*;

    use crate::index_set::IndexSet;
    use crate::v3::certificate::*;
    use crate::v3::message::*;
    use crate::validators::View;

    fn hash() -> impl Strategy<Value = UInt256> {
        any::<[u8; 32]>().prop_map(UInt256::from_wire)
    }

    fn signature() -> impl Strategy<Value = Signature> {
        any::<u8>().prop_map(|byte| Signature([byte; 64]))
    }

    fn view() -> impl Strategy<Value = View> {
        any::<u32>().prop_map(View)
    }

    fn index() -> impl Strategy<Value = ValidatorIndex> {
        any::<u8>().prop_map(ValidatorIndex)
    }

    fn signatures() -> impl Strategy<Value = Signatures> {
        btree_map(index(), signature(), 0..20).prop_map(Signatures::new)
    }

    fn prepared() -> impl Strategy<Value = PreparedCertificate> {
        (view(), hash(), hash(), signatures()).prop_map(
            |(view, hash, justification, signatures)| PreparedCertificate {
                view,
                hash,
                justification,
                signatures,
            },
        )
    }

    fn claim() -> impl Strategy<Value = Claim> {
        option::of((view(), hash()).prop_map(|(view, hash)| PreparedClaim { view, hash }))
    }

    fn view_change() -> impl Strategy<Value = ViewChangeCertificate> {
        let entry = (claim(), signature())
            .prop_map(|(claim, signature)| ViewChangeEntry { claim, signature });
        (
            view(),
            btree_map(index(), entry, 0..20),
            option::of(prepared()),
        )
            .prop_map(|(view, entries, prepared)| ViewChangeCertificate {
                view,
                entries,
                prepared,
            })
    }

    fn decision() -> impl Strategy<Value = Decision> {
        prop_oneof![
            (view(), hash(), signatures(), option::of(prepared())).prop_map(
                |(view, hash, signatures, prepared)| Decision::Certificate(CommitCertificate {
                    view,
                    hash,
                    signatures,
                    prepared
                })
            ),
            (hash(), signatures())
                .prop_map(|(hash, signatures)| Decision::HeaderSignatures { hash, signatures }),
        ]
    }

    fn header() -> impl Strategy<Value = Header> {
        (
            hash(),
            hash(),
            any::<u64>(),
            any::<u64>(),
            any::<u32>(),
            index(),
        )
            .prop_map(
                |(prev_hash, merkle_root, timestamp, nonce, height, primary_index)| Header {
                    version: 0,
                    prev_hash,
                    merkle_root,
                    timestamp,
                    nonce,
                    index: Height(height),
                    primary_index,
                    next_consensus: UInt160::from_wire([7; 20]),
                },
            )
    }

    fn proposal() -> impl Strategy<Value = Payload> {
        (
            header(),
            vec(any::<[u8; 6]>(), 0..600),
            option::of(view_change()),
            option::of(decision()),
            signature(),
        )
            .prop_map(|(header, transactions, justification, parent, prepare)| {
                Payload::Proposal(Arc::new(Proposal {
                    header,
                    transactions,
                    justification,
                    parent,
                    prepare,
                }))
            })
    }

    fn change_view() -> impl Strategy<Value = Payload> {
        (claim(), option::of(prepared())).prop_map(|(claim, prepared)| {
            let reason = ChangeViewReason::Timeout;
            Payload::ChangeView(Arc::new(ChangeView {
                claim,
                prepared,
                reason,
            }))
        })
    }

    fn vote_payload() -> impl Strategy<Value = Payload> {
        prop_oneof![
            proposal(),
            change_view(),
            (hash(), hash()).prop_map(|(hash, justification)| Payload::Prepare {
                hash,
                justification
            }),
            hash().prop_map(|hash| Payload::PreCommit { hash }),
            hash().prop_map(|hash| Payload::Commit { hash }),
            Just(Payload::Suspect),
        ]
    }

    fn with_header(payload: impl Strategy<Value = Payload>) -> impl Strategy<Value = Message> {
        (any::<u32>(), view(), index(), signature(), payload).prop_map(
            |(height, view, sender, signature, payload)| Message {
                height: Height(height),
                view,
                sender,
                signature,
                payload,
            },
        )
    }

    pub(crate) fn vote() -> impl Strategy<Value = Message> {
        with_header(vote_payload())
    }

    fn set() -> impl Strategy<Value = IndexSet> {
        vec(index(), 0..20).prop_map(|indexes| indexes.into_iter().collect())
    }

    pub(crate) fn recovery() -> impl Strategy<Value = Message> {
        let request = (
            any::<u64>(),
            hash(),
            any::<bool>(),
            (set(), set(), set(), set()),
            option::of(view()),
            any::<bool>(),
        )
            .prop_map(
                |(nonce, prev_hash, has_proposal, sets, prepared, decided)| {
                    let (prepares, pre_commits, change_views, commits) = sets;
                    Payload::RecoveryRequest(RecoveryRequest {
                        nonce,
                        prev_hash,
                        has_proposal,
                        prepares,
                        pre_commits,
                        change_views,
                        commits,
                        prepared,
                        decided,
                    })
                },
            );
        let message = (
            any::<u64>(),
            any::<u32>(),
            option::of(view_change()),
            option::of(prepared()),
            option::of(decision()),
            vec(vote(), 0..4),
        )
            .prop_map(
                |(nonce, stored, view_change, prepared, decision, messages)| {
                    Payload::RecoveryMessage(Arc::new(RecoveryMessage {
                        nonce,
                        stored: Height(stored),
                        view_change,
                        prepared,
                        decision,
                        messages,
                    }))
                },
            );
        with_header(prop_oneof![request, message]).prop_map(|mut outer| {
            if let Payload::RecoveryMessage(message) = &mut outer.payload {
                for nested in &mut Arc::make_mut(message).messages {
                    nested.height = outer.height;
                }
            }
            outer
        })
    }

    pub(crate) fn message() -> impl Strategy<Value = Message> {
        prop_oneof![vote(), recovery()]
    }
}
