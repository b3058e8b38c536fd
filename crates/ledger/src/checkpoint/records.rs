//! Files of records: keys with their values, in strictly ascending order of the keys.
//!
//! A record is `length of the key u16 ‖ length of the value u32 ‖ key ‖ value`, integers little-endian.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    error::{At as _, CheckpointError},
    manifest::{FileEntry, hex},
};

/// Longest key, in bytes.
const MAX_KEY: usize = 256;
/// Longest value, in bytes.
const MAX_VALUE: usize = 4_096;

/// A file that is being written, with the hash of what was written.
pub(super) struct HashedFile {
    name: &'static str,
    path: PathBuf,
    out: BufWriter<File>,
    hash: Sha256,
    size: u64,
}

impl HashedFile {
    /// A new file in a folder.
    pub(super) fn create(folder: &Path, name: &'static str) -> Result<Self, CheckpointError> {
        let path = folder.join(name);
        let file = File::create_new(&path).at(&path)?;
        Ok(Self {
            name,
            out: BufWriter::with_capacity(1 << 16, file),
            path,
            hash: Sha256::new(),
            size: 0,
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        self.hash.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
        self.out.write_all(bytes).at(&self.path)
    }

    /// Writes a record.
    pub(super) fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), CheckpointError> {
        let too_long = |problem| CheckpointError::Record {
            path: self.path.clone(),
            offset: self.size,
            problem,
        };
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            return Err(too_long(limits(key.len(), value.len())));
        }
        let key_length = u16::try_from(key.len()).unwrap_or(u16::MAX);
        let value_length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.write(&key_length.to_le_bytes())?;
        self.write(&value_length.to_le_bytes())?;
        self.write(key)?;
        self.write(value)
    }

    /// Makes the file durable and gives its entry in the manifest.
    pub(super) fn finish(self) -> Result<FileEntry, CheckpointError> {
        let file = self
            .out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .at(&self.path)?;
        file.sync_all().at(&self.path)?;
        Ok(FileEntry {
            name: self.name.to_owned(),
            size: self.size,
            sha256: hex(&self.hash.finalize()),
        })
    }
}

fn limits(key: usize, value: usize) -> String {
    format!(
        "a key of {key} bytes with a value of {value}, at most {MAX_KEY} and {MAX_VALUE} are kept"
    )
}

/// A file that is being read, with the hash of what was read.
struct HashedReader {
    inner: BufReader<File>,
    hash: Sha256,
    read: u64,
}

impl HashedReader {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(buffer)?;
        self.hash.update(&*buffer);
        self.read = self.read.saturating_add(buffer.len() as u64);
        Ok(())
    }
}

/// Opens a file of the size that the manifest says.
fn open(path: &Path, entry: &FileEntry) -> Result<HashedReader, CheckpointError> {
    let file = File::open(path).at(path)?;
    let size = file.metadata().at(path)?.len();
    if size != entry.size {
        return Err(CheckpointError::Size {
            path: path.to_owned(),
            size,
            expected: entry.size,
        });
    }
    Ok(HashedReader {
        inner: BufReader::with_capacity(1 << 16, file),
        hash: Sha256::new(),
        read: 0,
    })
}

fn check_hash(hash: Sha256, path: &Path, entry: &FileEntry) -> Result<(), CheckpointError> {
    let found = hex(&hash.finalize());
    if found != entry.sha256 {
        return Err(CheckpointError::Hash {
            path: path.to_owned(),
            found,
            expected: entry.sha256.clone(),
        });
    }
    Ok(())
}

/// Reads a whole file; its size in the manifest is within the limit of its kind.
pub(super) fn read_file(folder: &Path, entry: &FileEntry) -> Result<Vec<u8>, CheckpointError> {
    let path = folder.join(&entry.name);
    let mut reader = open(&path, entry)?;
    let mut bytes = vec![0; usize::try_from(entry.size).unwrap_or(usize::MAX)];
    reader.fill(&mut bytes).at(&path)?;
    check_hash(reader.hash, &path, entry)?;
    Ok(bytes)
}

