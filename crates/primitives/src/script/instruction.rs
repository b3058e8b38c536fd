//! Splitting a script into instructions.

use num_bigint::BigInt;
use thiserror::Error;

use super::{Opcode, Syscall};

/// An opcode with its operand, where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction<'a> {
    /// Offset of the opcode in the script.
    pub offset: usize,
    /// The opcode.
    pub opcode: Opcode,
    /// The operand, without the length prefix of pushed bytes.
    pub operand: &'a [u8],
}

impl<'a> Instruction<'a> {
    /// The integer that this instruction pushes.
    pub fn integer(&self) -> Option<BigInt> {
        match self.opcode.0 {
            0x00..=0x05 => Some(BigInt::from_signed_bytes_le(self.operand)),
            _ => self.opcode.small_integer().map(BigInt::from),
        }
    }

    /// The bytes that this instruction pushes.
    pub fn data(&self) -> Option<&'a [u8]> {
        match self.opcode {
            Opcode::PUSHDATA1 | Opcode::PUSHDATA2 | Opcode::PUSHDATA4 => Some(self.operand),
            _ => None,
        }
    }

    /// The system call that this instruction makes.
    pub fn syscall(&self) -> Option<Syscall> {
        match self.opcode {
            Opcode::SYSCALL => self.operand.try_into().ok().map(Syscall),
            _ => None,
        }
    }
}

/// Why a script cannot be split further.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InstructionError {
    /// The operand reaches beyond the script.
    #[error("{opcode} at offset {offset} needs {needed} bytes, {remaining} are left")]
    Truncated {
        /// Where the opcode stands.
        offset: usize,
        /// The opcode.
        opcode: Opcode,
        /// Bytes of its operand.
        needed: u64,
        /// Bytes left in the script.
        remaining: usize,
    },
    /// An opcode that no standard script uses.
    #[error("{opcode} at offset {offset} is not known here")]
    Unknown {
        /// Where it stands.
        offset: usize,
        /// The opcode.
        opcode: Opcode,
    },
}

/// Iterates over the instructions of a script; ends after the first error.
#[derive(Clone, Debug)]
pub struct Instructions<'a> {
    script: &'a [u8],
    offset: usize,
}

impl<'a> Instructions<'a> {
    /// Starts at the first byte.
    pub fn new(script: &'a [u8]) -> Self {
        Self { script, offset: 0 }
    }

    fn read(&mut self, offset: usize) -> Result<Instruction<'a>, InstructionError> {
        let rest = self.script.get(offset..).unwrap_or_default();
        let (code, rest) = match rest.split_first() {
            Some((code, rest)) => (*code, rest),
            None => (0, rest),
        };
        let opcode = Opcode(code);
        let truncated = |needed: u64| InstructionError::Truncated {
            offset,
            opcode,
            needed,
            remaining: rest.len(),
        };
        let (prefix, length) = match opcode {
            Opcode::PUSHDATA1 => (1, little_endian(rest.get(..1).ok_or(truncated(1))?)),
            Opcode::PUSHDATA2 => (2, little_endian(rest.get(..2).ok_or(truncated(2))?)),
            Opcode::PUSHDATA4 => (4, little_endian(rest.get(..4).ok_or(truncated(4))?)),
            Opcode::SYSCALL => (0, 4),
            Opcode(0x00..=0x05) => (0, 1u64 << code),
            _ if opcode.price().is_some() => (0, 0),
            _ => return Err(InstructionError::Unknown { offset, opcode }),
        };
        let operand = usize::try_from(length)
            .ok()
            .and_then(|length| rest.get(prefix..)?.get(..length))
            .ok_or(truncated(length))?;
        self.offset = offset + 1 + prefix + operand.len();
        Ok(Instruction {
            offset,
            opcode,
            operand,
        })
    }
}

impl<'a> Iterator for Instructions<'a> {
    type Item = Result<Instruction<'a>, InstructionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.script.len() {
            return None;
        }
        let read = self.read(self.offset);
        if read.is_err() {
            self.offset = self.script.len();
        }
        Some(read)
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn operands_of_every_width() {
        let script = [
            0x00, 0x80, 0x01, 0xe8, 0x03, 0x0b, 0x0c, 2, 7, 8, 0x0d, 1, 0, 9, 0x0e, 0, 0, 0, 0,
            0x41, 0x62, 0x7d, 0x5b, 0x52, 0x39,
        ];
        let read: Vec<_> = Instructions::new(&script)
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(read.len(), 8);
        assert_eq!(read[0].integer(), Some(BigInt::from(-128)));
        assert_eq!(read[1].integer(), Some(BigInt::from(1000)));
        assert_eq!(read[3].data(), Some(&[7, 8][..]));
        assert_eq!(read[4].data(), Some(&[9][..]));
        assert_eq!(read[5].data(), Some(&[][..]));
        assert_eq!(read[6].syscall(), Some(Syscall::CONTRACT_CALL));
        assert_eq!(read[7].offset, 24);
    }

    #[test]
    fn errors_name_the_place() {
        let mut cut = Instructions::new(&[0x0b, 0x0c, 9, 1]);
        assert!(cut.next().unwrap().is_ok());
        assert_eq!(
            cut.next(),
            Some(Err(InstructionError::Truncated {
                offset: 1,
                opcode: Opcode::PUSHDATA1,
                needed: 9,
                remaining: 2
            }))
        );
        assert_eq!(cut.next(), None);
        assert_eq!(
            Instructions::new(&[0x45]).next(),
            Some(Err(InstructionError::Unknown {
                offset: 0,
                opcode: Opcode(0x45)
            }))
        );
        assert!(matches!(
            Instructions::new(&[0x0e, 0xff, 0xff, 0xff, 0xff]).next(),
            Some(Err(InstructionError::Truncated {
                needed: 0xffff_ffff,
                ..
            }))
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_split_or_refused(script: Vec<u8>) {
            let mut end = 0;
            for instruction in Instructions::new(&script).flatten() {
                prop_assert_eq!(instruction.offset, end);
                end = instruction.operand.as_ptr() as usize - script.as_ptr() as usize
                    + instruction.operand.len();
                prop_assert!(end <= script.len());
            }
        }
    }
}
