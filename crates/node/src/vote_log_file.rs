//! The vote log as files: one a segment, in a folder of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use neo_consensus::vote_log::{
    Condition, Identity, LogError, LogMedium, LogRecord, Opened, VoteLog,
};

/// Name of the folder inside a node's data directory.
pub const FOLDER: &str = "votes";

const PREFIX: &str = "votes-";
const SUFFIX: &str = ".log";

/// Segments as files `votes-00000000.log` upwards, readable by their owner only.
#[derive(Debug)]
pub struct FileMedium {
    folder: PathBuf,
    current: Option<File>,
}

impl FileMedium {
    /// A folder of segments; made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            current: None,
        })
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.folder.join(format!("{PREFIX}{segment:08}{SUFFIX}"))
    }

    /// Makes creations and removals of files durable.
    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn current(&mut self) -> io::Result<&mut File> {
        self.current
            .as_mut()
            .ok_or_else(|| io::Error::other("no vote log segment is open"))
    }
}

impl LogMedium for FileMedium {
    fn segments(&self) -> io::Result<Vec<u64>> {
        let mut segments = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let number: Option<u64> = name.to_str().and_then(|name| {
                name.strip_prefix(PREFIX)?
                    .strip_suffix(SUFFIX)?
                    .parse()
                    .ok()
            });
            segments.extend(number);
        }
        segments.sort_unstable();
        Ok(segments)
    }

    fn read(&self, segment: u64) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(segment))
    }

    fn create(&mut self, segment: u64) -> io::Result<()> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path(segment))?;
        self.current = Some(file);
        self.sync_folder()
    }

    fn reopen(&mut self, segment: u64, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(self.path(segment))?;
        if file.metadata()?.len() != length {
            file.set_len(length)?;
            file.sync_all()?;
        }
        self.current = Some(file);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.current()?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.current()?.sync_data()
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        std::fs::remove_file(self.path(segment))?;
        self.sync_folder()
    }

    fn instance(&self, segment: u64) -> io::Result<Option<u64>> {
        Ok(Some(std::fs::metadata(self.path(segment))?.ino()))
    }
}

/// Makes the vote log of a validator that never voted, in `data_dir`.
///
/// # Errors
/// There is one already, or the disk fails.
pub fn initialise(data_dir: &Path, identity: Identity) -> Result<(), LogError> {
    VoteLog::initialise(FileMedium::new(&data_dir.join(FOLDER))?, identity).map(|_| ())
}

/// Opens the vote log in `data_dir` and reads it.
///
/// # Errors
/// It belongs to another network or validator, or the disk fails.
pub fn open<R: LogRecord>(
    data_dir: &Path,
    identity: Identity,
) -> Result<Opened<FileMedium, R>, LogError> {
    VoteLog::open(FileMedium::new(&data_dir.join(FOLDER))?, identity)
}

/// Looks at the vote log in `data_dir` and changes nothing: what [`open`] would find, a torn tail included.
///
/// # Errors
/// As [`open`].
pub fn inspect<R: LogRecord>(data_dir: &Path, identity: Identity) -> Result<Condition, LogError> {
    let files = FileMedium {
        folder: data_dir.join(FOLDER),
        current: None,
    };
    VoteLog::open::<R>(Untouched(files), identity).map(|opened| opened.condition)
}

/// Segments that are only read. Opening a log reopens its last segment, which is nothing here; whatever else would
/// change a file is refused.
#[derive(Debug)]
struct Untouched(FileMedium);

impl Untouched {
    fn refused<T>() -> io::Result<T> {
        Err(io::Error::other("the vote log is only looked at"))
    }
}

impl LogMedium for Untouched {
    fn segments(&self) -> io::Result<Vec<u64>> {
        match self.0.segments() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            found => found,
        }
    }

    fn read(&self, segment: u64) -> io::Result<Vec<u8>> {
        self.0.read(segment)
    }

    fn create(&mut self, _: u64) -> io::Result<()> {
        Self::refused()
    }

    fn reopen(&mut self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        Self::refused()
    }

    fn sync(&mut self) -> io::Result<()> {
        Self::refused()
    }

    fn remove(&mut self, _: u64) -> io::Result<()> {
        Self::refused()
    }

    fn instance(&self, segment: u64) -> io::Result<Option<u64>> {
        self.0.instance(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::v3::Record;
    use neo_primitives::{Height, Magic, PrivateKey, UInt256};

    fn identity(key: &PrivateKey) -> Identity {
        Identity {
            magic: Magic(42),
            genesis: UInt256::ZERO,
            validator: key.public_key().clone(),
        }
    }

    #[test]
    fn a_restart_finds_what_was_written_and_a_torn_tail_goes() {
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate();
        initialise(folder.path(), identity(&key)).unwrap();
        let mut opened = open::<Record>(folder.path(), identity(&key)).unwrap();
        let record = Record::Resumed { from: Height(3) };
        opened.log.append(std::slice::from_ref(&record)).unwrap();
        drop(opened);
        let path = folder.path().join(FOLDER).join("votes-00000000.log");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend([9; 5]);
        // Written in place: a rename would make it a copy.
        OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .write_all(&bytes)
            .unwrap();
        let opened = open::<Record>(folder.path(), identity(&key)).unwrap();
        assert_eq!(opened.condition, Condition::Intact { torn: 5 });
        assert_eq!(opened.records, [record]);
        assert_eq!(
            std::fs::metadata(&path).unwrap().len(),
            bytes.len() as u64 - 5
        );
    }

    #[test]
    fn a_restored_copy_is_recognised_and_a_missing_log_too() {
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate();
        initialise(folder.path(), identity(&key)).unwrap();
        let path = folder.path().join(FOLDER).join("votes-00000000.log");
        let copy = folder.path().join("copy");
        std::fs::copy(&path, &copy).unwrap();
        std::fs::rename(&copy, &path).unwrap();
        assert_eq!(
            open::<Record>(folder.path(), identity(&key))
                .unwrap()
                .condition,
            Condition::Copied
        );
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(
            open::<Record>(empty.path(), identity(&key))
                .unwrap()
                .condition,
            Condition::Missing
        );
    }

    #[test]
    fn looking_at_a_log_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate();
        let look = || inspect::<Record>(folder.path(), identity(&key));
        assert_eq!(look().unwrap(), Condition::Missing);
        assert!(!folder.path().join(FOLDER).exists());
        initialise(folder.path(), identity(&key)).unwrap();
        let path = folder.path().join(FOLDER).join("votes-00000000.log");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&[9; 5]).unwrap();
        let before = std::fs::read(&path).unwrap();
        assert_eq!(look().unwrap(), Condition::Intact { torn: 5 });
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let other = PrivateKey::generate();
        let foreign = inspect::<Record>(folder.path(), identity(&other)).unwrap_err();
        assert!(matches!(foreign, LogError::Foreign { .. }), "{foreign}");
    }
}
