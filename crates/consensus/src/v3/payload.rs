//! Bytes of the payloads: Neo's binary codec, one encoding for one value.
//!
//! A length from outside is compared with its limit and with the bytes that are left before memory
//! is taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_primitives::codec::write_var_int;
use neo_primitives::{
    Decode, DecodeError, Encode, Header, Height, Reader, Signature, UInt256, ValidatorIndex,
};

use super::certificate::{
    Claim, CommitCertificate, Decision, PreparedCertificate, PreparedClaim, Signatures,
    ViewChangeCertificate, ViewChangeEntry, claim_bytes,
};
use super::context::MessageKind;
use super::message::{
    ChangeView, ChangeViewReason, Message, Payload, Proposal, RecoveryMessage, RecoveryRequest,
    ShortId,
};
use crate::index_set::IndexSet;
use crate::validators::View;

/// Greatest number of transactions a block can name (Neo N3 block, 65,535).
const MAX_TRANSACTIONS: u64 = 65_535;
/// Greatest number of messages inside a recovery message: a proposal and four kinds of votes of 255 validators.
const MAX_NESTED: u64 = 1 + 4 * 255;

fn hash(reader: &mut Reader<'_>) -> Result<UInt256, DecodeError> {
    Ok(UInt256::from_wire(reader.array()?))
}

fn view(reader: &mut Reader<'_>) -> Result<View, DecodeError> {
    Ok(View(reader.u32()?))
}

fn signature(reader: &mut Reader<'_>) -> Result<Signature, DecodeError> {
    Ok(Signature(reader.array()?))
}

fn encode_option<T: Encode>(value: Option<&T>, out: &mut Vec<u8>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        value.encode(out);
    }
}

fn decode_option<T: Decode>(reader: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
    if reader.bool()? {
        T::decode(reader).map(Some)
    } else {
        Ok(None)
    }
}

impl Encode for View {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }
}

impl Decode for View {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        view(reader)
    }
}

impl Encode for Signatures {
    fn encode(&self, out: &mut Vec<u8>) {
        self.signers().collect::<IndexSet>().encode(out);
        for (_, signature) in self.iter() {
            out.extend_from_slice(&signature.0);
        }
    }
}

impl Decode for Signatures {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let signers = IndexSet::decode(reader.field("signers"))?;
        let mut signatures = BTreeMap::new();
        for index in signers.iter() {
            signatures.insert(index, signature(reader.field("signature"))?);
        }
        Ok(Self::new(signatures))
    }
}

impl Encode for PreparedCertificate {
    fn encode(&self, out: &mut Vec<u8>) {
        self.view.encode(out);
        out.extend_from_slice(self.hash.as_wire());
        out.extend_from_slice(self.justification.as_wire());
        self.signatures.encode(out);
    }
}

impl Decode for PreparedCertificate {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            view: view(reader.field("prepared view"))?,
            hash: hash(reader.field("prepared block"))?,
            justification: hash(reader.field("justification"))?,
            signatures: Signatures::decode(reader)?,
        })
    }
}

impl Encode for Decision {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Certificate(certificate) => {
                out.push(0);
                certificate.view.encode(out);
                out.extend_from_slice(certificate.hash.as_wire());
                certificate.signatures.encode(out);
                encode_option(certificate.prepared.as_ref(), out);
            }
            Self::HeaderSignatures { hash, signatures } => {
                out.push(1);
                out.extend_from_slice(hash.as_wire());
                signatures.encode(out);
            }
        }
    }
}

impl Decode for Decision {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.field("kind of decision").u8()? {
            0 => Ok(Self::Certificate(CommitCertificate {
                view: view(reader.field("decided view"))?,
                hash: hash(reader.field("decided block"))?,
                signatures: Signatures::decode(reader)?,
                prepared: decode_option(reader)?,
            })),
            1 => Ok(Self::HeaderSignatures {
                hash: hash(reader.field("decided block"))?,
                signatures: Signatures::decode(reader)?,
            }),
            other => Err(reader.invalid(format!("{other} is no kind of decision"))),
        }
    }
}

fn decode_claim(reader: &mut Reader<'_>) -> Result<Claim, DecodeError> {
    if !reader.field("claim").bool()? {
        return Ok(None);
    }
    Ok(Some(PreparedClaim {
        view: view(reader.field("claimed view"))?,
        hash: hash(reader.field("claimed block"))?,
    }))
}

