//! NEP-2: one private key under a password.
//!
//! Text: Base58Check of `0142e0 ‖ address hash 4 ‖ AES-256-ECB(key XOR d[0..32], d[32..64])`, where d are 64 bytes
//! that scrypt makes from the password and the address hash. The address hash is the first four bytes of the double
//! SHA-256 of the address text; comparing it after decryption shows whether the password was right.

use aes::Aes256;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use thiserror::Error;
use zeroize::Zeroizing;

use super::kdf::{ScryptParams, ScryptRefused};
use crate::hash::double_sha256;
use crate::keys::{PrivateKey, PublicKey};

const PREFIX: [u8; 3] = [0x01, 0x42, 0xe0];

/// Characters of every NEP-2 text.
const TEXT_LEN: usize = 58;

/// Why a NEP-2 text gives no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Nep2Error {
    /// Not NEP-2.
    #[error("the text is no NEP-2 key: {0}")]
    Text(&'static str),
    /// The password is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// The scrypt parameters are not used.
    #[error(transparent)]
    Scrypt(#[from] ScryptRefused),
}

/// Encrypts a key.
///
/// # Errors
/// [`ScryptRefused`] for parameters out of bounds.
pub fn encrypt(
    key: &PrivateKey,
    password: &str,
    scrypt: ScryptParams,
) -> Result<String, ScryptRefused> {
    let salt = address_hash(key.public_key());
    let derived = scrypt.derive(password, &salt)?;
    let mut secret = key.to_bytes();
    mask(&mut secret, &derived);
    let cipher = cipher(&derived);
    for block in secret.chunks_exact_mut(16) {
        if let Ok(block) = <&mut Array<u8, _>>::try_from(block) {
            cipher.encrypt_block(block);
        }
    }
    let mut bytes = Vec::with_capacity(39);
    bytes.extend_from_slice(&PREFIX);
    bytes.extend_from_slice(&salt);
    bytes.extend_from_slice(secret.as_slice());
    Ok(bs58::encode(bytes).with_check().into_string())
}

/// Decrypts a key.
///
/// # Errors
/// [`Nep2Error`]; a wrong password is [`Nep2Error::WrongPassword`].
pub fn decrypt(text: &str, password: &str, scrypt: ScryptParams) -> Result<PrivateKey, Nep2Error> {
    let (salt, encrypted) = parse(text)?;
    let derived = scrypt.derive(password, &salt)?;
    let mut secret = Zeroizing::new(encrypted);
    let cipher = cipher(&derived);
    for block in secret.chunks_exact_mut(16) {
        if let Ok(block) = <&mut Array<u8, _>>::try_from(block) {
            cipher.decrypt_block(block);
        }
    }
    mask(&mut secret, &derived);
    let key = PrivateKey::from_bytes(&secret).map_err(|_| Nep2Error::WrongPassword)?;
    match address_hash(key.public_key()) == salt {
        true => Ok(key),
        false => Err(Nep2Error::WrongPassword),
    }
}

/// Splits a NEP-2 text into address hash and encrypted key.
fn parse(text: &str) -> Result<([u8; 4], [u8; 32]), Nep2Error> {
    if text.len() != TEXT_LEN {
        return Err(Nep2Error::Text("it has not 58 characters"));
    }
    let bytes = bs58::decode(text)
        .with_check(None)
        .into_vec()
        .map_err(|_| Nep2Error::Text("it is not Base58, or its checksum is wrong"))?;
    let rest = bytes
        .strip_prefix(&PREFIX)
        .ok_or(Nep2Error::Text("it does not begin with 0142e0"))?;
    rest.split_first_chunk::<4>()
        .and_then(|(salt, key)| Some((*salt, <[u8; 32]>::try_from(key).ok()?)))
        .ok_or(Nep2Error::Text("it has not 39 bytes"))
}

fn address_hash(key: &PublicKey) -> [u8; 4] {
    let [a, b, c, d, ..] = double_sha256(key.script_hash().to_address().as_bytes());
    [a, b, c, d]
}

fn mask(secret: &mut [u8; 32], derived: &[u8; 64]) {
    for (byte, mask) in secret.iter_mut().zip(derived) {
        *byte ^= mask;
    }
}

fn cipher(derived: &[u8; 64]) -> Aes256 {
    let (_, key) = derived.split_last_chunk::<32>().unwrap_or((&[], &[0; 32]));
    Aes256::new(&Array::from(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters that a test can afford.
    const CHEAP: ScryptParams = ScryptParams { n: 2, r: 1, p: 1 };

    fn key(hex_text: &str) -> PrivateKey {
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(hex_text, &mut bytes).unwrap();
        PrivateKey::from_bytes(&bytes).unwrap()
    }

    #[test]
    fn keys_that_neo_go_encrypted() {
        for (secret, password, text) in [
            (
                "7d128a6d096f0c14c3a25a2b0c41cf79661bfcb4a8cc95aaaea28bde4d732344",
                "city of zion",
                "6PYUUUFei9PBBfVkSn8q7hFCnewWFRBKPxcn6Kz6Bmk3FqWyLyuTQE2XFH",
            ),
            (
                "9ab7e154840daca3a2efadaf0df93cd3a5b51768c632f5433f86909d9b994a69",
                "我的密码",
                "6PYUmBuLbdXdnybyNeafUJUrVhoBRZpjHACdY9K2VCNzD5tuX5tXgr9fur",
            ),
        ] {
            let key = key(secret);
            assert_eq!(
                encrypt(&key, password, ScryptParams::default()).as_deref(),
                Ok(text)
            );
            assert_eq!(decrypt(text, password, ScryptParams::default()), Ok(key));
            assert_eq!(
                decrypt(text, "something else", ScryptParams::default()),
                Err(Nep2Error::WrongPassword)
            );
        }
    }

    #[test]
    fn passwords_are_normalised() {
        let key = PrivateKey::generate();
        let text = encrypt(&key, "caf\u{e9}", CHEAP).unwrap();
        assert_eq!(decrypt(&text, "cafe\u{301}", CHEAP), Ok(key.clone()));
        assert_eq!(decrypt(&text, "cafe", CHEAP), Err(Nep2Error::WrongPassword));
        let other = ScryptParams { n: 4, ..CHEAP };
        assert_eq!(
            decrypt(&text, "caf\u{e9}", other),
            Err(Nep2Error::WrongPassword)
        );
    }

    #[test]
    fn what_is_not_nep2() {
        let good = encrypt(&PrivateKey::generate(), "", CHEAP).unwrap();
        assert_eq!(good.len(), TEXT_LEN);
        assert!(good.starts_with("6P"));
        for text in [
            "",
            "6PY",
            &good[1..],
            &good.replace('P', "0"),
            &"1".repeat(58),
            &"é".repeat(29),
        ] {
            assert!(
                matches!(decrypt(text, "", CHEAP), Err(Nep2Error::Text(_))),
                "{text}"
            );
        }
        let huge = ScryptParams {
            n: 1 << 50,
            r: 8,
            p: 8,
        };
        assert!(matches!(
            decrypt(&good, "", huge),
            Err(Nep2Error::Scrypt(_))
        ));
        assert!(encrypt(&PrivateKey::generate(), "", huge).is_err());
    }
}
