//! Bytes of the consensus messages of dBFT 2.0: `type u8 ‖ height u32 ‖ validator u8 ‖ view u8 ‖ body`,
//! integers little-endian. Every count is checked against its limit and against what is left of the input
//! before memory is taken for it.

use std::collections::HashSet;

use neo_primitives::codec::{write_var_bytes, write_var_int};
use neo_primitives::{
    Decode, DecodeError, Encode, Height, Reader, Signature, UInt256, ValidatorIndex,
};

use super::content::{Body, ChangeView, Content, Kind, PrepareRequest, Reason};
use super::recovery::{
    ChangeViewCompact, CommitCompact, InnerRequest, Preparation, PreparationCompact,
    RecoveryMessage,
};

/// Most transactions of a PrepareRequest, and most rejected ones of a ChangeView.
pub const MAX_HASHES: u64 = 65_535;
/// Most compacts of one kind in a RecoveryMessage.
const MAX_COMPACTS: u64 = 255;
/// Most bytes of an invocation script.
const MAX_INVOCATION: u64 = 1024;
/// Most bytes after a body. Neither C# nor neo-go refuses them: so a later version can add a list of hashes, as
/// has happened.
const MAX_TRAILING: usize = 65_540 * 32;

fn write_hashes(out: &mut Vec<u8>, hashes: &[UInt256]) {
    write_var_int(out, hashes.len() as u64);
    hashes.iter().for_each(|hash| hash.encode(out));
}

fn read_hashes(reader: &mut Reader<'_>, name: &'static str) -> Result<Vec<UInt256>, DecodeError> {
    let count = reader.field(name).count(MAX_HASHES, 32)?;
    let hashes = reader.list(count, UInt256::decode)?;
    let mut seen = HashSet::with_capacity(hashes.len());
    match hashes.iter().position(|hash| !seen.insert(*hash)) {
        Some(position) => Err(reader.invalid(format!("hash {position} is there already"))),
        None => Ok(hashes),
    }
}

fn write_header(
    out: &mut Vec<u8>,
    kind: Kind,
    height: Height,
    validator: ValidatorIndex,
    view: u8,
) {
    out.push(kind as u8);
    out.extend_from_slice(&height.0.to_le_bytes());
    out.push(validator.0);
    out.push(view);
}

fn read_kind(reader: &mut Reader<'_>) -> Result<Kind, DecodeError> {
    let number = reader.field("type of message").u8()?;
    Kind::from_number(number).ok_or_else(|| reader.invalid(format!("{number:#04x} is no type")))
}

fn read_place(reader: &mut Reader<'_>) -> Result<(Height, ValidatorIndex, u8), DecodeError> {
    Ok((
        Height(reader.field("block index").u32()?),
        ValidatorIndex(reader.field("validator index").u8()?),
        reader.field("view number").u8()?,
    ))
}

impl Encode for PrepareRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.version.to_le_bytes());
        self.prev_hash.encode(out);
        out.extend_from_slice(&self.timestamp.to_le_bytes());
        out.extend_from_slice(&self.nonce.to_le_bytes());
        write_hashes(out, &self.hashes);
    }
}

impl Decode for PrepareRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: reader.field("version").u32()?,
            prev_hash: UInt256::decode(reader.field("previous hash"))?,
            timestamp: reader.field("timestamp").u64()?,
            nonce: reader.field("nonce").u64()?,
            hashes: read_hashes(reader, "transaction hashes")?,
        })
    }
}

impl Encode for ChangeView {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_le_bytes());
        out.push(self.reason.number());
        if let Some(rejected) = self
            .rejected
            .as_ref()
            .filter(|_| self.reason.has_rejected())
        {
            write_hashes(out, rejected);
        }
    }
}

impl Decode for ChangeView {
    /// Reads both forms: where the reason has a list and nothing follows, the sender is older than the list.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let timestamp = reader.field("timestamp").u64()?;
        let reason = Reason::from_number(reader.field("reason").u8()?);
        let rejected = if reason.has_rejected() && reader.remaining() > 0 {
            Some(read_hashes(reader, "rejected hashes")?)
        } else {
            None
        };
        Ok(Self {
            timestamp,
            reason,
            rejected,
        })
    }
}

impl Encode for ChangeViewCompact {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.validator.0, self.view]);
        out.extend_from_slice(&self.timestamp.to_le_bytes());
        write_var_bytes(out, &self.invocation);
    }
}

impl Decode for ChangeViewCompact {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            validator: ValidatorIndex(reader.field("validator of a change view").u8()?),
            view: reader.field("view of a change view").u8()?,
            timestamp: reader.field("timestamp of a change view").u64()?,
            invocation: read_invocation(reader, "script of a change view")?,
        })
    }
}

impl Encode for PreparationCompact {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.validator.0);
        write_var_bytes(out, &self.invocation);
    }
}

impl Decode for PreparationCompact {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            validator: ValidatorIndex(reader.field("validator of a preparation").u8()?),
            invocation: read_invocation(reader, "script of a preparation")?,
        })
    }
}

