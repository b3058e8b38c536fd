//! A message in its envelope: signed by the account of its validator.

use std::sync::Arc;

use neo_primitives::{
    Decode, DecodeError, Encode, ExtensiblePayload, Height, Magic, PublicKey, Reader, Signature,
    UInt256, ValidatorIndex, Witness, parse_signature_script, parse_signatures, sign_data,
    signature_script, single_signature_witness,
};

use super::content::{Body, Content, Kind};
use crate::engine::Signer;
use crate::v3::certificate::Obligation;
use crate::v3::context::HeightContext;

/// Category of the payloads of consensus.
pub const CATEGORY: &str = "dBFT";

/// Why a payload is no consensus message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It belongs to another service.
    #[error("category {0:?}, consensus has \"{CATEGORY}\"")]
    Category(String),
    /// Its data do not read.
    #[error("consensus message: {0}")]
    Data(#[from] DecodeError),
}

/// A signed message: the envelope as it was received or made, and what it says.
#[derive(Clone, Debug)]
pub struct Message {
    payload: Arc<ExtensiblePayload>,
    content: Arc<Content>,
    hash: UInt256,
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.payload == other.payload
    }
}

impl Eq for Message {}

impl Message {
    /// Reads the message in a payload. Its witness is not checked here.
    ///
    /// # Errors
    /// [`MessageError`].
    pub fn from_payload(payload: ExtensiblePayload) -> Result<Self, MessageError> {
        if payload.category != CATEGORY {
            return Err(MessageError::Category(payload.category));
        }
        let content = Content::from_data(&payload.data)?;
        Ok(Self::new(payload, content))
    }

    fn new(payload: ExtensiblePayload, content: Content) -> Self {
        Self {
            hash: payload.hash(),
            payload: Arc::new(payload),
            content: Arc::new(content),
        }
    }

    /// The message with this content that `key` signed with this invocation script, as far as its bytes are
    /// those that its sender made.
    pub(super) fn rebuilt(content: Content, key: &PublicKey, invocation: Vec<u8>) -> Self {
        let mut payload = unsigned(&content, key);
        payload.witness = Witness {
            invocation,
            verification: signature_script(key),
        };
        Self::new(payload, content)
    }

    /// The envelope.
    #[must_use]
    pub fn payload(&self) -> &ExtensiblePayload {
        &self.payload
    }

    /// What it says.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Hash of the envelope: what PrepareResponses name.
    #[must_use]
    pub fn hash(&self) -> UInt256 {
        self.hash
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.content.kind()
    }

    /// Its height.
    #[must_use]
    pub fn height(&self) -> Height {
        self.content.height
    }

    /// Its view.
    #[must_use]
    pub fn view(&self) -> u8 {
        self.content.view
    }

    /// Whom it claims to come from.
    #[must_use]
    pub fn validator(&self) -> ValidatorIndex {
        self.content.validator
    }

    /// The key in its verification script, if the script has the form of a single signature. Whether that
    /// key is the validator's and has signed is not known yet. A driver whose peers are no validators gives
    /// this key as the connection it came from.
    #[must_use]
    pub fn claimed_key(&self) -> Option<PublicKey> {
        let key = parse_signature_script(&self.payload.witness.verification)?;
        PublicKey::from_bytes(&key).ok()
    }

    /// What has to hold for it to be the message of the validator it names: `None` if its envelope says
    /// otherwise whatever the signature.
    pub(super) fn obligation(&self, context: &HeightContext) -> Option<Obligation> {
        let validator = self.validator();
        let key = context.validators.key(validator)?;
        let payload = &self.payload;
        let fits = payload.sender == key.script_hash()
            && payload.witness.verification == signature_script(key)
            && payload.valid_block_end == self.height();
        let signatures = parse_signatures(&payload.witness.invocation)?;
        match signatures[..] {
            [signature] if fits => Some(Obligation {
                validator,
                preimage: sign_data(context.magic, &self.hash).to_vec(),
                signature,
            }),
            _ => None,
        }
    }
}

impl Encode for Message {
    fn encode(&self, out: &mut Vec<u8>) {
        self.payload.encode(out);
    }

    fn encoded_len(&self) -> usize {
        self.payload.encoded_len()
    }
}

impl Decode for Message {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let payload = ExtensiblePayload::decode(reader)?;
        Self::from_payload(payload).map_err(|error| match error {
            MessageError::Data(error) => error,
            other @ MessageError::Category(_) => reader.invalid(other.to_string()),
        })
    }
}

