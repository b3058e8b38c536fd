//! The signed bytes of protocol sections 2 and 3, derived here a second time.

use neo_consensus::View;
use neo_consensus::v3::certificate::{Claim, ViewChangeCertificate};
use neo_primitives::{Height, Magic, UInt256, sha256};

/// Type byte of a vote that signs more than a header (section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Proposal = 1,
    Prepare = 2,
    PreCommit = 3,
    ChangeView = 4,
    RecoveryRequest = 5,
    RecoveryMessage = 6,
    Suspect = 7,
}

/// What the signatures of one height share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) magic: Magic,
    pub(crate) prev_hash: UInt256,
    pub(crate) height: Height,
}

/// Longest body that is signed as it is: H ‖ J.
const LONGEST_BODY: usize = 64;
/// Domain, magic, type, previous hash, height, view.
const HEAD: usize = 10 + 4 + 1 + 32 + 4 + 4;

/// Signed bytes without an allocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed {
    bytes: [u8; HEAD + LONGEST_BODY],
    length: usize,
}

impl Signed {
    fn new() -> Self {
        Self {
            bytes: [0; HEAD + LONGEST_BODY],
            length: 0,
        }
    }

    fn with(mut self, part: &[u8]) -> Self {
        let end = self.length + part.len();
        self.bytes[self.length..end].copy_from_slice(part);
        self.length = end;
        self
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Place {
    fn head(&self, kind: Type, view: View) -> Signed {
        Signed::new()
            .with(b"neo-dbft/3")
            .with(&self.magic.0.to_le_bytes())
            .with(&[kind as u8])
            .with(self.prev_hash.as_wire())
            .with(&self.height.0.to_le_bytes())
            .with(&view.0.to_le_bytes())
    }

    pub(crate) fn proposal(&self, view: View, hash: &UInt256, justification: &UInt256) -> Signed {
        self.head(Type::Proposal, view)
            .with(hash.as_wire())
            .with(justification.as_wire())
    }

    pub(crate) fn prepare(&self, view: View, hash: &UInt256, justification: &UInt256) -> Signed {
        self.head(Type::Prepare, view)
            .with(hash.as_wire())
            .with(justification.as_wire())
    }

    pub(crate) fn pre_commit(&self, view: View, hash: &UInt256) -> Signed {
        self.head(Type::PreCommit, view).with(hash.as_wire())
    }

    pub(crate) fn change_view(&self, view: View, claim: &Claim) -> Signed {
        claim_onto(self.head(Type::ChangeView, view), claim)
    }

    pub(crate) fn suspect(&self, view: View) -> Signed {
        self.head(Type::Suspect, view)
    }

    /// Of a request: `digest` is the SHA-256 of its payload.
    pub(crate) fn request(&self, view: View, digest: &[u8; 32]) -> Signed {
        self.head(Type::RecoveryRequest, view).with(digest)
    }

    /// Of a recovery message: `digest` is the SHA-256 of its payload.
    pub(crate) fn recovery(&self, view: View, digest: &[u8; 32]) -> Signed {
        self.head(Type::RecoveryMessage, view).with(digest)
    }

    /// A Commit signs the Neo header: magic ‖ H.
    pub(crate) fn header(&self, hash: &UInt256) -> Signed {
        Signed::new()
            .with(&self.magic.0.to_le_bytes())
            .with(hash.as_wire())
    }
}

fn claim_onto(signed: Signed, claim: &Claim) -> Signed {
    match claim {
        None => signed.with(&[0]),
        Some(claim) => signed
            .with(&[1])
            .with(&claim.view.0.to_le_bytes())
            .with(claim.hash.as_wire()),
    }
}

/// J (section 3): zeros without a certificate, otherwise SHA-256 over its entries and over the signers
/// of its prepared certificate.
pub(crate) fn justification_hash(certificate: Option<&ViewChangeCertificate>) -> UInt256 {
    let Some(certificate) = certificate else {
        return UInt256::from_wire([0; 32]);
    };
    let mut bytes = Vec::new();
    for (index, entry) in &certificate.entries {
        bytes.push(index.0);
        bytes.extend_from_slice(claim_onto(Signed::new(), &entry.claim).as_bytes());
        bytes.extend_from_slice(&entry.signature.0);
    }
    if let Some(prepared) = &certificate.prepared {
        bytes.extend_from_slice(&prepared.view.0.to_le_bytes());
        bytes.extend_from_slice(prepared.hash.as_wire());
        for (index, signature) in prepared.signatures.iter() {
            bytes.push(index.0);
            bytes.extend_from_slice(&signature.0);
        }
    }
    UInt256::from_wire(sha256(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::v3::certificate::PreparedClaim;

    #[test]
    fn votes_sign_the_documented_bytes() {
        let place = Place {
            magic: Magic(0x0403_0201),
            prev_hash: UInt256::from_wire([9; 32]),
            height: Height(7),
        };
        let head = |kind: u8, view: u8| {
            let mut bytes = b"neo-dbft/3\x01\x02\x03\x04".to_vec();
            bytes.push(kind);
            bytes.extend([9; 32]);
            bytes.extend([7, 0, 0, 0, view, 0, 0, 0]);
            bytes
        };
        let (hash, other) = (
            UInt256::from_wire([0xaa; 32]),
            UInt256::from_wire([0xbb; 32]),
        );
        let both = [[0xaa; 32], [0xbb; 32]].concat();
        let view = View(2);
        let claim = Some(PreparedClaim {
            view: View(1),
            hash,
        });
        let digest = [5; 32];
        let cases = [
            (
                place.proposal(view, &hash, &other),
                [head(1, 2), both.clone()].concat(),
            ),
            (
                place.prepare(view, &hash, &other),
                [head(2, 2), both].concat(),
            ),
            (
                place.pre_commit(view, &hash),
                [head(3, 2), vec![0xaa; 32]].concat(),
            ),
            (
                place.change_view(view, &None),
                [head(4, 2), vec![0]].concat(),
            ),
            (
                place.change_view(view, &claim),
                [head(4, 2), vec![1, 1, 0, 0, 0], vec![0xaa; 32]].concat(),
            ),
            (
                place.recovery(view, &digest),
                [head(6, 2), vec![5; 32]].concat(),
            ),
            (
                place.request(view, &digest),
                [head(5, 2), vec![5; 32]].concat(),
            ),
            (place.suspect(view), head(7, 2)),
            (
                place.header(&hash),
                [vec![1, 2, 3, 4], vec![0xaa; 32]].concat(),
            ),
        ];
        for (signed, expected) in cases {
            assert_eq!(signed.as_bytes(), expected);
        }
    }
}
