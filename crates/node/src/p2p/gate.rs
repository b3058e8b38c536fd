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
use parking_lot::RwLock;

use crate::verifier::Verifier;

/// Heights above the next one of which consensus messages are of use: the engine keeps those of so many.
const AHEAD: u32 = 2;

/// Who may send payloads, and what of them is of use here.
#[derive(Debug)]
pub(crate) struct Gate {
    magic: Magic,
    /// Whether validators and committee are elected; else they are those of the genesis block for ever.
    elects: bool,
    offices: RwLock<Offices>,
    /// Whether consensus messages of dBFT 2.0 are of use.
    dbft_2: bool,
}

/// Those who may send while they are in office.
#[derive(Debug, PartialEq, Eq)]
struct Office {
    /// In the order of their indexes.
    validators: Vec<PublicKey>,
    /// Each validator, all of them together, and the committee.
    senders: HashSet<UInt160>,
}

impl Office {
    fn of(validators: Vec<PublicKey>, committee: Option<UInt160>) -> Self {
        let accounts = validators.iter().map(PublicKey::script_hash);
        let together = multisig_script(bft_quorum(validators.len()), &validators).ok();
        let together = together.map(|script| hash160(&script));
        let senders = accounts.chain(together).chain(committee).collect();
        Self {
            validators,
            senders,
        }
    }
}

/// Who is in office, and who was.
#[derive(Debug)]
struct Offices {
    before: Option<Office>,
    now: Office,
    /// The first height of those who are in office now.
    from: Height,
    /// The highest height whose validators are known.
    known: Height,
}

impl Offices {
    fn of_height(&self, height: Height) -> &Office {
        match &self.before {
            Some(before) if height < self.from => before,
            _ => &self.now,
        }
    }

    /// Whether this account is in office, or was: its last payloads may be under way.
    fn admit(&self, sender: &UInt160) -> bool {
        let mut offices = self.before.iter().chain([&self.now]);
        offices.any(|office| office.senders.contains(sender))
    }
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
    /// The gate of a network, with the validators and the committee of the genesis block. Where they are elected, it
    /// is told of others by [`Gate::opened`].
    pub(crate) fn of(genesis: &GenesisConfig, dbft_2: bool, elects: bool) -> Self {
        let now = Office::of(genesis.validators(), genesis.committee_address());
        Self {
            magic: genesis.magic,
            elects,
            offices: RwLock::new(Offices {
                before: None,
                now,
                from: Height(0),
                known: Height(0),
            }),
            dbft_2,
        }
    }

    /// A height has opened: these are its validators, and this is the committee. True if there were others before.
    pub(crate) fn opened(
        &self,
        height: Height,
        validators: Vec<PublicKey>,
        committee: Option<UInt160>,
    ) -> bool {
        let office = Office::of(validators, committee);
        let mut offices = self.offices.write();
        if height < offices.known {
            return false;
        }
        offices.known = height;
        if offices.now == office {
            return false;
        }
        let replaced = std::mem::replace(&mut offices.now, office);
        offices.before = Some(replaced);
        offices.from = height;
        true
    }

    /// The validators of the open height.
    pub(crate) fn validators(&self) -> Vec<PublicKey> {
        self.offices.read().now.validators.clone()
    }

    /// Those, and the ones before them, whose last messages may be under way.
    pub(crate) fn recent_validators(&self) -> Vec<PublicKey> {
        let offices = self.offices.read();
        let before = offices.before.iter().flat_map(|office| &office.validators);
        let mut keys: Vec<_> = offices
            .now
            .validators
            .iter()
            .chain(before)
            .cloned()
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Whether the validators of a height are not known yet.
    fn is_unknown(&self, height: Height) -> bool {
        self.elects && height > self.offices.read().known
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
        let sender = payload.sender;
        if self.offices.read().admit(&sender) {
            return None;
        }
        if self.is_unknown(payload.valid_block_end) {
            return Some(Verdict::Early);
        }
        let problem =
            format!("extensible: its sender {sender} is neither a validator nor the committee");
        // Besides those the chain may have given others a role that lets them send, which only its contracts know.
        match self.elects && !is_consensus {
            true => Some(Verdict::Dropped(problem)),
            false => Some(Verdict::Forged(problem)),
        }
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
        let offices = self.offices.read();
        let validators = &offices.of_height(message.height()).validators;
        let key = validators.get(index.position());
        let payload = message.payload();
        let is_its = key.is_some_and(|key| payload.sender == key.script_hash());
        if !is_its && self.elects && message.height() > offices.known {
            return Verdict::Early;
        }
        if key.is_none() {
            let count = validators.len();
            return Verdict::Dropped(format!(
                "{kind}: validator index {index}, there are {count} validators"
            ));
        }
        if !is_its {
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