/// Shows every record of a file, then compares the hash: what was shown counts only if this returns `Ok`.
pub(super) fn read_records(
    folder: &Path,
    entry: &FileEntry,
    show: &mut dyn FnMut(Vec<u8>, Vec<u8>) -> Result<(), CheckpointError>,
) -> Result<u64, CheckpointError> {
    let path = folder.join(&entry.name);
    let mut reader = open(&path, entry)?;
    let mut before: Option<Vec<u8>> = None;
    let mut count = 0_u64;
    while reader.read < entry.size {
        let offset = reader.read;
        let refused = |problem: String| CheckpointError::Record {
            path: path.clone(),
            offset,
            problem,
        };
        let mut lengths = [0; 6];
        reader.fill(&mut lengths).at(&path)?;
        let [a, b, c, d, e, f] = lengths;
        let key_length = usize::from(u16::from_le_bytes([a, b]));
        let value_length = usize::try_from(u32::from_le_bytes([c, d, e, f])).unwrap_or(usize::MAX);
        if key_length > MAX_KEY || value_length > MAX_VALUE {
            return Err(refused(limits(key_length, value_length)));
        }
        let mut key = vec![0; key_length];
        let mut value = vec![0; value_length];
        reader.fill(&mut key).at(&path)?;
        reader.fill(&mut value).at(&path)?;
        if before.as_ref().is_some_and(|before| *before >= key) {
            return Err(refused("the keys do not ascend".to_owned()));
        }
        before = Some(key.clone());
        count = count.saturating_add(1);
        show(key, value)?;
    }
    check_hash(reader.hash, &path, entry)?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(records: &[(&[u8], &[u8])]) -> (tempfile::TempDir, FileEntry) {
        let folder = tempfile::tempdir().unwrap();
        let mut file = HashedFile::create(folder.path(), "state").unwrap();
        for (key, value) in records {
            file.record(key, value).unwrap();
        }
        let entry = file.finish().unwrap();
        (folder, entry)
    }

    type Record = (Vec<u8>, Vec<u8>);

    fn read(folder: &Path, entry: &FileEntry) -> Result<Vec<Record>, CheckpointError> {
        let mut records = Vec::new();
        read_records(folder, entry, &mut |key, value| {
            records.push((key, value));
            Ok(())
        })
        .map(|_| records)
    }

    #[test]
    fn records_come_back_and_no_flipped_bit_does() {
        let (folder, entry) = written(&[(b"a", b"1"), (b"b", b""), (b"ba", b"333")]);
        assert_eq!(
            read(folder.path(), &entry).unwrap(),
            [
                (b"a".to_vec(), b"1".to_vec()),
                (b"b".to_vec(), vec![]),
                (b"ba".to_vec(), b"333".to_vec())
            ]
        );
        let path = folder.path().join("state");
        let bytes = std::fs::read(&path).unwrap();
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[position] ^= 1 << bit;
                std::fs::write(&path, &changed).unwrap();
                assert!(read(folder.path(), &entry).is_err(), "{position} {bit}");
            }
        }
        std::fs::write(&path, &bytes[1..]).unwrap();
        let error = read(folder.path(), &entry).unwrap_err().to_string();
        assert!(error.ends_with("the manifest says 26"), "{error}");
    }

    #[test]
    fn keys_out_of_order_and_records_beyond_the_limits_are_refused() {
        let (folder, entry) = written(&[(b"b", b"1"), (b"a", b"2")]);
        let error = read(folder.path(), &entry).unwrap_err().to_string();
        assert!(
            error.ends_with("at byte 8: the keys do not ascend"),
            "{error}"
        );
        let folder = tempfile::tempdir().unwrap();
        let mut file = HashedFile::create(folder.path(), "state").unwrap();
        let error = file.record(&[0; 257], b"").unwrap_err().to_string();
        assert!(error.contains("a key of 257 bytes"), "{error}");
    }
}
