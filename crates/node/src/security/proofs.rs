//! Proofs against validators, one file each, as many as the configuration allows.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use neo_consensus::v3::evidence::Evidence;
use neo_network::MAX_EVIDENCE;
use neo_primitives::{Encode as _, UInt256, sha256};

use crate::config::SecurityConfig;

/// Folder of the proofs in the data folder.
pub const FOLDER: &str = "evidence";
/// Ending of their names.
pub const ENDING: &str = "proof";

/// What became of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in the folder now.
    Stored,
    /// It was there before.
    Known,
    /// There are as many as are kept, of this validator or in all; it is counted and not kept.
    Full,
}

impl Taken {
    /// Its name in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Known => "known",
            Self::Full => "full",
        }
    }
}

/// The proofs of a data folder.
#[derive(Debug)]
pub(crate) struct Proofs {
    folder: PathBuf,
    limits: SecurityConfig,
    /// By the hash of the bytes.
    held: BTreeMap<UInt256, Kept>,
}

/// What is known of a proof without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) hash: UInt256,
    pub(crate) height: u32,
    pub(crate) validator: u8,
    /// The form of the guilt.
    pub(crate) form: String,
    /// Length of the proof.
    pub(crate) bytes: u64,
}

impl Kept {
    /// Name of its file.
    fn name(&self) -> String {
        let Self {
            hash,
            height,
            validator,
            form,
            ..
        } = self;
        format!("{height}-{validator}-{form}-{hash}.{ENDING}")
    }

    /// What the name of a file says; none if no proof has it.
    fn parse(path: &Path, bytes: u64) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".proof")?;
        let (rest, hash) = name.rsplit_once('-')?;
        let mut parts = rest.splitn(3, '-');
        Some(Self {
            hash: hash.parse().ok()?,
            height: parts.next()?.parse().ok()?,
            validator: parts.next()?.parse().ok()?,
            form: parts.next()?.to_owned(),
            bytes,
        })
    }
}

/// The bytes of a proof's file, as many as a proof can have.
pub(crate) fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let most = u64::try_from(MAX_EVIDENCE).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() > MAX_EVIDENCE {
        let place = path.display();
        let problem = format!("{place} is longer than a proof, {MAX_EVIDENCE} bytes");
        return Err(std::io::Error::other(problem));
    }
    Ok(bytes)
}

/// The name of a proof's bytes.
pub(crate) fn name_of(bytes: &[u8]) -> UInt256 {
    UInt256::from_wire(sha256(bytes))
}

impl Proofs {
    /// Those that are in a data folder, which need not have any. Names that no proof has are left alone.
    pub(crate) fn open(data: &Path, limits: SecurityConfig) -> Self {
        let folder = data.join(FOLDER);
        let mut held = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let length = entry.metadata().map_or(0, |about| about.len());
            if let Some(kept) = Kept::parse(&entry.path(), length) {
                held.insert(kept.hash, kept);
            }
        }
        Self {
            folder,
            limits,
            held,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// All of them, the newest height first.
    pub(crate) fn list(&self) -> Vec<Kept> {
        let mut list: Vec<_> = self.held.values().cloned().collect();
        list.sort_by_key(|kept| (std::cmp::Reverse(kept.height), kept.validator, kept.hash));
        list
    }

    /// One of them, and its file.
    pub(crate) fn find(&self, hash: &UInt256) -> Option<(Kept, PathBuf)> {
        let kept = self.held.get(hash)?;
        Some((kept.clone(), self.folder.join(kept.name())))
    }

    /// Keeps a proof that has been verified.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn take(&mut self, evidence: &Evidence) -> std::io::Result<Taken> {
        let bytes = evidence.to_bytes();
        let hash = name_of(&bytes);
        if self.held.contains_key(&hash) {
            return Ok(Taken::Known);
        }
        let culprit = evidence.culprit().0;
        let of_culprit = self.held.values().filter(|kept| kept.validator == culprit);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let total: u64 = self.held.values().map(|kept| kept.bytes).sum();
        if of_culprit.count() >= self.limits.evidence_per_validator
            || self.held.len() >= self.limits.evidence_total
            || total.saturating_add(length) > self.limits.evidence_bytes
        {
            return Ok(Taken::Full);
        }
        std::fs::create_dir_all(&self.folder)?;
        let kept = Kept {
            hash,
            height: evidence.height.0,
            validator: culprit,
            form: evidence.guilt.name().to_owned(),
            bytes: length,
        };
        let name = kept.name();
        // A proof is whole or not there: it gets its name when all of it is written.
        let unfinished = self.folder.join(format!("{name}.tmp"));
        let mut file = std::fs::File::create(&unfinished)?;
        file.write_all(&bytes)?;
        std::fs::rename(&unfinished, self.folder.join(name))?;
        self.held.insert(hash, kept);
        Ok(Taken::Stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::View;
    use neo_consensus::v3::evidence::{Guilt, Says, Statement};
    use neo_primitives::{Height, Magic, Signature, ValidatorIndex};

    /// A ChangeView for view 0, which nobody honest signs.
    fn proof(height: u32, validator: u8) -> Evidence {
        Evidence {
            magic: Magic(1),
            height: Height(height),
            prev_hash: UInt256::ZERO,
            guilt: Guilt::Impossible {
                statement: Statement {
                    sender: ValidatorIndex(validator),
                    view: View::ZERO,
                    says: Says::ChangeView { claim: None },
                    signature: Signature([7; 64]),
                },
            },
        }
    }

    #[test]
    fn proofs_are_kept_once_and_found_again() {
        let data = tempfile::tempdir().unwrap();
        let mut proofs = Proofs::open(data.path(), SecurityConfig::default());
        assert_eq!(proofs.take(&proof(5, 2)).unwrap(), Taken::Stored);
        assert_eq!(proofs.take(&proof(5, 2)).unwrap(), Taken::Known);
        assert_eq!(proofs.take(&proof(6, 2)).unwrap(), Taken::Stored);
        std::fs::write(data.path().join(FOLDER).join("notes.txt"), "x").unwrap();
        let mut again = Proofs::open(data.path(), SecurityConfig::default());
        assert_eq!(again.len(), 2);
        let heights: Vec<_> = again.list().iter().map(|kept| kept.height).collect();
        assert_eq!(heights, [6, 5], "the newest first");
        for (kept, evidence) in again.list().into_iter().zip([proof(6, 2), proof(5, 2)]) {
            assert_eq!(kept.form, evidence.guilt.name());
            let (found, path) = again.find(&kept.hash).unwrap();
            assert_eq!(found, kept);
            let bytes = read(&path).unwrap();
            assert_eq!(bytes, evidence.to_bytes());
            assert_eq!(u64::try_from(bytes.len()).unwrap(), kept.bytes);
        }
        assert_eq!(again.find(&UInt256::ZERO), None);
        assert_eq!(again.take(&proof(6, 2)).unwrap(), Taken::Known);
    }

    #[test]
    fn one_validator_cannot_fill_the_folder() {
        let data = tempfile::tempdir().unwrap();
        let limits = SecurityConfig {
            evidence_per_validator: 2,
            evidence_total: 3,
            ..SecurityConfig::default()
        };
        let mut proofs = Proofs::open(data.path(), limits);
        let mut take = |height, validator| proofs.take(&proof(height, validator)).unwrap();
        assert_eq!((take(1, 0), take(2, 0)), (Taken::Stored, Taken::Stored));
        assert_eq!(take(3, 0), Taken::Full);
        assert_eq!(take(1, 1), Taken::Stored);
        assert_eq!(take(1, 2), Taken::Full);
    }
}
