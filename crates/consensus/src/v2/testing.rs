//! Values for the tests of this module tree.

pub(crate) mod arbitrary {
    use neo_primitives::{Height, Signature, UInt256, ValidatorIndex};
    use proptest::collection::{btree_set, vec};
    use proptest::option;
    use proptest::prelude::*;

    use crate::v2::content::*;
    use crate::v2::recovery::*;

    fn hash() -> impl Strategy<Value = UInt256> {
        any::<[u8; 32]>().prop_map(UInt256::from_wire)
    }

    fn hashes() -> impl Strategy<Value = Vec<UInt256>> {
        btree_set(any::<[u8; 32]>(), 0..9)
            .prop_map(|all| all.into_iter().map(UInt256::from_wire).collect())
    }

    fn signature() -> impl Strategy<Value = Signature> {
        any::<u8>().prop_map(|byte| Signature([byte; 64]))
    }

    fn index() -> impl Strategy<Value = ValidatorIndex> {
        any::<u8>().prop_map(ValidatorIndex)
    }

    fn script() -> impl Strategy<Value = Vec<u8>> {
        vec(any::<u8>(), 0..70)
    }

    fn request() -> impl Strategy<Value = PrepareRequest> {
        (any::<u32>(), hash(), any::<u64>(), any::<u64>(), hashes()).prop_map(
            |(version, prev_hash, timestamp, nonce, hashes)| PrepareRequest {
                version,
                prev_hash,
                timestamp,
                nonce,
                hashes,
            },
        )
    }

    fn change_view() -> impl Strategy<Value = ChangeView> {
        (any::<u64>(), 0..8_u8, option::of(hashes())).prop_map(|(timestamp, number, rejected)| {
            let reason = Reason::from_number(number);
            ChangeView {
                timestamp,
                reason,
                rejected: rejected.filter(|_| reason.has_rejected()),
            }
        })
    }

    fn preparation() -> impl Strategy<Value = Preparation> {
        prop_oneof![
            Just(Preparation::Unknown),
            hash().prop_map(Preparation::Hash),
            (any::<u32>(), index(), any::<u8>(), request()).prop_map(
                |(height, validator, view, request)| {
                    Preparation::Request(InnerRequest {
                        height: Height(height),
                        validator,
                        view,
                        request,
                    })
                }
            ),
        ]
    }

    fn recovery() -> impl Strategy<Value = RecoveryMessage> {
        let change = (index(), any::<u8>(), any::<u64>(), script()).prop_map(
            |(validator, view, timestamp, invocation)| ChangeViewCompact {
                validator,
                view,
                timestamp,
                invocation,
            },
        );
        let prepared = (index(), script()).prop_map(|(validator, invocation)| PreparationCompact {
            validator,
            invocation,
        });
        let commit = (any::<u8>(), index(), signature(), script()).prop_map(
            |(view, validator, signature, invocation)| CommitCompact {
                view,
                validator,
                signature,
                invocation,
            },
        );
        let lists = (vec(change, 0..5), vec(prepared, 0..5), vec(commit, 0..5));
        (lists, preparation()).prop_map(|((change_views, preparations, commits), preparation)| {
            RecoveryMessage {
                change_views,
                preparation,
                preparations,
                commits,
            }
        })
    }

    /// Any message.
    pub(crate) fn content() -> impl Strategy<Value = Content> {
        let body = prop_oneof![
            change_view().prop_map(Body::ChangeView),
            request().prop_map(Body::PrepareRequest),
            hash().prop_map(|preparation| Body::PrepareResponse { preparation }),
            signature().prop_map(|signature| Body::Commit { signature }),
            any::<u64>().prop_map(|timestamp| Body::RecoveryRequest { timestamp }),
            recovery().prop_map(Body::RecoveryMessage),
        ];
        (any::<u32>(), index(), any::<u8>(), body).prop_map(|(height, validator, view, body)| {
            Content {
                height: Height(height),
                validator,
                view,
                body,
            }
        })
    }
}

/// The message of a content, signed by a toy; `None` for an index without a key.
pub(crate) fn sealed(content: super::Content) -> Option<super::Message> {
    use neo_primitives::{PublicKey, Signature};

    struct Toy;
    impl crate::v3::Signer for Toy {
        fn sign(&self, _: &[u8]) -> Signature {
            Signature([7; 64])
        }
    }
    // An envelope is valid at no height below 1.
    let context = std::sync::Arc::new(crate::v3::testing::context(4));
    let key: PublicKey = context.validators.keys()[0].clone();
    (content.height.0 > 0).then(|| super::Draft::new(&context, &key, content).sign(&Toy))
}
