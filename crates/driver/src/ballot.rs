//! Own messages on their way out (protocol section 5, rule 8), of any protocol.

use std::fmt;

use neo_consensus::engine::{Ballots, Recipient, Signer};
use neo_consensus::v3::V3Engine;

/// The own messages of one step of the engine, signed and not yet sent.
///
/// Use it in this order: append [`Ballot::records`] to the vote log in one durable write; only when that
/// has succeeded send [`Ballot::outgoing`]; then hand [`Ballot::into_own`] back to the engine.
pub struct Ballot<P: Ballots = V3Engine> {
    records: Vec<P::Record>,
    signed: Vec<(Recipient, P::Own)>,
}

impl<P: Ballots> fmt::Debug for Ballot<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ballot")
            .field("records", &self.records)
            .field("signed", &self.signed)
            .finish()
    }
}

impl<P: Ballots> Ballot<P> {
    /// Signs the drafts of a step that also wants these records to be durable.
    #[must_use]
    pub fn sign(
        records: Vec<P::Record>,
        drafts: Vec<(Recipient, P::Draft)>,
        signer: &dyn Signer,
    ) -> Self {
        let signed = drafts
            .into_iter()
            .map(|(recipient, draft)| (recipient, P::sign(draft, signer)))
            .collect();
        Self::signed(records, signed)
    }

    /// The drafts of a step, signed elsewhere.
    #[must_use]
    pub fn signed(mut records: Vec<P::Record>, signed: Vec<(Recipient, P::Own)>) -> Self {
        let binding = signed
            .iter()
            .map(|(_, own)| P::message(own))
            .filter(|own| P::binds(own));
        records.extend(binding.cloned().map(P::record));
        Self { records, signed }
    }

    /// What has to be durable before anything is sent; empty when nothing has to.
    #[must_use]
    pub fn records(&self) -> &[P::Record] {
        &self.records
    }

    /// What may be sent once the records are durable.
    pub fn outgoing(&self) -> impl Iterator<Item = (&Recipient, &P::Message)> {
        self.signed
            .iter()
            .map(|(recipient, own)| (recipient, P::message(own)))
    }

    /// The messages that the engine counts as its own.
    pub fn into_own(self) -> impl Iterator<Item = P::Own> {
        self.signed
            .into_iter()
            .map(|(_, own)| own)
            .filter(|own| P::counts(P::message(own)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    use neo_consensus::ValidatorSet;
    use neo_consensus::engine::{
        BlockLimits, Engine, Event, HeightInfo, LedgerAction, LedgerEvent, Now, TimerId, TimerKind,
    };
    use neo_consensus::v2::{EngineSettings, Kind, Record, Restored, V2Engine};
    use neo_consensus::v3::VoteLogState;
    use neo_consensus::v3::leader::LeaderState;
    use neo_primitives::{
        BlockBody, Datoshi, Header, Height, Magic, PrivateKey, Signature, UInt160, UInt256,
        ValidatorIndex,
    };

    struct Key(PrivateKey);

    impl Signer for Key {
        fn sign(&self, preimage: &[u8]) -> Signature {
            self.0.sign(preimage)
        }
    }

    fn header(index: u32, prev_hash: UInt256) -> Header {
        Header {
            version: 0,
            prev_hash,
            merkle_root: UInt256::ZERO,
            timestamp: u64::from(index) + 1,
            nonce: 0,
            index: Height(index),
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::ZERO,
        }
    }

    fn at(seconds: u64) -> Now {
        Now {
            monotonic: Duration::from_secs(seconds),
            wall_ms: seconds * 1000,
            entropy: 7,
        }
    }

    #[test]
    fn the_messages_of_the_older_protocol_go_the_same_way() {
        let key = Key(PrivateKey::generate());
        let own = key.0.public_key().clone();
        let genesis = header(0, UInt256::ZERO);
        let tip = genesis.hash();
        let restored = Restored {
            stored: Height(0),
            tip,
            records: vec![],
            log: VoteLogState::Intact,
        };
        let settings = EngineSettings {
            own: Some(own.clone()),
            max_block_time: None,
        };
        let mut engine = V2Engine::new(settings, restored);
        let actions = engine.step(at(0), Event::Start);
        assert!(matches!(actions.ledger[..], [LedgerAction::Open { parent }] if parent == tip));
        let opened = HeightInfo {
            height: Height(1),
            parent: genesis,
            parent_hash: tip,
            magic: Magic(1),
            validators: Arc::new(ValidatorSet::new(vec![own]).unwrap()),
            next_consensus: UInt160::ZERO,
            block_time: Duration::from_secs(1),
            limits: BlockLimits {
                max_transactions: 9,
                max_block_size: 1 << 20,
                max_block_system_fee: Datoshi(1),
            },
            pool: 0,
            leaders: LeaderState::fresh(Height(1), 1),
        };
        // A request for recovery binds nobody, and the engine does not want it back.
        let actions = engine.step(at(0), Event::Ledger(LedgerEvent::Opened(opened)));
        let ballot = Ballot::<V2Engine>::sign(actions.persist, actions.send, &key);
        assert!(ballot.records().is_empty());
        let kinds: Vec<_> = ballot.outgoing().map(|(_, sent)| sent.kind()).collect();
        assert_eq!(kinds, [Kind::RecoveryRequest]);
        assert_eq!(ballot.into_own().count(), 0);
        let id = TimerId {
            height: Height(1),
            kind: TimerKind::View,
        };
        let actions = engine.step(at(1), Event::Timer(id));
        assert!(matches!(actions.ledger[..], [LedgerAction::Build { .. }]));
        let body = BlockBody {
            header: header(1, tip),
            transactions: vec![],
        };
        let built = LedgerEvent::Built(Arc::new(body));
        let actions = engine.step(at(1), Event::Ledger(built));
        let ballot = Ballot::<V2Engine>::sign(actions.persist, actions.send, &key);
        let [Record::Body(_), Record::Own(request)] = ballot.records() else {
            panic!("{ballot:?}");
        };
        assert_eq!(request.kind(), Kind::PrepareRequest);
        assert!(request.payload().verify(Magic(1)).is_ok());
        assert_eq!(ballot.outgoing().count(), 1);
        assert_eq!(ballot.into_own().count(), 1);
    }
}
