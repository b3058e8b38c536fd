//! Private keys.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use p256::ecdsa::signature::Signer as _;
use zeroize::Zeroizing;

use super::{KeyError, PublicKey, Signature};

/// First byte of a WIF.
const WIF_VERSION: u8 = 0x80;
/// Last byte of a WIF: the public key is used compressed.
const WIF_COMPRESSED: u8 = 0x01;
/// Longest text taken for a WIF; a real one has 52 characters.
const WIF_TEXT_LIMIT: usize = 64;

/// A private key, parsed for signing. Clones share it; its bytes are wiped with the last clone.
#[derive(Clone)]
pub struct PrivateKey(Arc<Parsed>);

struct Parsed {
    secret: Zeroizing<[u8; 32]>,
    public: PublicKey,
    pair: EcdsaKeyPair,
}

impl PrivateKey {
    /// A new key from the operating system's random source.
    ///
    /// # Panics
    /// If the operating system has no randomness to give; no key could be made then.
    pub fn generate() -> Self {
        let random = SystemRandom::new();
        let mut secret = Zeroizing::new([0u8; 32]);
        loop {
            random
                .fill(secret.as_mut())
                .expect("the operating system gives randomness");
            // One draw in 2^32 is not below the order of the curve.
            if let Ok(key) = Self::from_bytes(&secret) {
                return key;
            }
        }
    }

    /// Takes a key of 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`KeyError::PrivateKeyRange`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let scalar = p256::SecretKey::from_slice(bytes).map_err(|_| KeyError::PrivateKeyRange)?;
        let public =
            PublicKey::from_point(&scalar.public_key()).ok_or(KeyError::PrivateKeyRange)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            bytes,
            public.as_bytes(),
        )
        .map_err(|_| KeyError::PrivateKeyRange)?;
        Ok(Self(Arc::new(Parsed {
            secret: Zeroizing::new(*bytes),
            public,
            pair,
        })))
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public
    }

    /// Signs the SHA-256 of `message` with fresh randomness.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    pub fn sign(&self, message: &[u8]) -> Signature {
        let signed = self.0.pair.sign(&SystemRandom::new(), message);
        let signed = signed.expect("a parsed key signs any message");
        Signature::from_slice(signed.as_ref()).expect("a P-256 signature has 64 bytes")
    }

    /// Signs the SHA-256 of `message` by RFC 6979: the same message gives the same signature. For tests and
    /// simulations; several times slower than [`PrivateKey::sign`].
    ///
    /// # Panics
    /// Never for a valid key, which every `PrivateKey` is.
    pub fn sign_deterministic(&self, message: &[u8]) -> Signature {
        let key = p256::ecdsa::SigningKey::from_slice(self.0.secret.as_ref())
            .expect("the key was valid when it was made");
        let signed: p256::ecdsa::Signature = key.sign(message);
        Signature(signed.to_bytes().into())
    }

    /// The key's 32 bytes, wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.secret.clone()
    }

    /// The key as WIF text, wiped when dropped: Base58Check of `80 ‖ key ‖ 01`.
    pub fn to_wif(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(34));
        bytes.push(WIF_VERSION);
        bytes.extend_from_slice(self.0.secret.as_ref());
        bytes.push(WIF_COMPRESSED);
        Zeroizing::new(bs58::encode(bytes.as_slice()).with_check().into_string())
    }

    /// Reads WIF text.
    ///
    /// # Errors
    /// [`KeyError::Wif`] for wrong text, length, checksum or marks; [`KeyError::PrivateKeyRange`].
    pub fn from_wif(text: &str) -> Result<Self, KeyError> {
        if text.len() > WIF_TEXT_LIMIT {
            return Err(KeyError::Wif);
        }
        let bytes = bs58::decode(text).with_check(Some(WIF_VERSION)).into_vec();
        let bytes = Zeroizing::new(bytes.map_err(|_| KeyError::Wif)?);
        match bytes.as_slice() {
            [WIF_VERSION, secret @ .., WIF_COMPRESSED] => {
                let secret = secret
                    .try_into()
                    .map(Zeroizing::new)
                    .map_err(|_| KeyError::Wif)?;
                Self::from_bytes(&secret)
            }
            _ => Err(KeyError::Wif),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.0.public)
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.public == other.0.public
    }
}

