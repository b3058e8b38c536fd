//! Public keys: points in Neo's order, and the parsed form that verifies.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use p256::elliptic_curve::sec1::ToSec1Point;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{KeyError, Signature};
use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::hash::{UInt160, hash160};
use crate::script::signature_script;

/// A point of the curve, compressed to 33 bytes.
///
/// Keys compare by X, then Y, as unsigned numbers (Neo's order of validators), not by the `02`/`03` prefix.
#[derive(Clone)]
pub struct PublicKey {
    compressed: [u8; 33],
    /// Whether Y is the greater of the two values that X allows, which are Y and p − Y.
    upper: bool,
}

/// `(p − 1) / 2` of the field of P-256: every Y above it is the greater of its pair.
const HALF_FIELD: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
];

impl PublicKey {
    /// Reads a compressed (33 bytes) or uncompressed (65 bytes) point.
    ///
    /// # Errors
    /// [`KeyError::PublicKeyLength`], [`KeyError::NotOnCurve`]; the point at infinity is no key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != 33 && bytes.len() != 65 {
            return Err(KeyError::PublicKeyLength(bytes.len()));
        }
        // SEC 1 knows more forms; Neo knows compressed (02, 03) and uncompressed (04) points.
        let known = match bytes.first() {
            Some(2 | 3) => bytes.len() == 33,
            Some(4) => bytes.len() == 65,
            _ => false,
        };
        p256::PublicKey::from_sec1_bytes(bytes)
            .ok()
            .filter(|_| known)
            .and_then(|point| Self::from_point(&point))
            .ok_or_else(|| KeyError::NotOnCurve(hex::encode(bytes)))
    }

    pub(super) fn from_point(point: &p256::PublicKey) -> Option<Self> {
        let whole = point.to_sec1_point(false);
        let (x, y) = (whole.x()?, whole.y()?);
        let mut compressed = [2 | (y.last()? & 1); 33];
        let (_, rest) = compressed.split_first_mut()?;
        rest.copy_from_slice(x);
        Some(Self {
            compressed,
            upper: y.as_slice() > HALF_FIELD.as_slice(),
        })
    }

    /// The compressed point.
    pub fn as_bytes(&self) -> &[u8; 33] {
        &self.compressed
    }

    /// Account of this key alone: the hash of its single-signature script.
    pub fn script_hash(&self) -> UInt160 {
        hash160(&signature_script(self))
    }

    /// The parsed form that verifies signatures. Keep it: parsing costs a fifth of a verification.
    ///
    /// # Panics
    /// Never for a point of the curve, which every `PublicKey` is.
    pub fn verifier(&self) -> VerifyingKey {
        VerifyingKey::from_compressed(&self.compressed).expect("a point of the curve parses")
    }

    fn x(&self) -> &[u8] {
        self.compressed.get(1..).unwrap_or_default()
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.x().cmp(other.x()).then(self.upper.cmp(&other.upper))
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.compressed == other.compressed
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.compressed.hash(state);
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.compressed))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() > 130 {
            return Err(KeyError::PublicKeyLength(text.len() / 2));
        }
        Self::from_bytes(&hex::decode(text).map_err(|_| KeyError::NotHex)?)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Encode for PublicKey {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.compressed);
    }

    fn encoded_len(&self) -> usize {
        33
    }
}

impl Decode for PublicKey {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes: [u8; 33] = r.array()?;
        Self::from_bytes(&bytes).map_err(|error| r.invalid(error.to_string()))
    }
}

/// A key parsed for verification; clones share it.
#[derive(Clone)]
pub struct VerifyingKey(Arc<ParsedPublicKey>);

impl VerifyingKey {
    /// Parses a compressed point.
    ///
    /// # Errors
    /// [`KeyError::NotOnCurve`].
    pub fn from_compressed(bytes: &[u8; 33]) -> Result<Self, KeyError> {
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes)
            .map(|parsed| Self(Arc::new(parsed)))
            .map_err(|_| KeyError::NotOnCurve(hex::encode(bytes)))
    }

    /// Whether `signature` is this key's ECDSA signature over the SHA-256 of `message`.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify_sig(message, &signature.0).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", hex::encode((*self.0).as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The four keys of the neo-go private network, in Neo's order.
    const SORTED: [&str; 4] = [
        "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e",
        "02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62",
        "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2",
        "03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699",
    ];

    #[test]
    fn forms_that_neo_does_not_know_are_refused() {
        let key: PublicKey = SORTED[0].parse().unwrap();
        let mut compact = *key.as_bytes();
        compact[0] = 5;
        assert!(PublicKey::from_bytes(&compact).is_err());
        assert!(PublicKey::from_bytes(key.as_bytes()).is_ok());
    }

    #[test]
    fn order_ignores_the_prefix() {
        let mut keys: Vec<PublicKey> = SORTED.iter().rev().map(|k| k.parse().unwrap()).collect();
        keys.sort();
        assert_eq!(
            keys.iter().map(PublicKey::to_string).collect::<Vec<_>>(),
            SORTED
        );
    }

    /// The whole point of a compressed key, by p256 alone.
    fn whole(key: &PublicKey) -> Vec<u8> {
        let point = p256::PublicKey::from_sec1_bytes(key.as_bytes()).unwrap();
        point.to_sec1_point(false).as_bytes().to_vec()
    }

    #[test]
    fn y_decides_between_keys_of_one_x() {
        for text in SORTED {
            let one: PublicKey = text.parse().unwrap();
            let mut bytes = *one.as_bytes();
            bytes[0] ^= 1;
            let other = PublicKey::from_bytes(&bytes).unwrap();
            assert_ne!(one, other);
            assert_eq!(one.cmp(&other), whole(&one)[33..].cmp(&whole(&other)[33..]));
            assert_eq!(other.cmp(&one), one.cmp(&other).reverse());
        }
    }

    #[test]
    fn uncompressed_keys_are_compressed() {
        for text in SORTED {
            let key: PublicKey = text.parse().unwrap();
            assert_eq!(PublicKey::from_bytes(&whole(&key)), Ok(key));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(
            PublicKey::from_bytes(&[0]),
            Err(KeyError::PublicKeyLength(1))
        );
        assert!(matches!(
            PublicKey::from_bytes(&[0; 33]),
            Err(KeyError::NotOnCurve(_))
        ));
        assert!(matches!(
            PublicKey::from_bytes(&[2; 65]),
            Err(KeyError::NotOnCurve(_))
        ));
        let mut beyond = [0xff; 33];
        beyond[0] = 2;
        assert!(matches!(
            PublicKey::from_bytes(&beyond),
            Err(KeyError::NotOnCurve(_))
        ));
        assert!(VerifyingKey::from_compressed(&beyond).is_err());
        assert!(VerifyingKey::from_compressed(&[0; 33]).is_err());
        assert_eq!("0x12".parse::<PublicKey>(), Err(KeyError::NotHex));
    }

    #[test]
    fn account_of_a_key() {
        let key: PublicKey = SORTED[0].parse().unwrap();
        assert_eq!(
            key.script_hash().to_string(),
            "0x9b561e7cf5380e24fae804be41002517b45b2611"
        );
    }
}
