//! The proof of a validator's key on a connection of the mesh.

use neo_primitives::Magic;

use super::{Asked, Malformed, wrong};
use crate::proto::votes::SignPeerRequest;
use crate::statement::Statement;

/// No vote of dBFT 3.0 begins like this: where votes have their magic and kind, this has `/peer`, and no kind is `r`.
const DOMAIN: &[u8] = b"neo-dbft/3/peer";
/// Most bytes of a peer id.
const MAX_PEER_ID: usize = 64;

impl Asked {
    /// The signature that binds the key to the connection between two peers.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn peer(magic: Magic, request: &SignPeerRequest) -> Result<Self, Malformed> {
        let own = peer_id("own", &request.own)?;
        let remote = peer_id("remote", &request.remote)?;
        let preimage = [DOMAIN, &magic.0.to_le_bytes(), own, remote].concat();
        Ok(Self {
            kind: "Peer",
            height: None,
            view: None,
            subject: None,
            statement: Statement::Free,
            preimage,
        })
    }
}

fn peer_id<'a>(field: &'static str, bytes: &'a [u8]) -> Result<&'a [u8], Malformed> {
    match bytes.len() {
        1..=MAX_PEER_ID => Ok(bytes),
        length => Err(wrong(
            field,
            format!("{length} bytes, a peer id has 1 to {MAX_PEER_ID}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MAGIC, vote};
    use neo_consensus::v3::context::MessageKind;

    fn request(own: usize, remote: usize) -> SignPeerRequest {
        SignPeerRequest {
            network: MAGIC.0,
            public_key: vec![],
            own: vec![1; own],
            remote: vec![2; remote],
        }
    }

    #[test]
    fn it_is_no_vote_whatever_the_network() {
        let peer = Asked::peer(MAGIC, &request(38, 38)).unwrap();
        assert_eq!(peer.statement, Statement::Free);
        // The magic of a network that would make a vote begin with the same bytes, and its kind behind it.
        let magic = Magic(u32::from_le_bytes(*b"/pee"));
        for kind in MessageKind::ALL {
            if let Ok(vote) = Asked::vote(magic, &vote(kind, 1, 0, 1)) {
                assert!(!vote.preimage.starts_with(DOMAIN), "{kind:?}");
            }
        }
    }

    #[test]
    fn peer_ids_have_a_length() {
        for (own, remote, expected) in [
            (0, 38, "own: 0 bytes"),
            (65, 38, "own: 65 bytes"),
            (38, 0, "remote: 0 bytes"),
        ] {
            let error = Asked::peer(MAGIC, &request(own, remote)).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}
