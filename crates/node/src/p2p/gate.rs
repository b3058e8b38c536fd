//! Which extensible payloads of others are let in: the rules of the reference, and what follows for their peers.
//!
//! neo-go cuts off whoever passes on a payload of a stranger, or one with a witness that does not hold, because no
//! honest node does; what came too late it drops in silence. What a payload says is another matter: nodes pass on what
//! they do not understand.

use std::collections::HashSet;

use neo_consensus::v2::Message;
use neo_consensus::v2::message::CATEGORY;
use neo_ledger::GenesisConfig;
use neo_primitives::{
    ExtensiblePayload, Height, Magic, PublicKey, UInt160, UInt256, bft_quorum, hash160,
    multisig_script, verify_witness_with,
};

use crate::verifier::Verifier;

/// Heights above the next one of which consensus messages are of use: the engine keeps those of so many.
const AHEAD: u32 = 2;

/// Who may send payloads, and what of them is of use here.
#[derive(Debug)]
pub(crate) struct Gate {
    magic: Magic,
    validators: Vec<PublicKey>,
    senders: HashSet<UInt160>,
    /// Whether consensus messages of dBFT 2.0 are of use.
    dbft_2: bool,
}

/// What becomes of a payload.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It travels on; a consensus message is for the engine, too.
    Good(Option<Box<Message>>),
    /// It is late, or of no use here: it is not asked for again.
    Useless,
    /// It is early: it is welcome when it comes again.
    Early,
    /// It is dropped and goes no further; whoever passed it on may not have known better.
    Dropped(String),
    /// No honest node passes it on. The text names the field.
    Forged(String),
}

impl Gate {
    /// The gate of a network. The embedded ledger knows no elections: validators and committee are those of the
    /// genesis block for ever.
    pub(crate) fn of(genesis: &GenesisConfig, dbft_2: bool) -> Self {
        let validators = genesis.validators();
        let accounts = validators.iter().map(PublicKey::script_hash);
        let together = multisig_script(bft_quorum(validators.len()), &validators).ok();
        let together = together.map(|script| hash160(&script));
        let senders = accounts
            .chain(together)
            .chain(genesis.committee_address())
            .collect();
        Self {
            magic: genesis.magic,
            validators,
            senders,
            dbft_2,
        }
    }

    /// What can be said without looking at the witness: nothing if the payload may be good.
    pub(crate) fn glance(&self, payload: &ExtensiblePayload, stored: Height) -> Option<Verdict> {
        if payload.valid_block_end <= stored {
            return Some(Verdict::Useless);
        }
        if payload.valid_block_start > stored {
            return Some(Verdict::Early);
        }
        let is_consensus = payload.category == CATEGORY;
        if is_consensus && !self.dbft_2 {
            return Some(Verdict::Useless);
        }
        if is_consensus && payload.valid_block_end.0 > stored.0.saturating_add(1 + AHEAD) {
            return Some(Verdict::Early);
        }
        let stranger = !self.senders.contains(&payload.sender);
        stranger.then(|| {
            let text = "extensible: its sender {} is neither a validator nor the committee";
            Verdict::Forged(text.replace("{}", &payload.sender.to_string()))
        })
    }

    /// Looks at the witness and, of consensus, at the message. Takes time for a signature.
    pub(crate) fn judge(
        &self,
        payload: ExtensiblePayload,
        hash: &UInt256,
        verifier: &Verifier,
    ) -> Verdict {
        let signed = verify_witness_with(
            &payload.sender,
            &payload.witness,
            self.magic,
            hash,
            |key, message, signature| {
                let key = PublicKey::from_bytes(key)?;
                Ok(verifier.signed(&key, message, signature))
            },
        );
        if let Err(error) = signed {
            return Verdict::Forged(format!("extensible: witness: {error}"));
        }
        if payload.category != CATEGORY {
            return Verdict::Good(None);
        }
        match Message::from_payload(payload) {
            Ok(message) => self.place(message),
            Err(error) => Verdict::Dropped(error.to_string()),
        }
    }

    /// Whether the sender is the validator that the message names, and the height the one that the envelope names.
    fn place(&self, message: Message) -> Verdict {
        let kind = message.kind().name();
        let index = message.validator();
        let Some(key) = self.validators.get(index.position()) else {
            let count = self.validators.len();
            return Verdict::Dropped(format!(
                "{kind}: validator index {index}, there are {count} validators"
            ));
        };
        let payload = message.payload();
        if payload.sender != key.script_hash() {
            let sender = payload.sender;
            return Verdict::Dropped(format!(
                "{kind}: validator index {index} is not that of the sender {sender}"
            ));
        }
        let (says, end) = (message.height(), payload.valid_block_end);
        if says != end {
            return Verdict::Dropped(format!(
                "{kind}: block index {says}, its envelope is valid until {end}"
            ));
        }
        Verdict::Good(Some(Box::new(message)))
    }
}

#[cfg(test)]
mod tests;
