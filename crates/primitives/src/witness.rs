//! Witnesses: the scripts that show an account's consent, and their verification.

use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, var_bytes_len, write_var_bytes};
use crate::hash::{UInt160, UInt256, hash160};
use crate::keys::{KeyError, PublicKey, Signature, VerifyingKey};
use crate::number::Magic;
use crate::script::{
    parse_multisig_script, parse_signature_script, parse_signatures, push_signatures,
    signature_script,
};

/// Most bytes of an invocation or verification script wherever a Neo N3 node must read it.
pub const DEFAULT_WITNESS_LIMIT: u32 = 1024;

/// A verification script, whose hash is the account, and the invocation script that satisfies it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Witness {
    /// Pushes the signatures.
    pub invocation: Vec<u8>,
    /// Checks them.
    pub verification: Vec<u8>,
}

impl Witness {
    /// Reads a witness whose scripts have at most `limit` bytes each.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_with_limit(r: &mut Reader<'_>, limit: u32) -> Result<Self, DecodeError> {
        Ok(Self {
            invocation: r
                .field("invocation script")
                .var_bytes(limit.into())?
                .to_vec(),
            verification: r
                .field("verification script")
                .var_bytes(limit.into())?
                .to_vec(),
        })
    }

    /// Hash of the verification script: the account that this witness can speak for.
    pub fn account(&self) -> UInt160 {
        hash160(&self.verification)
    }
}

impl Encode for Witness {
    fn encode(&self, out: &mut Vec<u8>) {
        write_var_bytes(out, &self.invocation);
        write_var_bytes(out, &self.verification);
    }

    fn encoded_len(&self) -> usize {
        var_bytes_len(&self.invocation) + var_bytes_len(&self.verification)
    }
}

impl Decode for Witness {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode_with_limit(r, DEFAULT_WITNESS_LIMIT)
    }
}

/// What signatures of headers, transactions and payloads sign: magic (little-endian), then the hash in wire order.
pub fn sign_data(magic: Magic, hash: &UInt256) -> [u8; 36] {
    let mut data = [0u8; 36];
    data[..4].copy_from_slice(&magic.0.to_le_bytes());
    data[4..].copy_from_slice(hash.as_wire());
    data
}

/// The witness of a single-signature account.
pub fn single_signature_witness(signature: Signature, key: &PublicKey) -> Witness {
    Witness {
        invocation: push_signatures(&[signature]),
        verification: signature_script(key),
    }
}

/// The witness of an m-of-n account: exactly m signatures, in the order of their keys in `script`.
pub fn multisig_witness(signatures: &[Signature], script: Vec<u8>) -> Witness {
    Witness {
        invocation: push_signatures(signatures),
        verification: script,
    }
}

/// Why a witness does not show the account's consent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WitnessError {
    /// The verification script belongs to another account.
    #[error("the witness is of account {found}, account {expected} must sign")]
    OtherAccount {
        /// Who must sign.
        expected: UInt160,
        /// Hash of the verification script.
        found: UInt160,
    },
    /// The verification script is neither a single-signature nor an m-of-n script.
    #[error("the verification script of {} bytes is of no standard form", .0)]
    NotStandard(usize),
    /// The invocation script does more than push signatures.
    #[error("the invocation script of {} bytes is not a run of signatures", .0)]
    NotSignatures(usize),
    /// Too few or too many signatures.
    #[error("{needed} signatures are needed, {found} are there")]
    SignatureCount {
        /// The threshold.
        needed: usize,
        /// Signatures in the invocation script.
        found: usize,
    },
    /// A key of the verification script is no point of the curve.
    #[error("key {position} of the verification script is invalid: {error}")]
    Key {
        /// Position of the key, from 0.
        position: usize,
        /// What is wrong with it.
        error: KeyError,
    },
    /// A signature fits none of the keys that are left for it.
    #[error("signature {position} is of none of the keys, or they are out of order")]
    Signature {
        /// Position of the signature, from 0.
        position: usize,
    },
}

/// Verifies a witness of standard form (single signature, or m of n) over a hash.
///
/// Like the virtual machine, it wants exactly m signatures in the order of their keys.
///
/// # Errors
/// [`WitnessError`].
pub fn verify_witness(
    account: &UInt160,
    witness: &Witness,
    magic: Magic,
    hash: &UInt256,
) -> Result<(), WitnessError> {
    verify_witness_with(account, witness, magic, hash, |key, message, signature| {
        Ok(VerifyingKey::from_compressed(key)?.verify(message, signature))
    })
}