impl Encode for ViewChangeCertificate {
    fn encode(&self, out: &mut Vec<u8>) {
        self.view.encode(out);
        self.entries
            .keys()
            .copied()
            .collect::<IndexSet>()
            .encode(out);
        for entry in self.entries.values() {
            out.extend_from_slice(&claim_bytes(&entry.claim));
            out.extend_from_slice(&entry.signature.0);
        }
        encode_option(self.prepared.as_ref(), out);
    }
}

impl Decode for ViewChangeCertificate {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let view = view(reader.field("view of the view-change certificate"))?;
        let signers = IndexSet::decode(reader.field("signers"))?;
        let mut entries = BTreeMap::new();
        for index in signers.iter() {
            let claim = decode_claim(reader)?;
            let signature = signature(reader.field("signature"))?;
            entries.insert(index, ViewChangeEntry { claim, signature });
        }
        Ok(Self {
            view,
            entries,
            prepared: decode_option(reader)?,
        })
    }
}

impl Encode for Proposal {
    fn encode(&self, out: &mut Vec<u8>) {
        self.header.encode(out);
        write_var_int(out, self.transactions.len() as u64);
        for id in &self.transactions {
            out.extend_from_slice(id);
        }
        encode_option(self.justification.as_ref(), out);
        encode_option(self.parent.as_ref(), out);
        out.extend_from_slice(&self.prepare.0);
    }
}

impl Decode for Proposal {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let header = Header::decode(reader)?;
        let size = size_of::<ShortId>();
        let count = reader
            .field("number of transactions")
            .count(MAX_TRANSACTIONS, size)?;
        let mut transactions = Vec::with_capacity(count);
        for _ in 0..count {
            transactions.push(reader.array()?);
        }
        Ok(Self {
            header,
            transactions,
            justification: decode_option(reader)?,
            parent: decode_option(reader)?,
            prepare: signature(reader.field("the leader's prepare"))?,
        })
    }
}

impl Encode for RecoveryRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.nonce.to_le_bytes());
        out.extend_from_slice(self.prev_hash.as_wire());
        out.push(u8::from(self.has_proposal));
        for set in [
            &self.prepares,
            &self.pre_commits,
            &self.change_views,
            &self.commits,
        ] {
            set.encode(out);
        }
        encode_option(self.prepared.as_ref(), out);
        out.push(u8::from(self.decided));
    }
}

impl Decode for RecoveryRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            nonce: reader.field("nonce").u64()?,
            prev_hash: hash(reader.field("previous block"))?,
            has_proposal: reader.field("has proposal").bool()?,
            prepares: IndexSet::decode(reader)?,
            pre_commits: IndexSet::decode(reader)?,
            change_views: IndexSet::decode(reader)?,
            commits: IndexSet::decode(reader)?,
            prepared: decode_option(reader)?,
            decided: reader.field("decided").bool()?,
        })
    }
}

impl Encode for RecoveryMessage {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.nonce.to_le_bytes());
        out.extend_from_slice(&self.stored.0.to_le_bytes());
        encode_option(self.view_change.as_ref(), out);
        encode_option(self.prepared.as_ref(), out);
        encode_option(self.decision.as_ref(), out);
        write_var_int(out, self.messages.len() as u64);
        for message in &self.messages {
            encode_nested(message, out);
        }
    }
}

impl RecoveryMessage {
    fn decode(reader: &mut Reader<'_>, height: Height) -> Result<Self, DecodeError> {
        let nonce = reader.field("nonce").u64()?;
        let stored = Height(reader.field("stored height").u32()?);
        let view_change = decode_option(reader)?;
        let prepared = decode_option(reader)?;
        let decision = decode_option(reader)?;
        let count = reader.field("number of messages").count(MAX_NESTED, 70)?;
        let mut messages = Vec::with_capacity(count);
        for _ in 0..count {
            messages.push(decode_nested(reader, height)?);
        }
        Ok(Self {
            nonce,
            stored,
            view_change,
            prepared,
            decision,
            messages,
        })
    }
}

/// A message inside another: kind, view, sender, signature, payload; the height is the outer one's.
fn encode_nested(message: &Message, out: &mut Vec<u8>) {
    out.push(message.kind() as u8);
    message.view.encode(out);
    out.push(message.sender.0);
    out.extend_from_slice(&message.signature.0);
    message.payload.encode(out);
}

