//! The folder of a node's checkpoints: one folder each, named by its height.

use std::{
    fs,
    path::{Path, PathBuf},
};

use neo_primitives::Height;

use super::{
    Checkpoint, MANIFEST, MAX_MANIFEST,
    error::{At as _, CheckpointError},
    manifest::Manifest,
};
use crate::{config::GenesisConfig, embedded::Identity};

/// What a checkpoint is called while it is written.
const WRITING: &str = ".writing-";
/// What a checkpoint is called while it is removed.
const REMOVING: &str = ".removing-";

/// The folder of a node's checkpoints.
#[derive(Clone, Debug)]
pub struct CheckpointFolder {
    path: PathBuf,
}

/// A checkpoint with what its manifest says; its files were not looked into.
#[derive(Debug)]
pub struct Listed {
    /// Height that its folder is named by.
    pub height: Height,
    /// Its folder.
    pub path: PathBuf,
    /// Its manifest, or why it is no checkpoint of this network.
    pub manifest: Result<Manifest, CheckpointError>,
}

impl CheckpointFolder {
    /// The folder at this path; it need not be there yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Folder of the checkpoint of a height.
    #[must_use]
    pub fn of(&self, height: Height) -> PathBuf {
        self.path.join(height.0.to_string())
    }

    /// Heights of which there is a folder, the highest first.
    ///
    /// # Errors
    /// When the folder cannot be read; a folder that is not there has none.
    pub fn heights(&self) -> Result<Vec<Height>, CheckpointError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).at(&self.path),
        };
        let mut heights = Vec::new();
        for entry in entries {
            let name = entry.at(&self.path)?.file_name();
            let height = name.to_str().and_then(|name| {
                let height: u32 = name.parse().ok()?;
                // One way to write a number: `007` is no checkpoint.
                (height.to_string() == name).then_some(Height(height))
            });
            heights.extend(height);
        }
        heights.sort_unstable_by(|a, b| b.cmp(a));
        Ok(heights)
    }

    /// All checkpoints with what their manifests say, the highest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self, config: &GenesisConfig) -> Result<Vec<Listed>, CheckpointError> {
        let identity = Identity::of(config);
        let listed = |height| {
            let path = self.of(height);
            Listed {
                height,
                manifest: read_manifest(&path, &identity),
                path,
            }
        };
        Ok(self.heights()?.into_iter().map(listed).collect())
    }

    /// Reads and verifies the checkpoint of a height, every byte of it. `progress` is told the bytes read so far.
    ///
    /// # Errors
    /// When there is none, or anything in it is not as it was written for this network.
    pub fn open(
        &self,
        height: Height,
        config: &GenesisConfig,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Checkpoint, CheckpointError> {
        let path = self.of(height);
        if !path.is_dir() {
            return Err(CheckpointError::Missing {
                height,
                folder: self.path.clone(),
            });
        }
        Checkpoint::read(&path, config, progress)
    }

    /// The highest checkpoint that is valid. `refused` is told of each one above it that is not.
    ///
    /// # Errors
    /// When there is none, or the folder cannot be read.
    pub fn newest_valid(
        &self,
        config: &GenesisConfig,
        refused: &mut dyn FnMut(Height, CheckpointError),
        progress: &mut dyn FnMut(u64),
    ) -> Result<Checkpoint, CheckpointError> {
        let mut bad = 0_usize;
        for height in self.heights()? {
            match self.open(height, config, progress) {
                Ok(checkpoint) => return Ok(checkpoint),
                Err(error) => {
                    bad = bad.saturating_add(1);
                    refused(height, error);
                }
            }
        }
        Err(CheckpointError::NoneValid {
            folder: self.path.clone(),
            refused: bad,
        })
    }

    /// An empty folder in which a checkpoint can be written. What earlier, interrupted work left goes first.
    pub(super) fn begin(&self, height: Height) -> Result<PathBuf, CheckpointError> {
        fs::create_dir_all(&self.path).at(&self.path)?;
        for entry in fs::read_dir(&self.path).at(&self.path)? {
            let entry = entry.at(&self.path)?;
            let name = entry.file_name();
            let left = name
                .to_str()
                .is_some_and(|name| name.starts_with(WRITING) || name.starts_with(REMOVING));
            if left {
                fs::remove_dir_all(entry.path()).at(&entry.path())?;
            }
        }
        let path = self.path.join(format!("{WRITING}{height}"));
        fs::create_dir(&path).at(&path)?;
        Ok(path)
    }

    /// Gives a written checkpoint its name; one that had it before goes.
    pub(super) fn publish(&self, written: &Path, height: Height) -> Result<(), CheckpointError> {
        sync(written)?;
        let path = self.of(height);
        if path.exists() {
            self.remove(height)?;
        }
        fs::rename(written, &path).at(&path)?;
        sync(&self.path)
    }

    /// Removes all but the `keep` highest up to `newest`; what stands above `newest` is not of this chain's making and
    /// stays. Returns the heights removed.
    pub(super) fn prune(
        &self,
        newest: Height,
        keep: usize,
    ) -> Result<Vec<Height>, CheckpointError> {
        let heights = self.heights()?;
        let old = heights.into_iter().filter(|height| *height <= newest);
        let old: Vec<_> = old.skip(keep.max(1)).collect();
        for height in &old {
            self.remove(*height)?;
        }
        Ok(old)
    }

    /// Takes the name first, so that a half removed checkpoint is never taken for a damaged one.
    fn remove(&self, height: Height) -> Result<(), CheckpointError> {
        let (path, going) = (
            self.of(height),
            self.path.join(format!("{REMOVING}{height}")),
        );
        fs::rename(&path, &going).at(&path)?;
        fs::remove_dir_all(&going).at(&going)
    }
}

/// Makes the entries of a folder durable.
pub(super) fn sync(folder: &Path) -> Result<(), CheckpointError> {
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .at(folder)
}

/// The manifest of the checkpoint in `folder`.
pub(super) fn read_manifest(
    folder: &Path,
    identity: &Identity,
) -> Result<Manifest, CheckpointError> {
    let path = folder.join(MANIFEST);
    let size = fs::metadata(&path).at(&path)?.len();
    if size > MAX_MANIFEST {
        return Err(CheckpointError::TooLong {
            path,
            size,
            limit: MAX_MANIFEST,
        });
    }
    let bytes = fs::read(&path).at(&path)?;
    let manifest = Manifest::from_bytes(&bytes, &path)?;
    manifest.belongs_to(identity, &path)?;
    Ok(manifest)
}
