//! Private keys from a file, standard input or a prompt; never from the command line.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use anyhow::Context as _;
use neo_primitives::PrivateKey;
use zeroize::Zeroizing;

use crate::exit::{Exit, OrExit as _};

/// Longest text that is read for a key; WIF has 52 characters, hexadecimal digits are 64.
const MAX_TEXT: usize = 256;

/// Reads a key from `file`, or from standard input if it is none or `-`. At a terminal it is asked for, unseen.
///
/// # Errors
/// With [`Exit::Usage`] if there is no key; the text itself is never shown.
pub(crate) fn read_key(file: Option<&Path>) -> anyhow::Result<PrivateKey> {
    let file = file.filter(|path| *path != Path::new("-"));
    let text = match file {
        Some(path) => {
            let place = || format!("key file {}", path.display());
            let file = File::open(path).or_exit(Exit::Usage).with_context(place)?;
            limited(file).with_context(place)?
        }
        None if io::stdin().is_terminal() => Zeroizing::new(
            rpassword::prompt_password("Private key (WIF or 64 hexadecimal digits): ")
                .or_exit(Exit::Usage)?,
        ),
        None => limited(io::stdin().lock()).context("key from standard input")?,
    };
    parse_key(text.trim()).or_exit(Exit::Usage)
}

fn limited(from: impl Read) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_TEXT + 1));
    let limit = MAX_TEXT as u64 + 1;
    from.take(limit)
        .read_to_string(&mut text)
        .or_exit(Exit::Usage)?;
    if text.len() > MAX_TEXT {
        return Err(Exit::Usage.error(format!("more than {MAX_TEXT} bytes, no key is that long")));
    }
    Ok(text)
}

/// A key from WIF or from hexadecimal digits.
fn parse_key(text: &str) -> Result<PrivateKey, String> {
    if text.is_empty() {
        return Err("there is no key: WIF or 64 hexadecimal digits are expected".to_owned());
    }
    if text.len() == 64 {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, bytes.as_mut_slice()).map_err(|_| {
            "the key has 64 characters, but not all are hexadecimal digits".to_owned()
        })?;
        return PrivateKey::from_bytes(&bytes).map_err(|error| error.to_string());
    }
    PrivateKey::from_wif(text).map_err(|error| {
        format!(
            "the key of {} characters is neither WIF nor 64 hexadecimal digits: {error}",
            text.len()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wif_and_digits_give_the_same_key() {
        let key = PrivateKey::generate();
        let wif = key.to_wif();
        let digits = hex::encode(*key.to_bytes());
        assert_eq!(parse_key(&wif).unwrap(), key);
        assert_eq!(parse_key(&digits).unwrap(), key);
        assert_eq!(parse_key(&digits.to_uppercase()).unwrap(), key);
    }

    #[test]
    fn errors_do_not_show_the_key() {
        let wif = PrivateKey::generate().to_wif();
        let damaged = format!("{}1", &wif[..51]);
        for text in [
            damaged.as_str(),
            "",
            "abc",
            &"0".repeat(64),
            &"g".repeat(64),
        ] {
            let error = parse_key(text).unwrap_err();
            assert!(text.len() < 10 || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn a_file_may_end_with_a_line_end_and_has_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = PrivateKey::generate();
        std::fs::write(&path, format!("{}\n", *key.to_wif())).unwrap();
        assert_eq!(read_key(Some(&path)).unwrap(), key);
        std::fs::write(&path, "x".repeat(1_000)).unwrap();
        let error = read_key(Some(&path)).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Usage);
        assert!(format!("{error:#}").contains("256"), "{error:#}");
    }
}