fn decode_nested(reader: &mut Reader<'_>, height: Height) -> Result<Message, DecodeError> {
    let number = reader.field("message kind").u8()?;
    let kind = MessageKind::from_number(number)
        .filter(|kind| {
            !matches!(
                kind,
                MessageKind::RecoveryRequest | MessageKind::RecoveryMessage
            )
        })
        .ok_or_else(|| {
            reader.invalid(format!(
                "kind {number} has no place inside a recovery message"
            ))
        })?;
    let view = view(reader.field("view"))?;
    let sender = ValidatorIndex(reader.field("sender").u8()?);
    let signature = signature(reader.field("signature"))?;
    let payload = Payload::decode(reader, kind, height)?;
    Ok(Message {
        height,
        view,
        sender,
        signature,
        payload,
    })
}

impl Encode for Message {
    /// Form of the vote log: height, then as nested in a recovery message.
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.height.0.to_le_bytes());
        encode_nested(self, out);
    }
}

impl Decode for Message {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let height = Height(reader.field("height").u32()?);
        decode_nested(reader, height)
    }
}

impl Encode for Payload {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Proposal(proposal) => proposal.encode(out),
            Self::Prepare {
                hash,
                justification,
            } => {
                out.extend_from_slice(hash.as_wire());
                out.extend_from_slice(justification.as_wire());
            }
            Self::PreCommit { hash } | Self::Commit { hash } => {
                out.extend_from_slice(hash.as_wire());
            }
            Self::ChangeView(change) => {
                out.extend_from_slice(&claim_bytes(&change.claim));
                encode_option(change.prepared.as_ref(), out);
                out.push(change.reason as u8);
            }
            Self::Suspect => {}
            Self::RecoveryRequest(request) => request.encode(out),
            Self::RecoveryMessage(message) => message.encode(out),
        }
    }
}

impl Payload {
    /// Reads the payload of a message of `kind` at `height`.
    ///
    /// # Errors
    /// Anything but the one encoding of a payload of that kind.
    pub fn decode(
        reader: &mut Reader<'_>,
        kind: MessageKind,
        height: Height,
    ) -> Result<Self, DecodeError> {
        Ok(match kind {
            MessageKind::Proposal => Self::Proposal(Arc::new(Proposal::decode(reader)?)),
            MessageKind::Prepare => Self::Prepare {
                hash: hash(reader.field("block"))?,
                justification: hash(reader.field("justification"))?,
            },
            MessageKind::PreCommit => Self::PreCommit {
                hash: hash(reader.field("block"))?,
            },
            MessageKind::Commit => Self::Commit {
                hash: hash(reader.field("block"))?,
            },
            MessageKind::ChangeView => {
                let claim = decode_claim(reader)?;
                let prepared = decode_option(reader)?;
                let number = reader.field("reason").u8()?;
                let reason = ChangeViewReason::from_number(number).ok_or_else(|| {
                    reader.invalid(format!("{number} is no reason of a ChangeView"))
                })?;
                Self::ChangeView(Arc::new(ChangeView {
                    claim,
                    prepared,
                    reason,
                }))
            }
            MessageKind::Suspect => Self::Suspect,
            MessageKind::RecoveryRequest => Self::RecoveryRequest(RecoveryRequest::decode(reader)?),
            MessageKind::RecoveryMessage => {
                Self::RecoveryMessage(Arc::new(RecoveryMessage::decode(reader, height)?))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v3::testing::arbitrary;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_decode_to_what_was_encoded(message in arbitrary::vote()) {
            prop_assert_eq!(Message::from_bytes(&message.to_bytes()).unwrap(), message);
        }

        #[test]
        fn recovery_payloads_decode_to_what_was_encoded(message in arbitrary::recovery()) {
            let bytes = message.payload.to_bytes();
            let mut reader = Reader::new(&bytes);
            let back = Payload::decode(&mut reader, message.kind(), message.height).unwrap();
            prop_assert!(reader.finish().is_ok());
            prop_assert_eq!(back, message.payload);
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for kind in MessageKind::ALL {
                let _ = Payload::decode(&mut Reader::new(&bytes), kind, Height(1));
            }
        }
    }
}
