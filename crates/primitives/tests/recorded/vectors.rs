//! Finding and reading the recorded vectors.

use std::fs;
use std::path::{Path, PathBuf};

use neo_primitives::{Decode, Encode, Magic, PublicKey};
use serde_json::Value;

/// Magic of the private network that the vectors of neo-go come from.
pub(crate) const PRIVATE_NETWORK: Magic = Magic(56753);

/// Magic of Neo N3's main network.
pub(crate) const MAIN_NETWORK: Magic = Magic(860_833_102);

/// The captures of neo-go 0.120.0.
pub(crate) const CAPTURES: [&str; 3] = ["faults", "quorum-loss", "view-change"];

/// Path of a vector.
pub(crate) fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name)
}

/// Text of a vector.
pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Bytes of a vector in hexadecimal.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    hex::decode(text(path).trim()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A vector in JSON.
pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A text field of a vector in JSON.
pub(crate) fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no text field {name}"))
}

/// The hexadecimal files of a capture whose names begin so, in order.
pub(crate) fn captured(capture: &str, prefix: &str) -> Vec<PathBuf> {
    let folder = vector("neo-go-0.120").join(capture);
    let entries = fs::read_dir(&folder).expect("the capture is there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "hex"))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .collect();
    files.sort();
    files
}

/// The four validators of the private network, by index.
pub(crate) fn validators() -> Vec<PublicKey> {
    let index = json(&vector("neo-go-0.120/faults/index.json"));
    let listed = index["validators_by_index"]
        .as_array()
        .expect("validators are listed");
    listed
        .iter()
        .map(|v| field(v, "public_key").parse().expect("a key"))
        .collect()
}

/// Decodes the whole input and checks that it encodes to the same bytes.
pub(crate) fn there_and_back<T: Decode + Encode>(name: &str, bytes: &[u8]) -> T {
    let value = T::from_bytes(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(hex::encode(value.to_bytes()), hex::encode(bytes), "{name}");
    assert_eq!(value.encoded_len(), bytes.len(), "{name}");
    value
}
