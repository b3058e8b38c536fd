//! The two standard verification scripts and the invocation scripts that satisfy them.
//!
//! Single signature: `0c 21 key 41 56e7b327`. M of n: `m (0c 21 key)×n n 41 9ed0dc3a`, keys in ascending order.
//!
//! **16.** C# Neo writes the number 16 as the one-byte PUSH16 (`20`), neo-go as PUSHINT8 (`00 10`): the two give
//! one set of keys two accounts. [`multisig_script`] writes C#'s form, and both are read.

use thiserror::Error;

use super::{Opcode, ScriptBuilder, Syscall};
use crate::keys::{PublicKey, Signature};

/// Most keys of an m-of-n script.
pub const MAX_MULTISIG_KEYS: usize = 1024;

/// Bytes of a single-signature script.
const SIGNATURE_SCRIPT_LEN: usize = 40;
/// Bytes of one key push.
const KEY_PUSH_LEN: usize = 35;
/// Bytes of one signature push.
const SIGNATURE_PUSH_LEN: usize = 66;

/// Why there is no such m-of-n script.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScriptError {
    /// `m` signatures of `n` keys make no sense, or Neo does not allow so many.
    #[error("{m} signatures of {n} keys: 1 <= m <= n <= 1024 is needed")]
    Threshold {
        /// Signatures asked for.
        m: usize,
        /// Keys.
        n: usize,
    },
    /// A key is there twice.
    #[error("the key {0} is there twice")]
    DuplicateKey(PublicKey),
}

/// The script that asks for one signature of `key`.
pub fn signature_script(key: &PublicKey) -> Vec<u8> {
    let mut b = ScriptBuilder::new();
    b.bytes(key.as_bytes()).syscall(Syscall::CHECK_SIG);
    b.into_bytes()
}

/// The script that asks for signatures of `m` of the keys, which it sorts.
///
/// # Errors
/// [`ScriptError`] for a threshold out of range or a repeated key.
pub fn multisig_script(m: usize, keys: &[PublicKey]) -> Result<Vec<u8>, ScriptError> {
    let n = keys.len();
    if m < 1 || m > n || n > MAX_MULTISIG_KEYS {
        return Err(ScriptError::Threshold { m, n });
    }
    let mut sorted: Vec<&PublicKey> = keys.iter().collect();
    sorted.sort();
    for pair in sorted.windows(2) {
        if let [one, other] = pair
            && one == other
        {
            return Err(ScriptError::DuplicateKey((*one).clone()));
        }
    }
    let mut b = ScriptBuilder::new();
    b.integer(m as u64);
    for key in sorted {
        b.bytes(key.as_bytes());
    }
    b.integer(n as u64).syscall(Syscall::CHECK_MULTISIG);
    Ok(b.into_bytes())
}

/// The key of a single-signature script; none for any other script. The key is not checked to be on the curve.
pub fn parse_signature_script(script: &[u8]) -> Option<[u8; 33]> {
    let script: &[u8; SIGNATURE_SCRIPT_LEN] = script.try_into().ok()?;
    let (key, rest) = take_key(script)?;
    ends_with_syscall(rest, Syscall::CHECK_SIG).then_some(key)
}

/// The threshold and the keys of an m-of-n script, as they stand; none for any other script. The keys are not
/// checked to be on the curve, nor to be sorted or distinct: Neo's virtual machine does not ask for it.
pub fn parse_multisig_script(script: &[u8]) -> Option<(usize, Vec<[u8; 33]>)> {
    let (m, mut rest) = take_count(script)?;
    let mut keys = Vec::with_capacity(rest.len() / KEY_PUSH_LEN);
    while let Some((key, after)) = take_key(rest) {
        keys.push(key);
        rest = after;
    }
    let (n, rest) = take_count(rest)?;
    let valid = n == keys.len() && m <= n && ends_with_syscall(rest, Syscall::CHECK_MULTISIG);
    valid.then_some((m, keys))
}

/// The signatures of an invocation script that only pushes signatures (`0c 40 signature` each); none otherwise.
pub fn parse_signatures(invocation: &[u8]) -> Option<Vec<Signature>> {
    let pushes = invocation.chunks_exact(SIGNATURE_PUSH_LEN);
    if invocation.is_empty() || !pushes.remainder().is_empty() {
        return None;
    }
    pushes
        .map(|push| match push {
            [0x0c, 0x40, signature @ ..] => Signature::from_slice(signature).ok(),
            _ => None,
        })
        .collect()
}

/// The invocation script that pushes these signatures.
pub(crate) fn push_signatures(signatures: &[Signature]) -> Vec<u8> {
    let mut b = ScriptBuilder::new();
    for signature in signatures {
        b.bytes(&signature.0);
    }
    b.into_bytes()
}

fn take_key(script: &[u8]) -> Option<([u8; 33], &[u8])> {
    let (push, rest) = script.split_first_chunk::<KEY_PUSH_LEN>()?;
    match push {
        [0x0c, 0x21, key @ ..] => Some((*key, rest)),
        _ => None,
    }
}

