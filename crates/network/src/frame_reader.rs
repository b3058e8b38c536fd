//! Takes frames from a substream.
//!
//! A frame's length is checked before memory is taken, and memory is taken only as bytes arrive: a peer that
//! announces eight megabytes and sends nothing costs one buffer. Between frames a peer may be silent; within
//! one it must go on.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// Memory added at a time while a long frame arrives.
const STEP: usize = 256 << 10;

/// Why there is no further frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("a frame of {length} bytes, the limit is {limit}")]
    Oversized { length: usize, limit: usize },
    #[error("a frame did not end within {0:?}")]
    Slow(Duration),
    #[error("the stream ended within a frame")]
    Truncated,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Splits a byte stream into length-prefixed frames.
pub(crate) struct FrameReader<R> {
    io: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    limit: usize,
    patience: Duration,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Frames of at most `limit` bytes, each complete within `patience` from its first byte.
    pub(crate) fn new(io: R, buffer: usize, limit: usize, patience: Duration) -> Self {
        Self {
            io,
            buffer: vec![0; buffer.max(64)].into_boxed_slice(),
            start: 0,
            end: 0,
            limit,
            patience,
        }
    }

    /// The body of the next frame; `None` where the stream ends between two frames.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        if let Some(frame) = self.buffered()? {
            return Ok(Some(frame));
        }
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            let read = self.io.read(&mut self.buffer).await?;
            if read == 0 {
                return Ok(None);
            }
            self.end = read;
            if let Some(frame) = self.buffered()? {
                return Ok(Some(frame));
            }
        }
        let patience = self.patience;
        match timeout(patience, self.complete()).await {
            Ok(frame) => frame.map(Some),
            Err(_) => Err(ReadError::Slow(patience)),
        }
    }

    /// The next frame if the buffer holds all of it.
    fn buffered(&mut self) -> Result<Option<Bytes>, ReadError> {
        let held = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some((prefix, rest)) = held.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > self.limit {
            return Err(ReadError::Oversized {
                length,
                limit: self.limit,
            });
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = Bytes::copy_from_slice(body);
        self.start += 4 + length;
        Ok(Some(frame))
    }

    /// Reads on until the frame that has begun is whole.
    async fn complete(&mut self) -> Result<Bytes, ReadError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        loop {
            if let Some(frame) = self.buffered()? {
                return Ok(frame);
            }
            if self.end == self.buffer.len() {
                return self.complete_long().await;
            }
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            let read = self.io.read(free).await?;
            if read == 0 {
                return Err(ReadError::Truncated);
            }
            self.end += read;
        }
    }

    /// A frame that is longer than the buffer, which is full of its beginning.
    async fn complete_long(&mut self) -> Result<Bytes, ReadError> {
        let held = self.buffer.get(..self.end).unwrap_or_default();
        let Some((prefix, beginning)) = held.split_first_chunk::<4>() else {
            return Err(ReadError::Truncated);
        };
        let length = u32::from_le_bytes(*prefix) as usize;
        let mut frame = beginning.to_vec();
        self.end = 0;
        while frame.len() < length {
            let filled = frame.len();
            frame.resize(length.min(filled + STEP), 0);
            let room = frame.get_mut(filled..).unwrap_or_default();
            match self.io.read_exact(room).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(ReadError::Truncated);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Bytes::from(frame))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use futures::io::Cursor;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A stream that gives at most so many bytes at a time.
    struct Trickle {
        bytes: Vec<u8>,
        at: usize,
        step: usize,
    }

    impl AsyncRead for Trickle {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let n = self.step.min(buf.len()).min(self.bytes.len() - self.at);
            buf[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
            self.at += n;
            Poll::Ready(Ok(n))
        }
    }

    /// A stream that gives nothing and does not end.
    struct Silence;

    impl AsyncRead for Silence {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    const PATIENCE: Duration = Duration::from_secs(5);

    fn stream_of(frames: &[Vec<u8>]) -> Vec<u8> {
        frames
            .iter()
            .flat_map(|f| [&(f.len() as u32).to_le_bytes()[..], f].concat())
            .collect()
    }

    proptest! {
        #[test]
        fn frames_come_out_however_the_bytes_arrive(lengths in vec(0usize..3000, 0..12), step in 1usize..4000) {
            let frames: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(i, n)| vec![i as u8; *n]).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let io = Trickle { bytes: stream_of(&frames), at: 0, step };
                let mut reader = FrameReader::new(io, 500, 3000, PATIENCE);
                for frame in &frames {
                    prop_assert_eq!(&reader.next().await.unwrap().unwrap()[..], &frame[..]);
                }
                prop_assert!(reader.next().await.unwrap().is_none());
                Ok(())
            })?;
        }
    }

    #[tokio::test]
    async fn an_announced_length_is_checked_before_memory_is_taken() {
        let mut reader = FrameReader::new(Cursor::new(u32::MAX.to_le_bytes()), 64, 1000, PATIENCE);
        let error = reader.next().await.unwrap_err();
        assert!(
            matches!(
                error,
                ReadError::Oversized {
                    length: 0xffff_ffff,
                    limit: 1000
                }
            ),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_stream_that_ends_within_a_frame_is_truncated() {
        for cut in [1, 5, 70, 300] {
            let mut bytes = stream_of(&[vec![7; 400]]);
            bytes.truncate(cut);
            let mut reader = FrameReader::new(Cursor::new(bytes), 64, 1000, PATIENCE);
            assert!(
                matches!(reader.next().await, Err(ReadError::Truncated)),
                "{cut}"
            );
        }
    }

    #[tokio::test]
    async fn a_frame_that_never_ends_runs_out_of_patience() {
        let patience = Duration::from_millis(20);
        let never = Trickle {
            bytes: vec![10, 0, 0, 0, 1],
            at: 0,
            step: 100,
        }
        .chain(Silence);
        let mut reader = FrameReader::new(never, 64, 1000, patience);
        let error = reader.next().await.unwrap_err();
        assert!(
            matches!(error, ReadError::Slow(given) if given == patience),
            "{error}"
        );
    }
}