impl Encode for CommitCompact {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.view, self.validator.0]);
        self.signature.encode(out);
        write_var_bytes(out, &self.invocation);
    }
}

impl Decode for CommitCompact {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            view: reader.field("view of a commit").u8()?,
            validator: ValidatorIndex(reader.field("validator of a commit").u8()?),
            signature: Signature::decode(reader.field("signature of a commit"))?,
            invocation: read_invocation(reader, "script of a commit")?,
        })
    }
}

fn read_invocation(reader: &mut Reader<'_>, name: &'static str) -> Result<Vec<u8>, DecodeError> {
    let script = reader.field(name).var_bytes(MAX_INVOCATION)?;
    Ok(script.to_vec())
}

fn write_list<T: Encode>(out: &mut Vec<u8>, items: &[T]) {
    write_var_int(out, items.len() as u64);
    items.iter().for_each(|item| item.encode(out));
}

fn read_list<T: Decode>(
    reader: &mut Reader<'_>,
    name: &'static str,
    least: usize,
) -> Result<Vec<T>, DecodeError> {
    let count = reader.field(name).count(MAX_COMPACTS, least)?;
    reader.list(count, T::decode)
}

impl Encode for Preparation {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request(inner) => {
                out.push(1);
                let kind = Kind::PrepareRequest;
                write_header(out, kind, inner.height, inner.validator, inner.view);
                inner.request.encode(out);
            }
            Self::Hash(hash) => {
                out.extend_from_slice(&[0, 32]);
                hash.encode(out);
            }
            Self::Unknown => out.extend_from_slice(&[0, 0]),
        }
    }
}

impl Decode for Preparation {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.field("mark of a prepare request").bool()? {
            let kind = read_kind(reader)?;
            if kind != Kind::PrepareRequest {
                return Err(reader.invalid(format!("a {} inside", kind.name())));
            }
            let (height, validator, view) = read_place(reader)?;
            let request = PrepareRequest::decode(reader)?;
            return Ok(Self::Request(InnerRequest {
                height,
                validator,
                view,
                request,
            }));
        }
        match reader.field("length of a preparation hash").var_int(32)? {
            0 => Ok(Self::Unknown),
            32 => Ok(Self::Hash(UInt256::decode(
                reader.field("preparation hash"),
            )?)),
            other => Err(reader.invalid(format!("a hash has 32 bytes, not {other}"))),
        }
    }
}

impl Encode for RecoveryMessage {
    fn encode(&self, out: &mut Vec<u8>) {
        write_list(out, &self.change_views);
        self.preparation.encode(out);
        write_list(out, &self.preparations);
        write_list(out, &self.commits);
    }
}

impl Decode for RecoveryMessage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            change_views: read_list(reader, "change views", 11)?,
            preparation: Preparation::decode(reader)?,
            preparations: read_list(reader, "preparations", 2)?,
            commits: read_list(reader, "commits", 67)?,
        })
    }
}

impl Encode for Content {
    fn encode(&self, out: &mut Vec<u8>) {
        write_header(out, self.kind(), self.height, self.validator, self.view);
        match &self.body {
            Body::ChangeView(change) => change.encode(out),
            Body::PrepareRequest(request) => request.encode(out),
            Body::PrepareResponse { preparation } => preparation.encode(out),
            Body::Commit { signature } => signature.encode(out),
            Body::RecoveryRequest { timestamp } => {
                out.extend_from_slice(&timestamp.to_le_bytes());
            }
            Body::RecoveryMessage(recovery) => recovery.encode(out),
        }
    }
}

impl Decode for Content {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = read_kind(reader)?;
        let (height, validator, view) = read_place(reader)?;
        let body = match kind {
            Kind::ChangeView => Body::ChangeView(ChangeView::decode(reader)?),
            Kind::PrepareRequest => Body::PrepareRequest(PrepareRequest::decode(reader)?),
            Kind::PrepareResponse => Body::PrepareResponse {
                preparation: UInt256::decode(reader.field("preparation hash"))?,
            },
            Kind::Commit => Body::Commit {
                signature: Signature::decode(reader.field("signature"))?,
            },
            Kind::RecoveryRequest => Body::RecoveryRequest {
                timestamp: reader.field("timestamp").u64()?,
            },
            Kind::RecoveryMessage => Body::RecoveryMessage(RecoveryMessage::decode(reader)?),
        };
        Ok(Self {
            height,
            validator,
            view,
            body,
        })
    }
}

