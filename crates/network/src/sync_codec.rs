//! Sync requests and responses on their substreams: a length, then the encoding.

use std::io;

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response::Codec};
use neo_primitives::{Decode, Encode};

use crate::sync::{MAX_SYNC_REQUEST, MAX_SYNC_RESPONSE, SyncRequest, SyncResponse};

/// The protocol's name.
pub(crate) const SYNC_PROTOCOL: StreamProtocol = StreamProtocol::new("/neo-dbft/3/sync");

/// Memory added at a time while a long message arrives.
const STEP: usize = 256 << 10;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SyncCodec;

impl Codec for SyncCodec {
    type Protocol = StreamProtocol;
    type Request = SyncRequest;
    type Response = SyncResponse;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<SyncRequest> {
        let bytes = read(io, MAX_SYNC_REQUEST).await?;
        SyncRequest::from_bytes(&bytes).map_err(invalid)
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<SyncResponse> {
        let bytes = Bytes::from(read(io, MAX_SYNC_RESPONSE).await?);
        SyncResponse::decode_shared(&bytes).map_err(invalid)
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: SyncRequest,
    ) -> io::Result<()> {
        write(io, &request).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: SyncResponse,
    ) -> io::Result<()> {
        write(io, &response).await
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A length that says more than it may, as an `InvalidData` error.
#[derive(Debug, thiserror::Error)]
#[error("a message of {length} bytes, the limit is {limit}")]
struct TooLong {
    length: usize,
    limit: usize,
}

async fn read<T: AsyncRead + Unpin>(io: &mut T, limit: usize) -> io::Result<Vec<u8>> {
    let mut prefix = [0; 4];
    io.read_exact(&mut prefix).await?;
    let length = u32::from_le_bytes(prefix) as usize;
    if length > limit {
        return Err(invalid(TooLong { length, limit }));
    }
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let filled = bytes.len();
        bytes.resize(length.min(filled + STEP), 0);
        io.read_exact(bytes.get_mut(filled..).unwrap_or_default())
            .await?;
    }
    Ok(bytes)
}

async fn write<T: AsyncWrite + Unpin>(io: &mut T, message: &impl Encode) -> io::Result<()> {
    let mut out = vec![0; 4];
    message.encode(&mut out);
    let length = u32::try_from(out.len() - 4).map_err(invalid)?;
    out.get_mut(..4)
        .unwrap_or_default()
        .copy_from_slice(&length.to_le_bytes());
    io.write_all(&out).await?;
    io.flush().await
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;
    use neo_primitives::{Height, UInt256};

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        let request = SyncRequest::Blocks {
            start: Height(7),
            count: 3,
        };
        let response = SyncResponse::Blocks(vec![Bytes::from(vec![9; 600_000]), Bytes::new()]);
        let mut stream = Vec::new();
        SyncCodec
            .write_request(&SYNC_PROTOCOL, &mut stream, request.clone())
            .await
            .unwrap();
        SyncCodec
            .write_response(&SYNC_PROTOCOL, &mut stream, response.clone())
            .await
            .unwrap();
        let mut stream = Cursor::new(stream);
        assert_eq!(
            SyncCodec
                .read_request(&SYNC_PROTOCOL, &mut stream)
                .await
                .unwrap(),
            request
        );
        assert_eq!(
            SyncCodec
                .read_response(&SYNC_PROTOCOL, &mut stream)
                .await
                .unwrap(),
            response
        );
    }

    #[tokio::test]
    async fn lengths_are_checked_before_memory_is_taken() {
        let mut stream = Cursor::new(u32::MAX.to_le_bytes());
        let error = SyncCodec
            .read_request(&SYNC_PROTOCOL, &mut stream)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("the limit is"), "{error}");
    }

    #[tokio::test]
    async fn garbage_and_truncation_are_told_apart() {
        let mut garbage = Cursor::new([&3u32.to_le_bytes()[..], &[9, 9, 9]].concat());
        let error = SyncCodec
            .read_response(&SYNC_PROTOCOL, &mut garbage)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut stream = Vec::new();
        SyncCodec
            .write_request(
                &SYNC_PROTOCOL,
                &mut stream,
                SyncRequest::Body {
                    hash: UInt256::ZERO,
                },
            )
            .await
            .unwrap();
        stream.truncate(20);
        let error = SyncCodec
            .read_request(&SYNC_PROTOCOL, &mut Cursor::new(stream))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
