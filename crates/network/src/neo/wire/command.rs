//! Which message a frame holds, and how long it may be.

use std::fmt;

use neo_primitives::MAX_TRANSACTION_SIZE;

use super::{
    addresses::MAX_ADDRESS_BYTES, filter::MAX_FILTER, inventory::MAX_HASHES, version::MAX_VERSION,
};

/// Most bytes of a payload, compressed or not (32 MiB): C# `Message.PayloadMaxSize`, neo-go `payload.MaxSize`.
pub const MAX_PAYLOAD: usize = 0x0200_0000;

/// Name and code of each command that means something here.
macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What a frame holds. Codes without a name are carried as they are and ignored, as C# does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Command {
            $($(#[$doc])* $name,)*
            /// A code that means nothing here, such as neo-go's extensions 50 to 52.
            Other(u8),
        }

        impl Command {
            /// The command of a code.
            #[must_use]
            pub fn from_code(code: u8) -> Self {
                match code {
                    $($code => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// The byte on the wire.
            #[must_use]
            pub fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }
        }

        /// All commands with a name.
        #[cfg(test)]
        pub(crate) const NAMED: &[Command] = &[$(Command::$name),*];
    };
}

commands! {
    /// Who a node is; the first message in each direction.
    Version = 0x00,
    /// The other's version is accepted; the second message in each direction.
    Verack = 0x01,
    /// Asks for addresses of nodes.
    GetAddr = 0x10,
    /// Addresses of nodes.
    Addr = 0x11,
    /// Asks whether the other is there, and tells the own height.
    Ping = 0x18,
    /// Answers a ping.
    Pong = 0x19,
    /// Asks for headers by height.
    GetHeaders = 0x20,
    /// Headers.
    Headers = 0x21,
    /// Asks for hashes of blocks after one.
    GetBlocks = 0x24,
    /// Asks for the hashes of the pool.
    Mempool = 0x25,
    /// Announces hashes.
    Inv = 0x27,
    /// Asks for what has these hashes.
    GetData = 0x28,
    /// Asks for blocks by height.
    GetBlockByIndex = 0x29,
    /// What was asked for is not there.
    NotFound = 0x2a,
    /// A transaction.
    Transaction = 0x2b,
    /// A block.
    Block = 0x2c,
    /// A message of a service, such as consensus.
    Extensible = 0x2e,
    /// Never sent by Neo N3; ignored.
    Reject = 0x2f,
    /// Sets a bloom filter.
    FilterLoad = 0x30,
    /// Adds to a bloom filter.
    FilterAdd = 0x31,
    /// Removes a bloom filter.
    FilterClear = 0x32,
    /// A header with the part of the hash tree that a filter matches.
    MerkleBlock = 0x38,
    /// Never sent by Neo N3; ignored.
    Alert = 0x40,
}

impl Command {
    /// Most bytes of this command's payload, before and after compression. Known before a byte of it is read.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Self::Version => MAX_VERSION,
            Self::Verack | Self::GetAddr | Self::Mempool | Self::FilterClear => 0,
            Self::Addr => 3 + 200 * MAX_ADDRESS_BYTES,
            Self::Ping | Self::Pong => 12,
            Self::GetHeaders | Self::GetBlockByIndex => 6,
            Self::GetBlocks => 34,
            Self::Inv | Self::GetData | Self::NotFound => 1 + 3 + 32 * MAX_HASHES,
            Self::Transaction => MAX_TRANSACTION_SIZE,
            Self::FilterLoad => 5 + MAX_FILTER + 5,
            Self::FilterAdd => 3 + 520,
            Self::Reject | Self::Alert => 1 << 16,
            Self::Headers | Self::Block | Self::Extensible | Self::MerkleBlock | Self::Other(_) => {
                MAX_PAYLOAD
            }
        }
    }

    /// Whether C# compresses this command; neo-go and C# read any command compressed.
    #[must_use]
    pub fn is_compressed(self) -> bool {
        matches!(
            self,
            Self::Block
                | Self::Extensible
                | Self::Transaction
                | Self::Headers
                | Self::Addr
                | Self::MerkleBlock
                | Self::FilterLoad
                | Self::FilterAdd
        )
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(code) => write!(f, "command {code:#04x}"),
            named => write!(f, "{named:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back() {
        for code in 0..=u8::MAX {
            assert_eq!(Command::from_code(code).code(), code);
        }
        assert_eq!(Command::from_code(0x2e), Command::Extensible);
        assert_eq!(Command::from_code(0x51), Command::Other(0x51));
    }

    #[test]
    fn no_command_exceeds_32_mib() {
        for &command in NAMED {
            assert!(command.limit() <= MAX_PAYLOAD, "{command}");
        }
    }
}
