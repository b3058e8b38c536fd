//! Addresses: Base58Check of `35 ‖ script hash`.

use thiserror::Error;

use crate::hash::UInt160;

/// First byte of a Neo N3 address, which makes its text begin with `N`.
pub const ADDRESS_VERSION: u8 = 0x35;

/// Characters of every address.
const ADDRESS_TEXT: usize = 34;

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Wrong length.
    #[error("an address has 34 characters, not {0}")]
    Length(usize),
    /// Not Base58, or the checksum is wrong.
    #[error("`{0}` is no address: {1}")]
    Base58(String, bs58::decode::Error),
    /// Another version byte.
    #[error("`{address}` has address version {found:#04x}, Neo N3 has 0x35")]
    Version {
        /// The text.
        address: String,
        /// Its version.
        found: u8,
    },
}

impl UInt160 {
    /// The account's address.
    pub fn to_address(&self) -> String {
        let mut bytes = [ADDRESS_VERSION; 21];
        bytes[1..].copy_from_slice(self.as_wire());
        bs58::encode(bytes).with_check().into_string()
    }

    /// Reads an address.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn from_address(address: &str) -> Result<Self, AddressError> {
        if address.len() != ADDRESS_TEXT {
            return Err(AddressError::Length(address.chars().count()));
        }
        let bytes = bs58::decode(address)
            .with_check(None)
            .into_vec()
            .map_err(|error| AddressError::Base58(address.to_owned(), error))?;
        match bytes.as_slice() {
            [ADDRESS_VERSION, hash @ ..] => hash
                .try_into()
                .map(Self::from_wire)
                .map_err(|_| AddressError::Length(address.len())),
            [found, ..] => Err(AddressError::Version {
                address: address.to_owned(),
                found: *found,
            }),
            [] => Err(AddressError::Length(address.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_known_address() {
        let hash: UInt160 = "0x3f223f6da778e805d1b9b479906c0e8c1ee8b968"
            .parse()
            .unwrap();
        assert_eq!(hash.to_address(), "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq");
        assert_eq!(
            UInt160::from_address("NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq"),
            Ok(hash)
        );
    }

    #[test]
    fn what_is_no_address() {
        assert_eq!(UInt160::from_address(""), Err(AddressError::Length(0)));
        assert!(matches!(
            UInt160::from_address("NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVr"),
            Err(AddressError::Base58(..))
        ));
        assert!(matches!(
            UInt160::from_address("NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgV0"),
            Err(AddressError::Base58(..))
        ));
        // Neo Legacy's version is 0x17, its addresses begin with A.
        let mut legacy = [0x17; 21];
        legacy[1..].copy_from_slice(&[1; 20]);
        let legacy = bs58::encode(legacy).with_check().into_string();
        assert!(matches!(
            UInt160::from_address(&legacy),
            Err(AddressError::Version { found: 0x17, .. })
        ));
    }

    proptest! {
        #[test]
        fn addresses_come_back(bytes: [u8; 20]) {
            let hash = UInt160::from_wire(bytes);
            let address = hash.to_address();
            prop_assert!(address.starts_with('N'));
            prop_assert_eq!(UInt160::from_address(&address), Ok(hash));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = UInt160::from_address(&text);
        }
    }
}