/// A count from 1 to 1024 in any of the forms that Neo recognises: PUSH1…PUSH16, PUSHINT8, PUSHINT16.
fn take_count(script: &[u8]) -> Option<(usize, &[u8])> {
    let (code, rest) = script.split_first()?;
    let (count, rest) = match Opcode(*code) {
        Opcode::PUSHINT8 => rest
            .split_first()
            .map(|(n, rest)| (i16::from(*n as i8), rest))?,
        Opcode::PUSHINT16 => rest
            .split_first_chunk()
            .map(|(n, rest)| (i16::from_le_bytes(*n), rest))?,
        small => (i16::from(small.small_integer()?), rest),
    };
    let count = usize::try_from(count).ok()?;
    (1..=MAX_MULTISIG_KEYS)
        .contains(&count)
        .then_some((count, rest))
}

fn ends_with_syscall(rest: &[u8], syscall: Syscall) -> bool {
    matches!(rest, [code, id @ ..] if Opcode(*code) == Opcode::SYSCALL && *id == syscall.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash160;
    use crate::keys::PrivateKey;

    fn keys(count: usize) -> Vec<PublicKey> {
        let mut keys: Vec<_> = (0..count)
            .map(|_| PrivateKey::generate().public_key().clone())
            .collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_private_network_account() {
        let standby = [
            "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2",
            "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e",
            "03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699",
            "02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62",
        ];
        let standby: Vec<PublicKey> = standby.iter().map(|k| k.parse().unwrap()).collect();
        let script = multisig_script(3, &standby).unwrap();
        assert_eq!(
            hash160(&script).to_string(),
            "0x3f223f6da778e805d1b9b479906c0e8c1ee8b968"
        );
        let (m, read) = parse_multisig_script(&script).unwrap();
        let mut sorted = standby.clone();
        sorted.sort();
        assert_eq!(m, 3);
        assert!(read.iter().eq(sorted.iter().map(PublicKey::as_bytes)));
    }

    #[test]
    fn thresholds_of_every_width_come_back() {
        for (m, n) in [
            (1, 1),
            (3, 4),
            (15, 15),
            (16, 16),
            (11, 16),
            (16, 17),
            (15, 22),
            (171, 255),
        ] {
            let keys = keys(n);
            let script = multisig_script(m, &keys).unwrap();
            let (read_m, read) = parse_multisig_script(&script).unwrap();
            assert_eq!((read_m, read.len()), (m, n));
        }
    }

    #[test]
    fn sixteen_is_read_in_both_forms() {
        let keys = keys(16);
        let ours = multisig_script(16, &keys).unwrap();
        assert_eq!(ours.first(), Some(&0x20));
        let mut other = vec![0x00, 0x10];
        other.extend_from_slice(&ours[1..ours.len() - 6]);
        other.extend_from_slice(&[0x00, 0x10]);
        other.extend_from_slice(&ours[ours.len() - 5..]);
        assert_eq!(parse_multisig_script(&other), parse_multisig_script(&ours));
        assert!(parse_multisig_script(&other).is_some());
    }

    #[test]
    fn impossible_thresholds_are_refused() {
        let mut keys = keys(3);
        assert_eq!(
            multisig_script(0, &keys),
            Err(ScriptError::Threshold { m: 0, n: 3 })
        );
        assert_eq!(
            multisig_script(4, &keys),
            Err(ScriptError::Threshold { m: 4, n: 3 })
        );
        keys.push(keys[1].clone());
        assert_eq!(
            multisig_script(2, &keys),
            Err(ScriptError::DuplicateKey(keys[1].clone()))
        );
    }

    #[test]
    fn near_misses_are_not_standard() {
        let keys = keys(4);
        let good = multisig_script(3, &keys).unwrap();
        for change in 0..good.len() {
            let mut bad = good.clone();
            bad[change] ^= 0x40;
            let read = parse_multisig_script(&bad);
            let in_a_key =
                (1..=4 * KEY_PUSH_LEN).contains(&change) && (change - 1) % KEY_PUSH_LEN >= 2;
            assert_eq!(read.is_some(), in_a_key, "byte {change}");
        }
        for cut in 0..good.len() {
            assert_eq!(parse_multisig_script(&good[..cut]), None);
        }
        let single = signature_script(&keys[0]);
        assert_eq!(parse_signature_script(&single), Some(*keys[0].as_bytes()));
        assert_eq!(parse_signature_script(&good), None);
        assert_eq!(parse_multisig_script(&single), None);
        assert_eq!(parse_signature_script(&single[1..]), None);
    }

    #[test]
    fn invocations() {
        let signatures = [Signature([1; 64]), Signature([2; 64])];
        let script = push_signatures(&signatures);
        assert_eq!(parse_signatures(&script).as_deref(), Some(&signatures[..]));
        assert_eq!(parse_signatures(&[]), None);
        assert_eq!(parse_signatures(&script[..131]), None);
        let mut wrong = script;
        wrong[66] = 0x0d;
        assert_eq!(parse_signatures(&wrong), None);
    }
}