/// As [`verify_witness`], with signatures checked by the caller, who may keep parsed keys: `check` says
/// whether a signature of a compressed key over a message holds.
///
/// # Errors
/// [`WitnessError`].
pub fn verify_witness_with(
    account: &UInt160,
    witness: &Witness,
    magic: Magic,
    hash: &UInt256,
    mut check: impl FnMut(&[u8; 33], &[u8], &Signature) -> Result<bool, KeyError>,
) -> Result<(), WitnessError> {
    let found = witness.account();
    if found != *account {
        return Err(WitnessError::OtherAccount {
            expected: *account,
            found,
        });
    }
    let (needed, keys) = match parse_signature_script(&witness.verification) {
        Some(key) => (1, vec![key]),
        None => parse_multisig_script(&witness.verification)
            .ok_or(WitnessError::NotStandard(witness.verification.len()))?,
    };
    let signatures = parse_signatures(&witness.invocation)
        .ok_or(WitnessError::NotSignatures(witness.invocation.len()))?;
    if signatures.len() != needed {
        return Err(WitnessError::SignatureCount {
            needed,
            found: signatures.len(),
        });
    }
    let message = sign_data(magic, hash);
    let mut keys = keys.iter().enumerate();
    for (index, signature) in signatures.iter().enumerate() {
        loop {
            let left = signatures.len() - index;
            let (position, key) = match keys.next() {
                Some(next) if keys.len() + 1 >= left => next,
                _ => return Err(WitnessError::Signature { position: index }),
            };
            let holds = check(key, &message, signature)
                .map_err(|error| WitnessError::Key { position, error })?;
            if holds {
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PrivateKey;
    use crate::script::multisig_script;

    const MAGIC: Magic = Magic(42);
    const HASH: UInt256 = UInt256::from_wire([9; 32]);

    fn keys(count: usize) -> Vec<PrivateKey> {
        let mut keys: Vec<_> = (0..count).map(|_| PrivateKey::generate()).collect();
        keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
        keys
    }

    fn signed(keys: &[PrivateKey], signers: &[usize], m: usize) -> (UInt160, Witness) {
        let public: Vec<_> = keys.iter().map(|k| k.public_key().clone()).collect();
        let script = multisig_script(m, &public).unwrap();
        let message = sign_data(MAGIC, &HASH);
        let signatures: Vec<_> = signers.iter().map(|i| keys[*i].sign(&message)).collect();
        (hash160(&script), multisig_witness(&signatures, script))
    }

    #[test]
    fn signed_bytes_are_magic_and_hash() {
        let data = sign_data(Magic(0x0102_0304), &HASH);
        assert_eq!(data[..4], [4, 3, 2, 1]);
        assert_eq!(data[4..], [9; 32]);
    }

    #[test]
    fn a_single_signature() {
        let key = PrivateKey::generate();
        let account = key.public_key().script_hash();
        let signature = key.sign(&sign_data(MAGIC, &HASH));
        let witness = single_signature_witness(signature, key.public_key());
        assert_eq!(witness.encoded_len(), 108);
        assert_eq!(verify_witness(&account, &witness, MAGIC, &HASH), Ok(()));
        assert_eq!(
            verify_witness(&account, &witness, Magic(43), &HASH),
            Err(WitnessError::Signature { position: 0 })
        );
        let other = UInt160::ZERO;
        assert_eq!(
            verify_witness(&other, &witness, MAGIC, &HASH),
            Err(WitnessError::OtherAccount {
                expected: other,
                found: account
            })
        );
    }

    #[test]
    fn every_choice_of_three_of_four_in_order() {
        let keys = keys(4);
        for left_out in 0..4 {
            let signers: Vec<_> = (0..4).filter(|i| *i != left_out).collect();
            let (account, witness) = signed(&keys, &signers, 3);
            assert_eq!(verify_witness(&account, &witness, MAGIC, &HASH), Ok(()));
        }
    }

    #[test]
    fn order_and_number_of_signatures_matter() {
        let keys = keys(4);
        for signers in [[1, 0, 2], [0, 0, 1], [2, 1, 3], [3, 3, 3]] {
            let (account, witness) = signed(&keys, &signers, 3);
            assert!(matches!(
                verify_witness(&account, &witness, MAGIC, &HASH),
                Err(WitnessError::Signature { .. })
            ));
        }
        for signers in [&[0, 1][..], &[0, 1, 2, 3]] {
            let (account, witness) = signed(&keys, signers, 3);
            assert_eq!(
                verify_witness(&account, &witness, MAGIC, &HASH),
                Err(WitnessError::SignatureCount {
                    needed: 3,
                    found: signers.len()
                })
            );
        }
    }

    #[test]
    fn scripts_of_other_forms_are_named() {
        let odd = Witness {
            invocation: vec![],
            verification: vec![0x11],
        };
        assert_eq!(
            verify_witness(&odd.account(), &odd, MAGIC, &HASH),
            Err(WitnessError::NotStandard(1))
        );
        let mut bad_key = vec![0x0c, 0x21];
        bad_key.extend_from_slice(&[0; 33]);
        bad_key.extend_from_slice(&[0x41, 0x56, 0xe7, 0xb3, 0x27]);
        let mut witness = Witness {
            invocation: vec![0x11],
            verification: bad_key,
        };
        assert_eq!(
            verify_witness(&witness.account(), &witness, MAGIC, &HASH),
            Err(WitnessError::NotSignatures(1))
        );
        witness.invocation = push_signatures(&[Signature([1; 64])]);
        assert!(matches!(
            verify_witness(&witness.account(), &witness, MAGIC, &HASH),
            Err(WitnessError::Key { position: 0, .. })
        ));
    }

    #[test]
    fn the_limit_holds_for_both_scripts() {
        let big = Witness {
            invocation: vec![1; 1025],
            verification: vec![2; 3],
        };
        assert!(matches!(
            Witness::from_bytes(&big.to_bytes()),
            Err(DecodeError::TooLarge { .. })
        ));
        let mut bytes = Reader::new(&[]);
        assert!(Witness::decode_with_limit(&mut bytes, 9).is_err());
        let bytes = big.to_bytes();
        let mut r = Reader::new(&bytes);
        assert_eq!(Witness::decode_with_limit(&mut r, 1025), Ok(big));
    }
}
