//! The bytes of a proof: Neo's binary codec, one encoding for one value.
//!
//! `magic u32 ‖ height u32 ‖ previous block 32 ‖ form u8 ‖ sender u8 ‖ parts`. A part that is a
//! statement is `kind u8 ‖ view u32 ‖ body ‖ signature 64`, with the sender given once for all; the body
//! of a Commit is its header of 109 bytes, and it has no view. Forms: 1 contradiction, 2 amnesia,
//! 3 shrinking claim, 4 forgotten justification, 5 unjustified, 6 impossible.

use neo_primitives::{
    Decode, DecodeError, Encode, Header, Height, Magic, Reader, Signature, UInt256, ValidatorIndex,
};

use super::{Evidence, Guilt, Says, Statement};
use crate::v3::certificate::{Claim, PreparedClaim, ViewChangeCertificate};
use crate::v3::context::MessageKind;
use crate::validators::View;

fn encode_says(statement: &Statement, out: &mut Vec<u8>) {
    out.push(statement.kind() as u8);
    if statement.kind() != MessageKind::Commit {
        statement.view.encode(out);
    }
    out.extend_from_slice(&statement.says.body());
    out.extend_from_slice(&statement.signature.0);
}

impl Encode for Statement {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.sender.0);
        encode_says(self, out);
    }
}

fn hash(reader: &mut Reader<'_>) -> Result<UInt256, DecodeError> {
    Ok(UInt256::from_wire(reader.array()?))
}

fn claim(reader: &mut Reader<'_>) -> Result<Claim, DecodeError> {
    if !reader.field("claim").bool()? {
        return Ok(None);
    }
    Ok(Some(PreparedClaim {
        view: View(reader.field("claimed view").u32()?),
        hash: hash(reader.field("claimed block"))?,
    }))
}

fn decode_says(reader: &mut Reader<'_>, sender: ValidatorIndex) -> Result<Statement, DecodeError> {
    let number = reader.field("kind of statement").u8()?;
    let kind = MessageKind::from_number(number);
    let view = if kind == Some(MessageKind::Commit) {
        View::ZERO
    } else {
        View(reader.field("view").u32()?)
    };
    let says = match kind {
        Some(MessageKind::Proposal) => Says::Proposal {
            hash: hash(reader.field("block"))?,
            justification: hash(reader.field("justification"))?,
        },
        Some(MessageKind::Prepare) => Says::Prepare {
            hash: hash(reader.field("block"))?,
            justification: hash(reader.field("justification"))?,
        },
        Some(MessageKind::PreCommit) => Says::PreCommit {
            hash: hash(reader.field("block"))?,
        },
        Some(MessageKind::ChangeView) => Says::ChangeView {
            claim: claim(reader)?,
        },
        Some(MessageKind::Commit) => Says::Commit {
            header: Header::decode(reader)?,
        },
        _ => return Err(reader.invalid(format!("kind {number} binds nobody"))),
    };
    let signature = Signature(reader.field("signature").array()?);
    Ok(Statement {
        sender,
        view,
        says,
        signature,
    })
}

impl Decode for Statement {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let sender = ValidatorIndex(reader.field("sender").u8()?);
        decode_says(reader, sender)
    }
}

impl Guilt {
    fn number(&self) -> u8 {
        match self {
            Self::Contradiction { .. } => 1,
            Self::Amnesia { .. } => 2,
            Self::ShrinkingClaim { .. } => 3,
            Self::ForgottenJustification { .. } => 4,
            Self::Unjustified { .. } => 5,
            Self::Impossible { .. } => 6,
        }
    }

    fn justification(&self) -> Option<&ViewChangeCertificate> {
        match self {
            Self::ForgottenJustification { justification, .. }
            | Self::Unjustified { justification, .. } => Some(justification),
            _ => None,
        }
    }
}

impl Encode for Evidence {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.magic.0.to_le_bytes());
        out.extend_from_slice(&self.height.0.to_le_bytes());
        out.extend_from_slice(self.prev_hash.as_wire());
        out.push(self.guilt.number());
        out.push(self.culprit().0);
        for statement in self.guilt.statements() {
            encode_says(statement, out);
        }
        if let Some(justification) = self.guilt.justification() {
            justification.encode(out);
        }
    }
}

impl Decode for Evidence {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let magic = Magic(reader.field("magic").u32()?);
        let height = Height(reader.field("height").u32()?);
        let prev_hash = hash(reader.field("previous block"))?;
        let form = reader.field("form of guilt").u8()?;
        let sender = ValidatorIndex(reader.field("sender").u8()?);
        let next = |reader: &mut Reader<'_>| decode_says(reader, sender);
        let guilt = match form {
            1 => Guilt::Contradiction {
                first: next(reader)?,
                second: next(reader)?,
            },
            2 => Guilt::Amnesia {
                pre_commit: next(reader)?,
                change_view: next(reader)?,
            },
            3 => Guilt::ShrinkingClaim {
                earlier: next(reader)?,
                later: next(reader)?,
            },
            4 => Guilt::ForgottenJustification {
                vote: next(reader)?,
                change_view: next(reader)?,
                justification: Box::new(ViewChangeCertificate::decode(reader)?),
            },
            5 => Guilt::Unjustified {
                vote: next(reader)?,
                justification: Box::new(ViewChangeCertificate::decode(reader)?),
            },
            6 => Guilt::Impossible {
                statement: next(reader)?,
            },
            other => return Err(reader.invalid(format!("{other} is no form of guilt"))),
        };
        Ok(Self {
            magic,
            height,
            prev_hash,
            guilt,
        })
    }
}
