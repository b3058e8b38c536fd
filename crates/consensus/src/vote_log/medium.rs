//! Where segments live, and a medium in memory that models crashes.

use std::collections::BTreeMap;
use std::io;

/// Where segments live.
pub trait LogMedium {
    /// Numbers of the existing segments, ascending.
    ///
    /// # Errors
    /// Of the medium.
    fn segments(&self) -> io::Result<Vec<u64>>;
    /// The whole content of a segment.
    ///
    /// # Errors
    /// Of the medium.
    fn read(&self, segment: u64) -> io::Result<Vec<u8>>;
    /// Begins an empty segment, which from then on is the one appended to.
    ///
    /// # Errors
    /// Of the medium.
    fn create(&mut self, segment: u64) -> io::Result<()>;
    /// Opens an existing segment to append, cut to `length` bytes.
    ///
    /// # Errors
    /// Of the medium.
    fn reopen(&mut self, segment: u64, length: u64) -> io::Result<()>;
    /// Appends to the current segment; durable after [`LogMedium::sync`] only.
    ///
    /// # Errors
    /// Of the medium.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything appended durable.
    ///
    /// # Errors
    /// Of the medium.
    fn sync(&mut self) -> io::Result<()>;
    /// Removes a segment.
    ///
    /// # Errors
    /// Of the medium.
    fn remove(&mut self, segment: u64) -> io::Result<()>;
    /// A number that a copy of the log does not have (an inode), or `None` if there is no such thing.
    ///
    /// # Errors
    /// Of the medium.
    fn instance(&self, segment: u64) -> io::Result<Option<u64>>;
}

/// A medium in memory that models what a crash does to unsynced writes.
#[derive(Clone, Debug, Default)]
pub struct MemoryMedium {
    segments: BTreeMap<u64, MemorySegment>,
    current: u64,
    instances: u64,
}

#[derive(Clone, Debug, Default)]
struct MemorySegment {
    bytes: Vec<u8>,
    synced: usize,
    instance: u64,
}

impl MemoryMedium {
    /// A crash: of what was not synced only the first `kept` bytes remain, as a torn write.
    pub fn crash(&mut self, kept: usize) {
        for segment in self.segments.values_mut() {
            let length = segment.synced.saturating_add(kept).min(segment.bytes.len());
            segment.bytes.truncate(length);
            segment.synced = length;
        }
    }

    /// Flips one bit, for tests of damage.
    pub fn corrupt(&mut self, segment: u64, at: usize) {
        if let Some(byte) = self
            .segments
            .get_mut(&segment)
            .and_then(|segment| segment.bytes.get_mut(at))
        {
            *byte ^= 1;
        }
    }

    /// A copy of all segments on another medium.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut copy = self.clone();
        for segment in copy.segments.values_mut() {
            segment.instance = segment.instance.saturating_add(1_000_000);
        }
        copy
    }

    /// Length of a segment in bytes.
    #[must_use]
    pub fn length(&self, segment: u64) -> usize {
        self.segments
            .get(&segment)
            .map_or(0, |segment| segment.bytes.len())
    }

    fn current(&mut self) -> io::Result<&mut MemorySegment> {
        let current = self.current;
        self.segments
            .get_mut(&current)
            .ok_or_else(|| io::Error::other(format!("segment {current} was never created")))
    }
}

impl LogMedium for MemoryMedium {
    fn segments(&self) -> io::Result<Vec<u64>> {
        Ok(self.segments.keys().copied().collect())
    }

    fn read(&self, segment: u64) -> io::Result<Vec<u8>> {
        Ok(self
            .segments
            .get(&segment)
            .map(|held| held.bytes.clone())
            .unwrap_or_default())
    }

    fn create(&mut self, segment: u64) -> io::Result<()> {
        self.instances = self.instances.saturating_add(1);
        let instance = self.instances;
        self.segments.insert(
            segment,
            MemorySegment {
                instance,
                ..MemorySegment::default()
            },
        );
        self.current = segment;
        Ok(())
    }

    fn reopen(&mut self, segment: u64, length: u64) -> io::Result<()> {
        self.current = segment;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let held = self.current()?;
        held.bytes.truncate(length);
        held.synced = held.synced.min(length);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.current()?.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let held = self.current()?;
        held.synced = held.bytes.len();
        Ok(())
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        self.segments.remove(&segment);
        Ok(())
    }

    fn instance(&self, segment: u64) -> io::Result<Option<u64>> {
        Ok(self.segments.get(&segment).map(|held| held.instance))
    }
}
