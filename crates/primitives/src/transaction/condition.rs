//! Witness rules and their conditions.

use super::{MAX_CONDITION_DEPTH, MAX_SUBITEMS, TransactionError};
use crate::codec::{Decode, DecodeError, Encode, Reader, write_var_int};
use crate::hash::UInt160;
use crate::keys::PublicKey;

/// What a rule says when its condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleAction {
    /// The signature may not be used.
    Deny,
    /// The signature may be used.
    Allow,
}

/// A rule of a signer; the first whose condition holds decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WitnessRule {
    /// What it says.
    pub action: RuleAction,
    /// When.
    pub condition: WitnessCondition,
}

/// A condition on the contract that asks for the signature and on who called it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WitnessCondition {
    /// Always or never.
    Boolean(bool),
    /// The operand does not hold.
    Not(Box<WitnessCondition>),
    /// All operands hold; 1 to 16 of them.
    And(Vec<WitnessCondition>),
    /// One operand holds; 1 to 16 of them.
    Or(Vec<WitnessCondition>),
    /// The asking contract is this one.
    ScriptHash(UInt160),
    /// The asking contract is of this group.
    Group(PublicKey),
    /// The asking contract was called by the transaction's script.
    CalledByEntry,
    /// The asking contract was called by this one.
    CalledByContract(UInt160),
    /// The asking contract was called by one of this group.
    CalledByGroup(PublicKey),
}

impl WitnessCondition {
    /// Neo's number of the kind of condition.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Boolean(_) => 0x00,
            Self::Not(_) => 0x01,
            Self::And(_) => 0x02,
            Self::Or(_) => 0x03,
            Self::ScriptHash(_) => 0x18,
            Self::Group(_) => 0x19,
            Self::CalledByEntry => 0x20,
            Self::CalledByContract(_) => 0x28,
            Self::CalledByGroup(_) => 0x29,
        }
    }

    /// Reads a condition with at most `depth` levels; none are left at 0.
    fn decode_nested(r: &mut Reader<'_>, depth: usize) -> Result<Self, DecodeError> {
        if depth == 0 {
            return Err(r
                .field("witness condition")
                .invalid("conditions nest too deeply"));
        }
        Ok(match r.field("witness condition").u8()? {
            0x00 => Self::Boolean(r.bool()?),
            0x01 => Self::Not(Box::new(Self::decode_nested(r, depth - 1)?)),
            0x02 => Self::And(Self::decode_operands(r, depth - 1)?),
            0x03 => Self::Or(Self::decode_operands(r, depth - 1)?),
            0x18 => Self::ScriptHash(UInt160::decode(r)?),
            0x19 => Self::Group(PublicKey::decode(r)?),
            0x20 => Self::CalledByEntry,
            0x28 => Self::CalledByContract(UInt160::decode(r)?),
            0x29 => Self::CalledByGroup(PublicKey::decode(r)?),
            kind => return Err(r.unknown_tag(kind)),
        })
    }

    fn decode_operands(r: &mut Reader<'_>, depth: usize) -> Result<Vec<Self>, DecodeError> {
        let count = r
            .field("condition operands")
            .count(MAX_SUBITEMS as u64, 1)?;
        if count == 0 {
            return Err(r.invalid("a condition of And or Or needs an operand"));
        }
        r.list(count, |r| Self::decode_nested(r, depth))
    }

    pub(super) fn check(&self, depth: usize) -> Result<(), TransactionError> {
        if depth == 0 {
            return Err(TransactionError::ConditionDepth {
                limit: MAX_CONDITION_DEPTH,
            });
        }
        match self {
            Self::Not(operand) => operand.check(depth - 1),
            Self::And(operands) | Self::Or(operands) => {
                if !(1..=MAX_SUBITEMS).contains(&operands.len()) {
                    return Err(TransactionError::ConditionOperands(operands.len()));
                }
                operands
                    .iter()
                    .try_for_each(|operand| operand.check(depth - 1))
            }
            _ => Ok(()),
        }
    }
}

impl Encode for WitnessCondition {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.kind());
        match self {
            Self::Boolean(value) => out.push(u8::from(*value)),
            Self::Not(operand) => operand.encode(out),
            Self::And(operands) | Self::Or(operands) => {
                write_var_int(out, operands.len() as u64);
                operands.iter().for_each(|operand| operand.encode(out));
            }
            Self::ScriptHash(hash) | Self::CalledByContract(hash) => hash.encode(out),
            Self::Group(key) | Self::CalledByGroup(key) => key.encode(out),
            Self::CalledByEntry => {}
        }
    }
}

impl Decode for WitnessCondition {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode_nested(r, MAX_CONDITION_DEPTH)
    }
}

impl Encode for WitnessRule {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.action {
            RuleAction::Deny => 0,
            RuleAction::Allow => 1,
        });
        self.condition.encode(out);
    }
}

impl Decode for WitnessRule {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let action = match r.field("rule action").u8()? {
            0 => RuleAction::Deny,
            1 => RuleAction::Allow,
            action => return Err(r.unknown_tag(action)),
        };
        Ok(Self {
            action,
            condition: WitnessCondition::decode(r)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> WitnessCondition {
        match levels {
            1 => WitnessCondition::Boolean(true),
            _ => WitnessCondition::And(vec![nested(levels - 1)]),
        }
    }

    #[test]
    fn three_levels_and_no_more() {
        assert_eq!(
            WitnessCondition::from_bytes(&nested(3).to_bytes()),
            Ok(nested(3))
        );
        assert!(matches!(
            WitnessCondition::from_bytes(&nested(4).to_bytes()),
            Err(DecodeError::Invalid { .. })
        ));
        assert_eq!(nested(3).check(MAX_CONDITION_DEPTH), Ok(()));
        assert!(nested(4).check(MAX_CONDITION_DEPTH).is_err());
        // A million levels of Not end at the fourth.
        assert!(WitnessCondition::from_bytes(&[0x01; 1_000_000]).is_err());
    }

    #[test]
    fn operands_are_one_to_sixteen() {
        assert!(matches!(
            WitnessCondition::from_bytes(&[0x02, 0x00]),
            Err(DecodeError::Invalid { .. })
        ));
        let many = WitnessCondition::Or(vec![WitnessCondition::CalledByEntry; 17]);
        assert!(matches!(
            WitnessCondition::from_bytes(&many.to_bytes()),
            Err(DecodeError::TooLarge {
                value: 17,
                limit: 16,
                ..
            })
        ));
    }

    #[test]
    fn unknown_kinds_and_actions_are_named() {
        assert!(matches!(
            WitnessCondition::from_bytes(&[0x30]),
            Err(DecodeError::UnknownTag {
                value: 0x30,
                offset: 0,
                ..
            })
        ));
        assert!(matches!(
            WitnessRule::from_bytes(&[2, 0x20]),
            Err(DecodeError::UnknownTag {
                value: 2,
                offset: 0,
                ..
            })
        ));
    }
}
