//! Takes messages from a socket.
//!
//! A frame's length is checked before memory is taken, and memory is taken as bytes arrive: who announces 32 MiB
//! and sends nothing costs one small buffer.

use std::{io, time::Duration};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, timeout_at},
};

use super::{
    config::NeoLimits,
    refusal::NeoRefusal,
    wire::{Command, FrameError, FrameHead, Message},
};

/// Memory added at a time.
const STEP: usize = 64 << 10;

/// Splits a byte stream into messages.
#[derive(Debug)]
pub(crate) struct MessageReader<R> {
    io: R,
    buffer: BytesMut,
    limits: NeoLimits,
}

/// How long a reader waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the first byte of a frame.
    pub(crate) idle: Duration,
    /// For the rest of it.
    pub(crate) frame: Duration,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    pub(crate) fn new(io: R, limits: NeoLimits) -> Self {
        Self {
            io,
            buffer: BytesMut::new(),
            limits,
        }
    }

    /// The next message and the bytes of its frame. With `only` given, any other command is refused by its head.
    ///
    /// # Errors
    /// Why the connection has to end.
    pub(crate) async fn next(
        &mut self,
        patience: Patience,
        only: Option<(Command, &'static str)>,
    ) -> Result<(Message, usize), NeoRefusal> {
        if self.buffer.is_empty() {
            let deadline = Instant::now() + patience.idle;
            self.fill(STEP, deadline, NeoRefusal::Idle(patience.idle))
                .await?;
        }
        let deadline = Instant::now() + patience.frame;
        let (head, used) = loop {
            if let Some(&code) = self.buffer.get(1) {
                check(Command::from_code(code), only)?;
            }
            if let Some(found) = FrameHead::read(&self.buffer)? {
                break found;
            }
            let slow = self.slow(patience.frame);
            self.fill(STEP, deadline, slow).await?;
        };
        let limit = self.limits.payload(head.command);
        if head.length > limit {
            return Err(NeoRefusal::Frame(FrameError::Oversized {
                command: head.command,
                length: head.length as u64,
                limit,
            }));
        }
        let whole = used + head.length;
        while self.buffer.len() < whole {
            let missing = whole - self.buffer.len();
            let slow = self.slow(patience.frame);
            self.fill(missing.min(STEP), deadline, slow).await?;
        }
        let payload = self.buffer.get(used..whole).unwrap_or_default();
        let message = head.open_within(payload, limit)?;
        self.buffer.advance(whole);
        if self.buffer.is_empty() {
            // Nothing of a long frame is kept.
            self.buffer = BytesMut::new();
        }
        Ok((message, whole))
    }

    /// Reads some bytes, with room for at least `room`.
    async fn fill(
        &mut self,
        room: usize,
        deadline: Instant,
        late: NeoRefusal,
    ) -> Result<(), NeoRefusal> {
        self.buffer.reserve(room.max(1024));
        match timeout_at(deadline, self.io.read_buf(&mut self.buffer)).await {
            Err(_) => Err(late),
            Ok(Ok(0)) => Err(NeoRefusal::Closed),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(lost(&error)),
        }
    }

    fn slow(&self, timeout: Duration) -> NeoRefusal {
        NeoRefusal::SlowFrame {
            command: Command::from_code(self.buffer.get(1).copied().unwrap_or(u8::MAX)),
            timeout,
        }
    }
}

fn check(command: Command, only: Option<(Command, &'static str)>) -> Result<(), NeoRefusal> {
    match only {
        Some((expected, when)) if command != expected => {
            Err(NeoRefusal::Unexpected { command, when })
        }
        _ => Ok(()),
    }
}

/// What an error of the socket means.
pub(crate) fn lost(error: &io::Error) -> NeoRefusal {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => NeoRefusal::Closed,
        _ => NeoRefusal::Lost(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::neo::wire::frame;

    const PATIENCE: Patience = Patience {
        idle: Duration::from_secs(30),
        frame: Duration::from_secs(60),
    };

    async fn read(bytes: &[u8], step: usize) -> Result<Message, NeoRefusal> {
        let (mut writer, io) = tokio::io::duplex(1 << 20);
        for part in bytes.chunks(step) {
            writer.write_all(part).await.unwrap();
        }
        drop(writer);
        let mut reader = MessageReader::new(io, NeoLimits::default());
        reader
            .next(PATIENCE, None)
            .await
            .map(|(message, _)| message)
    }

    #[tokio::test]
    async fn messages_come_whole_however_they_are_cut() {
        let message = Message::FilterAdd(vec![7; 300]);
        let bytes = frame(&message, true);
        for step in [1, 2, 3, 1000] {
            assert_eq!(read(&bytes, step).await, Ok(message.clone()));
        }
        let cut = &bytes[..bytes.len() - 1];
        assert_eq!(read(cut, 1000).await, Err(NeoRefusal::Closed));
    }

    #[tokio::test]
    async fn a_long_frame_is_refused_by_its_head() {
        let bytes = [0, 0x2c, 0xfe, 0xff, 0xff, 0xff, 0x01];
        let error = read(&bytes, 100).await.unwrap_err();
        assert_eq!(error.name(), "oversized_frame");
        assert!(error.to_string().contains("Block"), "{error}");
    }

    #[tokio::test]
    async fn slow_frames_and_silence_end_the_connection() {
        let patience = Patience {
            idle: Duration::from_millis(20),
            frame: Duration::from_millis(30),
        };
        let (mut writer, io) = tokio::io::duplex(64);
        let mut reader = MessageReader::new(io, NeoLimits::default());
        let idle = reader.next(patience, None).await.unwrap_err();
        assert_eq!(idle, NeoRefusal::Idle(patience.idle));
        writer.write_all(&[0, 0x18]).await.unwrap();
        let slow = reader.next(patience, None).await.unwrap_err();
        assert_eq!(
            slow,
            NeoRefusal::SlowFrame {
                command: Command::Ping,
                timeout: patience.frame
            }
        );
    }

    #[tokio::test]
    async fn another_command_is_refused_before_its_payload_comes() {
        let (mut writer, io) = tokio::io::duplex(64);
        let mut reader = MessageReader::new(io, NeoLimits::default());
        writer.write_all(&[0, 0x2c]).await.unwrap();
        let only = Some((Command::Version, "before version"));
        let error = reader.next(PATIENCE, only).await.unwrap_err();
        assert_eq!(error.to_string(), "Block before version");
    }
}
