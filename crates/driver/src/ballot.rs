//! Own messages on their way out (protocol section 5, rule 8).

use neo_consensus::engine::Recipient;
use neo_consensus::v3::{Draft, Message, OwnMessage, Payload, Record, Signer};

/// The own messages of one step of the engine, signed and not yet sent.
///
/// Use it in this order: append [`Ballot::records`] to the vote log in one durable write; only when that
/// has succeeded send [`Ballot::outgoing`]; then hand [`Ballot::into_own`] back to the engine.
#[derive(Debug)]
pub struct Ballot {
    records: Vec<Record>,
    signed: Vec<(Recipient, OwnMessage)>,
}

impl Ballot {
    /// Signs the drafts of a step that also wants these records to be durable.
    #[must_use]
    pub fn sign(
        mut records: Vec<Record>,
        drafts: Vec<(Recipient, Draft)>,
        signer: &dyn Signer,
    ) -> Self {
        let signed: Vec<_> = drafts
            .into_iter()
            .map(|(recipient, draft)| (recipient, OwnMessage::sign(draft, signer)))
            .collect();
        let binding = signed
            .iter()
            .map(|(_, own)| own.message())
            .filter(|own| binds(own));
        records.extend(binding.cloned().map(Record::Own));
        Self { records, signed }
    }

    /// What has to be durable before anything is sent; empty when nothing has to.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What may be sent once the records are durable.
    pub fn outgoing(&self) -> impl Iterator<Item = (&Recipient, &Message)> {
        self.signed
            .iter()
            .map(|(recipient, own)| (recipient, own.message()))
    }

    /// The messages that the engine counts as its own.
    pub fn into_own(self) -> impl Iterator<Item = OwnMessage> {
        let counts =
            |own: &OwnMessage| binds(own.message()) || own.message().payload == Payload::Suspect;
        self.signed
            .into_iter()
            .map(|(_, own)| own)
            .filter(move |own| counts(own))
    }
}

/// Whether a message binds its sender: such a one is in the vote log before it leaves.
#[must_use]
pub fn binds(message: &Message) -> bool {
    match message.payload {
        Payload::Proposal(_)
        | Payload::Prepare { .. }
        | Payload::PreCommit { .. }
        | Payload::Commit { .. }
        | Payload::ChangeView(_) => true,
        Payload::Suspect | Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => false,
    }
}