/// The envelope of a content, without a signature.
fn unsigned(content: &Content, key: &PublicKey) -> ExtensiblePayload {
    ExtensiblePayload {
        category: CATEGORY.to_owned(),
        valid_block_start: Height(0),
        valid_block_end: content.height,
        sender: key.script_hash(),
        data: content.to_bytes(),
        witness: Witness::default(),
    }
}

/// A message that the engine wants to send and that is still to be signed.
#[derive(Clone, Debug)]
pub struct Draft {
    context: Arc<HeightContext>,
    key: PublicKey,
    content: Content,
    header: Option<UInt256>,
}

impl Draft {
    pub(super) fn new(context: &Arc<HeightContext>, key: &PublicKey, content: Content) -> Self {
        Self {
            context: Arc::clone(context),
            key: key.clone(),
            content,
            header: None,
        }
    }

    /// A Commit: the signature in its body is made together with that of the envelope.
    pub(super) fn commit(
        context: &Arc<HeightContext>,
        key: &PublicKey,
        validator: ValidatorIndex,
        view: u8,
        header: UInt256,
    ) -> Self {
        let content = Content {
            height: context.height,
            validator,
            view,
            body: Body::Commit {
                signature: Signature([0; 64]),
            },
        };
        Self {
            header: Some(header),
            ..Self::new(context, key, content)
        }
    }

    /// What it says; a Commit's signature is still empty.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Another content in its place, for tests of what other implementations and liars send.
    #[cfg(test)]
    pub(super) fn bent(mut self, bend: impl FnOnce(&mut Content)) -> Self {
        bend(&mut self.content);
        self
    }

    /// The network that it is signed for.
    #[must_use]
    pub fn magic(&self) -> Magic {
        self.context.magic
    }

    /// Of a Commit: the hash of the header whose signature is its body.
    #[must_use]
    pub fn header(&self) -> Option<UInt256> {
        self.header
    }

    /// The message in its envelope, which is still to be signed; `signature` is that of [`Draft::header`] and goes
    /// into the body of a Commit.
    #[must_use]
    pub fn enveloped(self, signature: Option<Signature>) -> Enveloped {
        let Self {
            context,
            key,
            mut content,
            header,
        } = self;
        if let (Some(_), Some(made), Body::Commit { signature }) =
            (header, signature, &mut content.body)
        {
            *signature = made;
        }
        Enveloped {
            payload: unsigned(&content, &key),
            magic: context.magic,
            content,
            key,
        }
    }

    /// Signs it.
    #[must_use]
    pub fn sign(self, signer: &dyn Signer) -> Message {
        let magic = self.magic();
        let header = self.header();
        let header = header.map(|header| signer.sign(&sign_data(magic, &header)));
        let enveloped = self.enveloped(header);
        let signature = signer.sign(&enveloped.preimage());
        enveloped.sealed(signature)
    }
}

/// An own message that is complete but for the signature of its envelope.
#[derive(Clone, Debug)]
pub struct Enveloped {
    payload: ExtensiblePayload,
    content: Content,
    key: PublicKey,
    magic: Magic,
}

impl Enveloped {
    /// The envelope with an empty witness.
    #[must_use]
    pub fn payload(&self) -> &ExtensiblePayload {
        &self.payload
    }

    /// The bytes to sign.
    #[must_use]
    pub fn preimage(&self) -> [u8; 36] {
        sign_data(self.magic, &self.payload.hash())
    }

    /// The message with this signature.
    #[must_use]
    pub fn sealed(mut self, signature: Signature) -> Message {
        self.payload.witness = single_signature_witness(signature, &self.key);
        Message::new(self.payload, self.content)
    }
}

/// An own message that came back from the signer: the driver signed it, nobody needs to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnMessage(Message);

impl OwnMessage {
    /// Signs a draft of the engine.
    #[must_use]
    pub fn sign(draft: Draft, signer: &dyn Signer) -> Self {
        Self(draft.sign(signer))
    }

    /// A draft of the engine that was signed elsewhere.
    #[must_use]
    pub fn sealed(enveloped: Enveloped, signature: Signature) -> Self {
        Self(enveloped.sealed(signature))
    }

    /// The signed message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.0
    }

    pub(super) fn into_inner(self) -> Message {
        self.0
    }
}