impl Eq for PrivateKey {}

#[cfg(test)]
mod tests {
    use super::*;

    fn privnet() -> PrivateKey {
        let mut secret = [0u8; 32];
        hex::decode_to_slice(
            "66b8bcf4202da680101bbb53aecb077afcdd4cf98af5d716ddf4a629c0a7d30a",
            &mut secret,
        )
        .unwrap();
        PrivateKey::from_bytes(&secret).unwrap()
    }

    #[test]
    fn signs_and_verifies() {
        let key = PrivateKey::generate();
        let verifier = key.public_key().verifier();
        for signature in [key.sign(b"block"), key.sign_deterministic(b"block")] {
            assert!(verifier.verify(b"block", &signature));
            assert!(!verifier.verify(b"other", &signature));
            assert!(
                !privnet()
                    .public_key()
                    .verifier()
                    .verify(b"block", &signature)
            );
            let mut broken = signature;
            broken.0[63] ^= 1;
            assert!(!verifier.verify(b"block", &broken));
        }
        assert!(!verifier.verify(b"block", &Signature([0; 64])));
        assert!(!verifier.verify(b"block", &Signature([0xff; 64])));
    }

    #[test]
    fn a_high_s_is_accepted_as_neo_does() {
        let key = privnet();
        let low = key.sign_deterministic(b"block");
        let parsed = p256::ecdsa::Signature::from_slice(&low.0).unwrap();
        let flipped = p256::ecdsa::Signature::from_scalars(*parsed.r(), -*parsed.s()).unwrap();
        let high = Signature(flipped.to_bytes().into());
        assert_ne!(low, high);
        assert!(key.public_key().verifier().verify(b"block", &high));
    }

    #[test]
    fn deterministic_signatures_repeat() {
        let key = privnet();
        assert_eq!(key.sign_deterministic(b"a"), key.sign_deterministic(b"a"));
        assert_ne!(key.sign_deterministic(b"a"), key.sign_deterministic(b"b"));
    }

    #[test]
    fn public_key_of_a_known_key() {
        assert_eq!(
            privnet().public_key().to_string(),
            "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e"
        );
    }

    #[test]
    fn wif_comes_back_and_wrong_wif_does_not() {
        let key = privnet();
        let wif = key.to_wif();
        assert_eq!(PrivateKey::from_wif(&wif).unwrap(), key);
        assert_eq!(
            *PrivateKey::from_wif(&wif).unwrap().to_bytes(),
            *key.to_bytes()
        );
        let mut typo = wif.to_string();
        let last = if typo.pop() == Some('1') { '2' } else { '1' };
        typo.push(last);
        assert_eq!(PrivateKey::from_wif(&typo), Err(KeyError::Wif));
        assert_eq!(PrivateKey::from_wif(""), Err(KeyError::Wif));
        assert_eq!(
            PrivateKey::from_wif(&"1".repeat(10_000)),
            Err(KeyError::Wif)
        );
    }

    #[test]
    fn keys_out_of_range_are_refused() {
        assert_eq!(
            PrivateKey::from_bytes(&[0; 32]),
            Err(KeyError::PrivateKeyRange)
        );
        assert_eq!(
            PrivateKey::from_bytes(&[0xff; 32]),
            Err(KeyError::PrivateKeyRange)
        );
    }

    #[test]
    fn debug_hides_the_key() {
        let key = privnet();
        let shown = format!("{key:?}");
        assert!(!shown.contains("66b8bcf4"));
        assert!(shown.contains("02103a7f"));
    }
}