impl Content {
    /// Reads a message from the data of a payload. Bytes after it are let pass, as C# and neo-go do, up to a
    /// bound.
    ///
    /// # Errors
    /// [`DecodeError`] names the field, the offset and what is wrong.
    pub fn from_data(data: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let content = Self::decode(&mut reader)?;
        if reader.remaining() > MAX_TRAILING {
            reader.finish()?;
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v2::testing::arbitrary;
    use proptest::prelude::*;

    fn read(hex: &str) -> Result<Content, DecodeError> {
        let digits: Vec<u8> = hex
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let byte = |pair: &[u8]| {
            u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect("hexadecimal")
        };
        Content::from_data(&digits.chunks(2).map(byte).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn messages_come_back(content in arbitrary::content()) {
            let bytes = content.to_bytes();
            prop_assert_eq!(bytes.len(), content.encoded_len());
            prop_assert_eq!(Content::from_data(&bytes), Ok(content));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(content) = Content::from_data(&bytes) {
                let again = content.to_bytes();
                prop_assert_eq!(&bytes[..again.len()], &again[..]);
            }
        }

        #[test]
        fn a_cut_message_is_refused_or_of_the_older_form(content in arbitrary::content(), cut in 1_usize..64) {
            let bytes = content.to_bytes();
            let cut = &bytes[..bytes.len().saturating_sub(cut)];
            if let Ok(read) = Content::from_data(cut) {
                let Body::ChangeView(change) = read.body else {
                    return Err(TestCaseError::fail("a cut message was read"));
                };
                prop_assert_eq!(change.rejected, None);
            }
        }
    }

    /// A ChangeView of height 30, validator 1, view 0, of the moment 0x18b.
    const CHANGE: &str = "00 1e000000 01 00 8b01000000000000";

    fn change(rest: &str) -> Result<ChangeView, DecodeError> {
        let content = read(&format!("{CHANGE}{rest}"))?;
        let encoded = content.to_bytes();
        let Body::ChangeView(change) = content.body else {
            panic!("another kind")
        };
        let whole = CHANGE.len() - CHANGE.matches(' ').count();
        let rest = rest.bytes().filter(|byte| *byte != b' ').count();
        assert_eq!(
            encoded.len() * 2,
            whole + rest,
            "it encodes to the same bytes"
        );
        Ok(change)
    }

    #[test]
    fn both_forms_of_a_change_view_are_read() {
        for (number, reason) in [
            ("03", Reason::TransactionRejectedByPolicy),
            ("04", Reason::TransactionInvalid),
        ] {
            // Before C# 3.10 and neo-go 0.121.
            let old = change(number).unwrap();
            assert_eq!((old.reason, old.rejected), (reason, None));
            // neo-go 0.121 leaves the list empty.
            let empty = change(&format!("{number}00")).unwrap();
            assert_eq!((empty.reason, empty.rejected), (reason, Some(vec![])));
            // C# 3.10 names what it rejects.
            let one = "11".repeat(32);
            let two = "22".repeat(32);
            let named = change(&format!("{number}02{one}{two}")).unwrap();
            let hashes = [[0x11; 32], [0x22; 32]].map(UInt256::from_wire).to_vec();
            assert_eq!(named.rejected, Some(hashes));
            assert!(change(&format!("{number}02{one}{one}")).is_err(), "twice");
            assert!(
                change(&format!("{number}02{one}")).is_err(),
                "one is missing"
            );
            assert!(change(&format!("{number}feffffff00")).is_err(), "too many");
        }
        for number in ["00", "01", "02", "05", "ff"] {
            assert_eq!(change(number).unwrap().rejected, None);
        }
    }

    #[test]
    fn bytes_behind_a_message_are_let_pass_up_to_a_bound() {
        let mut bytes = read(&format!("{CHANGE}00")).unwrap().to_bytes();
        bytes.extend(vec![7; MAX_TRAILING]);
        assert!(Content::from_data(&bytes).is_ok());
        bytes.push(7);
        assert!(matches!(
            Content::from_data(&bytes),
            Err(DecodeError::TrailingBytes { .. })
        ));
    }

    #[test]
    fn counts_are_checked_before_memory_is_taken() {
        let request = "20 1e000000 01 00 00000000".to_owned() + &"00".repeat(48);
        let error = read(&(request.clone() + "feffff0000")).unwrap_err();
        assert!(matches!(
            error,
            DecodeError::NonMinimalVarInt { .. } | DecodeError::UnexpectedEnd { .. }
        ));
        let error = read(&(request + "fe00000100")).unwrap_err();
        assert!(
            matches!(error, DecodeError::TooLarge { limit: 65_535, .. }),
            "{error}"
        );
        let recovery = "41 1e000000 01 00";
        assert!(matches!(
            read(&format!("{recovery} fd0001")).unwrap_err(),
            DecodeError::TooLarge { limit: 255, .. }
        ));
        assert!(matches!(
            read(&format!("{recovery} ff")).unwrap_err(),
            DecodeError::UnexpectedEnd { .. }
        ));
        assert!(read(&format!("{recovery} 00 00 10 {}", "00".repeat(60))).is_err());
        assert!(read(&format!("{recovery} 00 01 21 {}", "00".repeat(60))).is_err());
        assert!(read(&format!("{recovery} 00 0000 00 00")).is_ok());
    }

    #[test]
    fn types_that_are_not_of_neo_n3_are_refused_by_number() {
        let error = read("31 1e000000 01 00").unwrap_err();
        assert!(error.to_string().contains("0x31 is no type"), "{error}");
    }
}
