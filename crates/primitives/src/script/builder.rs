//! Writing scripts.

use num_bigint::BigInt;

use super::{Opcode, Syscall};
use crate::hash::UInt160;

/// What a called contract may do: one bit each for reading state, writing state, calling and notifying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallFlags(pub u8);

impl CallFlags {
    /// Reading state.
    pub const READ_STATES: Self = Self(0x01);
    /// Reading state and calling.
    pub const READ_ONLY: Self = Self(0x05);
    /// Everything; a token's `transfer` needs it.
    pub const ALL: Self = Self(0x0f);

    /// Whether all of `needed` is allowed.
    pub fn contains(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }
}

/// Appends instructions in the shortest forms that Neo's own builders use.
#[derive(Clone, Debug, Default)]
pub struct ScriptBuilder {
    script: Vec<u8>,
}

impl ScriptBuilder {
    /// An empty script.
    pub fn new() -> Self {
        Self::default()
    }

    /// The script.
    pub fn into_bytes(self) -> Vec<u8> {
        self.script
    }

    /// An opcode without operand.
    pub fn op(&mut self, opcode: Opcode) -> &mut Self {
        self.script.push(opcode.0);
        self
    }

    /// An integer: −1 to 16 as one opcode, others as two's complement of 1, 2, 4, 8, 16 or 32 bytes.
    ///
    /// # Panics
    /// If the value does not fit 256 bits, the width of the virtual machine's integers.
    pub fn integer(&mut self, value: impl Into<BigInt>) -> &mut Self {
        let value = value.into();
        if let Ok(small @ -1..=16) = i8::try_from(&value) {
            return self.op(Opcode(Opcode::PUSH0.0.wrapping_add_signed(small)));
        }
        let mut bytes = value.to_signed_bytes_le();
        let filler = if value < BigInt::ZERO { 0xff } else { 0 };
        let width = bytes.len().next_power_of_two();
        assert!(
            width <= 32,
            "an integer of {width} bytes does not fit the virtual machine"
        );
        bytes.resize(width, filler);
        self.op(Opcode(width.trailing_zeros() as u8));
        self.script.extend_from_slice(&bytes);
        self
    }

    /// A Boolean.
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.op(if value { Opcode::PUSHT } else { Opcode::PUSHF })
    }

    /// Null.
    pub fn null(&mut self) -> &mut Self {
        self.op(Opcode::PUSHNULL)
    }

    /// Bytes, with the shortest length prefix.
    ///
    /// # Panics
    /// If there are 2^32 bytes or more; no script is that long.
    pub fn bytes(&mut self, data: &[u8]) -> &mut Self {
        if let Ok(length) = u8::try_from(data.len()) {
            self.op(Opcode::PUSHDATA1).script.push(length);
        } else if let Ok(length) = u16::try_from(data.len()) {
            self.op(Opcode::PUSHDATA2)
                .script
                .extend_from_slice(&length.to_le_bytes());
        } else {
            let length = u32::try_from(data.len()).expect("a script is below 4 GiB");
            self.op(Opcode::PUSHDATA4)
                .script
                .extend_from_slice(&length.to_le_bytes());
        }
        self.script.extend_from_slice(data);
        self
    }

    /// A hash, in wire order.
    pub fn hash(&mut self, hash: &UInt160) -> &mut Self {
        self.bytes(hash.as_wire())
    }

    /// A system call.
    pub fn syscall(&mut self, syscall: Syscall) -> &mut Self {
        self.op(Opcode::SYSCALL)
            .script
            .extend_from_slice(&syscall.0);
        self
    }

    /// Calls a contract. The arguments must have been pushed, the last one first; `arguments` says how many.
    pub fn call(
        &mut self,
        contract: &UInt160,
        method: &str,
        arguments: usize,
        flags: CallFlags,
    ) -> &mut Self {
        if arguments == 0 {
            self.op(Opcode::NEWARRAY0);
        } else {
            self.integer(arguments as u64).op(Opcode::PACK);
        }
        self.integer(flags.0)
            .bytes(method.as_bytes())
            .hash(contract)
            .syscall(Syscall::CONTRACT_CALL)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::script::Instructions;

    fn pushed(value: i128) -> String {
        let mut b = ScriptBuilder::new();
        b.integer(value);
        hex::encode(b.into_bytes())
    }

    #[test]
    fn shortest_integers() {
        assert_eq!(pushed(-1), "0f");
        assert_eq!(pushed(0), "10");
        assert_eq!(pushed(16), "20");
        assert_eq!(pushed(17), "0011");
        assert_eq!(pushed(-2), "00fe");
        assert_eq!(pushed(127), "007f");
        assert_eq!(pushed(128), "018000");
        assert_eq!(pushed(-129), "017fff");
        assert_eq!(pushed(1000), "01e803");
        assert_eq!(pushed(1 << 23), "0200008000");
        assert_eq!(pushed(10_000_000_000_000), "0300a0724e18090000");
        assert_eq!(pushed(1 << 63), "0400000000000000800000000000000000");
    }

    proptest! {
        #[test]
        fn integers_and_bytes_come_back(value: i128, data in proptest::collection::vec(any::<u8>(), 0..70_000)) {
            let mut b = ScriptBuilder::new();
            b.integer(value).bytes(&data);
            let script = b.into_bytes();
            let read: Vec<_> = Instructions::new(&script).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read.len(), 2);
            prop_assert_eq!(read[0].integer(), Some(BigInt::from(value)));
            prop_assert_eq!(read[1].data(), Some(&data[..]));
        }
    }
}
