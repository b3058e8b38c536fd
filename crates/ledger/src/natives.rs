//! The native contracts, which receive transfers by running code.

use neo_primitives::UInt160;

/// Names and script hashes, as displayed, of Neo N3's native contracts up to hardfork Faun
/// (`getnativecontracts` of neo-go 0.120).
const NATIVES: [(&str, u128, u32); 11] = [
    (
        "ContractManagement",
        0xfffdc93764dbaddd97c48f252a53ea46,
        0x43faa3fd,
    ),
    ("StdLib", 0xacce6fd80d44e1796aa0c2c625e9e4e0, 0xce39efc0),
    ("CryptoLib", 0x726cb6e0cd8628a1350a611384688911, 0xab75f51b),
    (
        "LedgerContract",
        0xda65b600f7124ce6c79950c1772a3640,
        0x3104f2be,
    ),
    ("NeoToken", 0xef4073a0f2b305a38ec4050e4d3d28bc, 0x40ea63f5),
    ("GasToken", 0xd2a4cff31913016155e38e474a2c06d0, 0x8be276cf),
    (
        "PolicyContract",
        0xcc5e4edd9f5f8dba8bb65734541df7a1,
        0xc081c67b,
    ),
    (
        "RoleManagement",
        0x49cf4e5378ffcd4dec034fd98a174c54,
        0x91e395e2,
    ),
    (
        "OracleContract",
        0xfe924b7cfe89ddd271abaf7210a80a7e,
        0x11178758,
    ),
    ("Notary", 0xc1e14f19c3e60d0b9244d06dd7ba9b11, 0x3135ec3b),
    ("Treasury", 0x156326f25b1b5d839a4d326aeaa75383, 0xc9563ac1),
];

/// The native contract at an account, if there is one.
pub(crate) fn native_at(account: &UInt160) -> Option<&'static str> {
    let mut displayed = *account.as_wire();
    displayed.reverse();
    NATIVES
        .iter()
        .find(|(_, head, tail)| {
            let (start, end) = displayed.split_at(16);
            start == head.to_be_bytes() && end == tail.to_be_bytes()
        })
        .map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use neo_primitives::Token;

    use super::*;

    #[test]
    fn the_tokens_are_among_the_natives() {
        for token in Token::ALL {
            assert_eq!(native_at(&token.hash()), Some(token.contract_name()));
        }
        assert_eq!(native_at(&UInt160::ZERO), None);
    }
}
