//! The body of a RecoveryMessage: other validators' messages without what the receiver can work out.

use neo_primitives::{Height, Signature, UInt256, ValidatorIndex};

use super::content::{Body, ChangeView, Content, PrepareRequest, Reason};

/// A ChangeView. Its reason and its rejected transactions are lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangeViewCompact {
    /// Who sent it.
    pub validator: ValidatorIndex,
    /// In which view.
    pub view: u8,
    /// Its timestamp.
    pub timestamp: u64,
    /// Invocation script of its payload.
    pub invocation: Vec<u8>,
}

/// A PrepareResponse, or the PrepareRequest if it is the primary's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PreparationCompact {
    /// Who sent it.
    pub validator: ValidatorIndex,
    /// Invocation script of its payload.
    pub invocation: Vec<u8>,
}

/// A Commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitCompact {
    /// In which view.
    pub view: u8,
    /// Who sent it.
    pub validator: ValidatorIndex,
    /// The signature of the header.
    pub signature: Signature,
    /// Invocation script of its payload.
    pub invocation: Vec<u8>,
}

/// The PrepareRequest as it stands inside: with a message header of its own, which neo-go leaves at zero but
/// for the view.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InnerRequest {
    /// Height as written.
    pub height: Height,
    /// Sender as written.
    pub validator: ValidatorIndex,
    /// View as written.
    pub view: u8,
    /// The request.
    pub request: PrepareRequest,
}

/// What is said of the proposal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Preparation {
    /// It is here.
    Request(InnerRequest),
    /// It is not, but this is the hash that most responses name.
    Hash(UInt256),
    /// Nothing is known of it.
    Unknown,
}

/// The body of a RecoveryMessage.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecoveryMessage {
    /// The ChangeViews by which the sender came into its view; M at most from C#.
    pub change_views: Vec<ChangeViewCompact>,
    /// The proposal of the view.
    pub preparation: Preparation,
    /// Preparations of the view.
    pub preparations: Vec<PreparationCompact>,
    /// Commits; C# sends them only if its own is among them.
    pub commits: Vec<CommitCompact>,
}

impl RecoveryMessage {
    /// The PrepareRequest inside with the header that its primary signed: height and view are the outer
    /// message's, the sender is the primary of the view. So it is read right whether C# or neo-go wrote it.
    #[must_use]
    pub fn request(&self, outer: &Content, primary: ValidatorIndex) -> Option<Content> {
        match &self.preparation {
            Preparation::Request(inner) => Some(Content {
                height: outer.height,
                validator: primary,
                view: outer.view,
                body: Body::PrepareRequest(inner.request.clone()),
            }),
            Preparation::Hash(_) | Preparation::Unknown => None,
        }
    }
}

impl ChangeViewCompact {
    /// What the message may have been, likeliest first: its reason is not on the wire, but its signature
    /// covers it.
    pub fn candidates(&self, height: Height) -> impl Iterator<Item = Content> + use<> {
        let (validator, view, timestamp) = (self.validator, self.view, self.timestamp);
        let plain = [
            Reason::Timeout,
            Reason::ChangeAgreement,
            Reason::TransactionNotFound,
            Reason::BlockRejectedByPolicy,
            Reason::Other(0xff),
        ];
        let listed = [
            Reason::TransactionInvalid,
            Reason::TransactionRejectedByPolicy,
        ];
        let plain = plain.into_iter().map(|reason| (reason, None));
        // neo-go 0.121 leaves the list empty; older nodes have none.
        let listed = listed
            .into_iter()
            .flat_map(|reason| [(reason, Some(Vec::new())), (reason, None)]);
        plain.chain(listed).map(move |(reason, rejected)| Content {
            height,
            validator,
            view,
            body: Body::ChangeView(ChangeView {
                timestamp,
                reason,
                rejected,
            }),
        })
    }
}
