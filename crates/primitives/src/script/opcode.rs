//! The opcodes and system calls that verification and transfer scripts use.

/// One byte of code. The names are Neo's; opcodes that no script here uses have no name and are still valid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Opcode(pub u8);

impl Opcode {
    /// Pushes one byte as an integer.
    pub const PUSHINT8: Self = Self(0x00);
    /// Pushes two bytes as an integer.
    pub const PUSHINT16: Self = Self(0x01);
    /// Pushes four bytes as an integer.
    pub const PUSHINT32: Self = Self(0x02);
    /// Pushes eight bytes as an integer.
    pub const PUSHINT64: Self = Self(0x03);
    /// Pushes sixteen bytes as an integer.
    pub const PUSHINT128: Self = Self(0x04);
    /// Pushes thirty-two bytes as an integer.
    pub const PUSHINT256: Self = Self(0x05);
    /// Pushes true.
    pub const PUSHT: Self = Self(0x08);
    /// Pushes false.
    pub const PUSHF: Self = Self(0x09);
    /// Pushes null.
    pub const PUSHNULL: Self = Self(0x0b);
    /// Pushes up to 255 bytes.
    pub const PUSHDATA1: Self = Self(0x0c);
    /// Pushes bytes with a length of two bytes.
    pub const PUSHDATA2: Self = Self(0x0d);
    /// Pushes bytes with a length of four bytes.
    pub const PUSHDATA4: Self = Self(0x0e);
    /// Pushes −1.
    pub const PUSHM1: Self = Self(0x0f);
    /// Pushes 0; the opcodes up to [`Opcode::PUSH16`] push 1 to 16.
    pub const PUSH0: Self = Self(0x10);
    /// Pushes 1.
    pub const PUSH1: Self = Self(0x11);
    /// Pushes 16.
    pub const PUSH16: Self = Self(0x20);
    /// Faults unless the top of the stack is true.
    pub const ASSERT: Self = Self(0x39);
    /// Calls the system.
    pub const SYSCALL: Self = Self(0x41);
    /// Packs a number of items into an array.
    pub const PACK: Self = Self(0xc0);
    /// Pushes an empty array.
    pub const NEWARRAY0: Self = Self(0xc2);

    /// The integer that a one-byte push gives: −1 to 16.
    pub fn small_integer(self) -> Option<i8> {
        match self.0 {
            0x0f => Some(-1),
            code @ 0x10..=0x20 => i8::try_from(code - 0x10).ok(),
            _ => None,
        }
    }

    /// Neo's name of an opcode that has one here.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::PUSHINT8 => "PUSHINT8",
            Self::PUSHINT16 => "PUSHINT16",
            Self::PUSHINT32 => "PUSHINT32",
            Self::PUSHINT64 => "PUSHINT64",
            Self::PUSHINT128 => "PUSHINT128",
            Self::PUSHINT256 => "PUSHINT256",
            Self::PUSHT => "PUSHT",
            Self::PUSHF => "PUSHF",
            Self::PUSHNULL => "PUSHNULL",
            Self::PUSHDATA1 => "PUSHDATA1",
            Self::PUSHDATA2 => "PUSHDATA2",
            Self::PUSHDATA4 => "PUSHDATA4",
            Self::PUSHM1 => "PUSHM1",
            Self::ASSERT => "ASSERT",
            Self::SYSCALL => "SYSCALL",
            Self::PACK => "PACK",
            Self::NEWARRAY0 => "NEWARRAY0",
            _ => return None,
        })
    }

    /// Price of the opcode in units of the execution fee factor (30 datoshi by default), for the opcodes with a
    /// name here. What a system call costs comes on top of it.
    pub fn price(self) -> Option<u32> {
        Some(match self {
            Self::SYSCALL => 0,
            Self::PUSHINT128 | Self::PUSHINT256 => 4,
            Self::PUSHDATA1 => 8,
            Self::PUSHDATA2 => 512,
            Self::PUSHDATA4 => 4096,
            Self::PACK => 2048,
            Self::NEWARRAY0 => 16,
            _ if self.small_integer().is_some() || self.name().is_some() => 1,
            _ => return None,
        })
    }
}

impl std::fmt::Display for Opcode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.name(), self.small_integer()) {
            (Some(name), _) => f.write_str(name),
            (None, Some(value)) => write!(f, "PUSH{value}"),
            (None, None) => write!(f, "opcode {:#04x}", self.0),
        }
    }
}

impl std::fmt::Debug for Opcode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A system call: the first four bytes of the SHA-256 of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Syscall(pub [u8; 4]);

impl Syscall {
    /// `System.Contract.Call`.
    pub const CONTRACT_CALL: Self = Self([0x62, 0x7d, 0x5b, 0x52]);
    /// `System.Crypto.CheckSig`.
    pub const CHECK_SIG: Self = Self([0x56, 0xe7, 0xb3, 0x27]);
    /// `System.Crypto.CheckMultisig`.
    pub const CHECK_MULTISIG: Self = Self([0x9e, 0xd0, 0xdc, 0x3a]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    #[test]
    fn syscalls_are_hashes_of_their_names() {
        for (name, syscall) in [
            ("System.Contract.Call", Syscall::CONTRACT_CALL),
            ("System.Crypto.CheckSig", Syscall::CHECK_SIG),
            ("System.Crypto.CheckMultisig", Syscall::CHECK_MULTISIG),
        ] {
            assert_eq!(sha256(name.as_bytes())[..4], syscall.0, "{name}");
        }
    }

    #[test]
    fn small_integers_and_prices() {
        assert_eq!(Opcode::PUSHM1.small_integer(), Some(-1));
        assert_eq!(Opcode::PUSH16.small_integer(), Some(16));
        assert_eq!(Opcode(0x21).small_integer(), None);
        assert_eq!(Opcode(0x14).price(), Some(1));
        assert_eq!(Opcode::PUSHDATA1.price(), Some(8));
        assert_eq!(Opcode(0x21).price(), None);
        assert_eq!(Opcode(0x14).to_string(), "PUSH4");
        assert_eq!(Opcode(0xff).to_string(), "opcode 0xff");
    }
}
