//! The manifest: what a checkpoint is of, and the hashes of its files.

use std::path::Path;

use neo_primitives::{Height, Magic, UInt256, sha256};
use serde::{Deserialize, Serialize};

use super::{FILES, VERSION, error::CheckpointError};
use crate::embedded::Identity;

/// Name, size and hash of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name in the checkpoint's folder.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// What a checkpoint is of, and the hashes of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format.
    pub version: u32,
    /// Magic of the network.
    pub magic: Magic,
    /// Hash of its genesis block.
    pub genesis: UInt256,
    /// GAS of the genesis block, in datoshi.
    pub initial_gas: i64,
    /// SHA-256 over the committee's keys in rank order, in hexadecimal digits.
    pub committee: String,
    /// Height of the tip.
    pub height: Height,
    /// Hash of the tip.
    pub tip: UInt256,
    /// State hash after the tip.
    pub state_hash: UInt256,
    /// Timestamp of the tip, milliseconds since 1970.
    pub timestamp: u64,
    /// All other files of the checkpoint, in a fixed order.
    pub files: Vec<FileEntry>,
    /// SHA-256 over this document with an empty seal, in hexadecimal digits.
    pub seal: String,
}

impl Manifest {
    /// Size of all files but the manifest, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// The document of this manifest; there is one way to write it.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Plain data with text keys: there is nothing that cannot be written.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The manifest with its seal.
    pub(super) fn sealed(mut self) -> Self {
        self.seal = self.right_seal();
        self
    }

    fn right_seal(&self) -> String {
        let open = Self {
            seal: String::new(),
            ..self.clone()
        };
        hex(&sha256(&open.to_bytes()))
    }

    /// Reads the document at `path`: every byte of it must be as [`Manifest::to_bytes`] writes it.
    pub(super) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let refused = |problem: String| CheckpointError::Manifest {
            path: path.to_owned(),
            problem,
        };
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| refused(error.to_string()))?;
        if manifest.version != VERSION {
            return Err(CheckpointError::Version {
                path: path.to_owned(),
                found: manifest.version,
                expected: VERSION,
            });
        }
        if manifest.to_bytes() != bytes {
            return Err(refused("the document is not written as it must be".into()));
        }
        let seal = manifest.right_seal();
        if manifest.seal != seal {
            let problem = format!("the seal is {}, it must be {seal}", manifest.seal);
            return Err(refused(problem));
        }
        let names = manifest.files.iter().map(|file| file.name.as_str());
        if !names.eq(FILES.iter().map(|(name, _)| *name)) {
            let problem = "the files are not those of a checkpoint".to_owned();
            return Err(refused(problem));
        }
        for (file, (_, limit)) in manifest.files.iter().zip(FILES) {
            if file.size > limit {
                return Err(CheckpointError::TooLong {
                    path: path.with_file_name(&file.name),
                    size: file.size,
                    limit,
                });
            }
        }
        Ok(manifest)
    }

    /// Whether the checkpoint belongs to the chain of this identity.
    pub(super) fn belongs_to(
        &self,
        identity: &Identity,
        path: &Path,
    ) -> Result<(), CheckpointError> {
        if self.magic != identity.magic || self.genesis != identity.genesis {
            return Err(CheckpointError::OtherNetwork {
                path: path.to_owned(),
                found_magic: self.magic,
                found_genesis: self.genesis,
                magic: identity.magic,
                genesis: identity.genesis,
            });
        }
        let differs = |field| {
            Err(CheckpointError::OtherRules {
                path: path.to_owned(),
                field,
            })
        };
        if self.initial_gas != identity.initial_gas {
            return differs("initial_gas");
        }
        if self.committee != hex(&identity.committee) {
            return differs("committee");
        }
        Ok(())
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let files = FILES.iter().map(|(name, _)| FileEntry {
            name: (*name).to_owned(),
            size: 1,
            sha256: hex(&sha256(name.as_bytes())),
        });
        Manifest {
            version: VERSION,
            magic: Magic(7),
            genesis: UInt256::ZERO,
            initial_gas: 5,
            committee: hex(&[1; 32]),
            height: Height(9),
            tip: UInt256::from_wire([3; 32]),
            state_hash: UInt256::from_wire([4; 32]),
            timestamp: 8,
            files: files.collect(),
            seal: String::new(),
        }
        .sealed()
    }

    fn read(bytes: &[u8]) -> Result<Manifest, CheckpointError> {
        Manifest::from_bytes(bytes, Path::new("/c/manifest.json"))
    }

    #[test]
    fn a_manifest_comes_back_and_no_flipped_bit_does() {
        let bytes = manifest().to_bytes();
        assert_eq!(read(&bytes).unwrap(), manifest());
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[position] ^= 1 << bit;
                assert!(read(&changed).is_err(), "byte {position}, bit {bit}");
            }
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn files_of_another_name_and_oversized_ones_are_refused() {
        let mut other = manifest();
        other.files[0].name = "../../etc/passwd".to_owned();
        let error = read(&other.sealed().to_bytes()).unwrap_err();
        assert!(error.to_string().contains("not those of a checkpoint"));
        let mut large = manifest();
        large.files[0].size = (64 << 20) + 1;
        let error = read(&large.sealed().to_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/c/tip: 67108865 bytes, at most 67108864 are read"
        );
        let mut older = manifest();
        older.version = 0;
        let error = read(&older.sealed().to_bytes()).unwrap_err();
        assert!(error.to_string().contains("format 0"), "{error}");
    }
}
