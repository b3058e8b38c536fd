//! The key behind a peer id, and the file it lives in.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use libp2p::{PeerId, identity::Keypair};

/// An ed25519 key pair. Its public half is the peer id that transports authenticate.
#[derive(Clone)]
pub struct Identity(Keypair);

/// Why an identity could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file system refused.
    #[error("identity file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold a key.
    #[error("identity file {path} holds {length} bytes, an ed25519 secret has 32")]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes found, at most 33 are counted.
        length: usize,
    },
    /// Others may read the file.
    #[error(
        "identity file {path} has mode {mode:o}, it must not be open to group or others (0600)"
    )]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The bytes are no key.
    #[error("not an ed25519 secret of 32 bytes: {length} bytes")]
    Secret {
        /// Bytes given.
        length: usize,
    },
}

impl Identity {
    /// A new random identity.
    #[must_use]
    pub fn generate() -> Self {
        Self(Keypair::generate_ed25519())
    }

    /// The identity of a 32-byte ed25519 secret.
    ///
    /// # Errors
    /// [`IdentityError::Secret`] for any other length.
    pub fn from_secret(secret: &[u8]) -> Result<Self, IdentityError> {
        let mut copy = secret.to_vec();
        Keypair::ed25519_from_bytes(&mut copy)
            .map(Self)
            .map_err(|_| IdentityError::Secret {
                length: secret.len(),
            })
    }

    /// Reads the identity in `path`, or makes one and writes it there with mode 0600.
    ///
    /// # Errors
    /// When the file cannot be read or written, is open to others, or holds no key.
    pub fn load_or_create(path: &Path) -> Result<Self, IdentityError> {
        let failed = |source| IdentityError::Io {
            path: path.to_owned(),
            source,
        };
        match fs::metadata(path) {
            Ok(metadata) => Self::load(path, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::create(path).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn load(path: &Path, metadata: &fs::Metadata) -> Result<Self, IdentityError> {
        check_mode(path, metadata)?;
        let length = usize::try_from(metadata.len())
            .unwrap_or(usize::MAX)
            .min(33);
        if length != 32 {
            return Err(IdentityError::Length {
                path: path.to_owned(),
                length,
            });
        }
        let secret = fs::read(path).map_err(|source| IdentityError::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::from_secret(&secret)
    }

    fn create(path: &Path) -> io::Result<Self> {
        let mut secret: [u8; 32] = rand::random();
        let draft = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(&secret)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        Keypair::ed25519_from_bytes(&mut secret)
            .map(Self)
            .map_err(io::Error::other)
    }

    /// The peer id that this identity proves.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.0.public().to_peer_id()
    }

    pub(crate) fn keypair(&self) -> &Keypair {
        &self.0
    }
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), IdentityError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &fs::Metadata) -> Result<(), IdentityError> {
    Ok(())
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.peer_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_identity_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        let first = Identity::load_or_create(&path).unwrap();
        let second = Identity::load_or_create(&path).unwrap();
        assert_eq!(first.peer_id(), second.peer_id());
        assert_eq!(fs::read(&path).unwrap().len(), 32);
        assert!(!path.with_extension("new").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_open_to_others_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        Identity::load_or_create(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Identity::load_or_create(&path).unwrap_err();
        assert!(
            matches!(error, IdentityError::Permissions { mode: 0o644, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        Identity::load_or_create(&path).unwrap();
        fs::write(&path, [7; 31]).unwrap();
        let error = Identity::load_or_create(&path).unwrap_err();
        assert!(
            matches!(error, IdentityError::Length { length: 31, .. }),
            "{error}"
        );
        assert!(matches!(
            Identity::from_secret(&[1; 5]),
            Err(IdentityError::Secret { length: 5 })
        ));
    }

    #[test]
    fn debug_shows_no_secret() {
        let identity = Identity::from_secret(&[0x5a; 32]).unwrap();
        assert_eq!(
            format!("{identity:?}"),
            format!("Identity({})", identity.peer_id())
        );
    }
}
