//! Headers that extend the stored chain.

use neo_primitives::{Header, Height, Magic, SignedHeader, UInt160, UInt256, verify_witness};

use super::super::refusal::NeoRefusal;

/// What the next header is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) height: Height,
    pub(crate) hash: UInt256,
    pub(crate) timestamp: u64,
    pub(crate) next_consensus: UInt160,
}

impl Link {
    pub(crate) fn of(header: &Header) -> Self {
        Self {
            height: header.index,
            hash: header.hash(),
            timestamp: header.timestamp,
            next_consensus: header.next_consensus,
        }
    }

    /// The link of the header after this one, once it is verified: version, height, previous hash, time, and the
    /// signatures of the account that this one names.
    ///
    /// # Errors
    /// [`NeoRefusal::BadHeader`] names the field.
    pub(crate) fn follow(&self, next: &SignedHeader, magic: Magic) -> Result<Self, NeoRefusal> {
        let header = &next.header;
        let bad = |reason: String| NeoRefusal::BadHeader {
            height: header.index,
            reason,
        };
        if header.version != 0 {
            return Err(bad(format!("version {}, only 0 is known", header.version)));
        }
        if self.height.checked_add(1) != Some(header.index) {
            return Err(bad(format!("it does not follow {}", self.height)));
        }
        if header.prev_hash != self.hash {
            return Err(bad(format!(
                "previous hash {}, the block before is {}",
                header.prev_hash, self.hash
            )));
        }
        if header.timestamp <= self.timestamp {
            return Err(bad(format!(
                "timestamp {} is not after {}",
                header.timestamp, self.timestamp
            )));
        }
        let link = Self::of(header);
        verify_witness(&self.next_consensus, &next.witness, magic, &link.hash)
            .map_err(|error| bad(format!("witness: {error}")))?;
        Ok(link)
    }
}

/// Verifies headers in a row after `link`.
///
/// # Errors
/// The first [`NeoRefusal::BadHeader`].
pub(crate) fn follow_all(
    mut link: Link,
    headers: Vec<SignedHeader>,
    magic: Magic,
) -> Result<Vec<(Link, SignedHeader)>, NeoRefusal> {
    let mut verified = Vec::with_capacity(headers.len());
    for header in headers {
        link = link.follow(&header, magic)?;
        verified.push((link, header));
    }
    Ok(verified)
}
