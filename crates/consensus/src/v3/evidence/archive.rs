//! What forensics keeps of one height, and the guilt that lies in it.
//!
//! For the accountability of section 6 the archive needs, from every honest validator: its decision
//! with its certificate, its prepared certificates, and the TC of each view in which it prepared. All
//! of them are in its vote log ([`VoteArchive::add_record`]). Single votes make more proofs possible and
//! are not needed for the f+1.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use neo_primitives::{Header, UInt256, ValidatorIndex};

use super::{Evidence, Guilt, Says, Statement};
use crate::v3::certificate::{
    CommitCertificate, Decision, Obligation, PreparedCertificate, Signatures,
    ViewChangeCertificate, ViewChangeEntry,
};
use crate::v3::context::HeightContext;
use crate::v3::message::{Message, Payload};
use crate::v3::record::Record;
use crate::v3::verify::SignatureCheck;
use crate::validators::View;

/// Statements kept of one validator. Who signs more has contradicted itself long before, or voted in
/// hundreds of views of one height.
pub const MAX_STATEMENTS: usize = 2_048;
/// Certificates of one kind that are kept.
pub const MAX_CERTIFICATES: usize = 1_024;
/// Headers that are kept.
const MAX_HEADERS: usize = 4_096;

/// The votes and certificates of one height, each with valid signatures.
#[derive(Clone, Debug)]
pub struct VoteArchive {
    context: Arc<HeightContext>,
    headers: BTreeMap<UInt256, Header>,
    statements: BTreeMap<ValidatorIndex, Vec<Statement>>,
    /// Header signatures whose header is not known yet.
    unattributed: Vec<Message>,
    prepared: BTreeMap<(View, UInt256, UInt256), PreparedCertificate>,
    justifications: BTreeMap<(View, UInt256), ViewChangeCertificate>,
    decisions: Vec<Decision>,
}

impl VoteArchive {
    /// An empty one.
    #[must_use]
    pub fn new(context: Arc<HeightContext>) -> Self {
        Self {
            context,
            headers: BTreeMap::new(),
            statements: BTreeMap::new(),
            unattributed: Vec::new(),
            prepared: BTreeMap::new(),
            justifications: BTreeMap::new(),
            decisions: Vec::new(),
        }
    }

    /// The height it is about.
    #[must_use]
    pub fn context(&self) -> &Arc<HeightContext> {
        &self.context
    }

    /// The decisions in it, each once.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// The prepared certificates in it, lowest view first.
    pub fn prepared(&self) -> impl Iterator<Item = &PreparedCertificate> {
        self.prepared.values()
    }

    /// The view-change certificate of a view with this hash.
    #[must_use]
    pub fn justification(&self, view: View, hash: &UInt256) -> Option<&ViewChangeCertificate> {
        self.justifications.get(&(view, *hash))
    }

    /// Takes a header of this height over; header signatures say nothing without it.
    pub fn add_header(&mut self, header: &Header) {
        let fits =
            header.index == self.context.height && header.prev_hash == self.context.prev_hash;
        let hash = header.hash();
        if !fits || self.headers.len() >= MAX_HEADERS || self.headers.contains_key(&hash) {
            return;
        }
        self.headers.insert(hash, *header);
        let waiting = std::mem::take(&mut self.unattributed);
        for message in waiting {
            self.keep_vote(&message);
        }
    }

    /// Takes a message over as far as its signatures are valid; other heights are ignored.
    pub fn add_message(&mut self, message: &Message, check: &dyn SignatureCheck) {
        if message.height != self.context.height {
            return;
        }
        match &message.payload {
            Payload::RecoveryMessage(recovery) => {
                if let Some(certificate) = &recovery.view_change {
                    self.add_view_change(certificate, check);
                }
                if let Some(certificate) = &recovery.prepared {
                    self.add_prepared(certificate, check);
                }
                if let Some(decision) = &recovery.decision {
                    self.add_decision(decision, check);
                }
                for nested in &recovery.messages {
                    if !matches!(nested.payload, Payload::RecoveryMessage(_)) {
                        self.add_message(nested, check);
                    }
                }
            }
            Payload::Proposal(proposal) => {
                self.add_header(&proposal.header);
                if let Some(certificate) = &proposal.justification {
                    self.add_view_change(certificate, check);
                }
                self.add_vote(message, check);
                let prepare = Message {
                    signature: proposal.prepare,
                    payload: Payload::Prepare {
                        hash: proposal.header.hash(),
                        justification: crate::v3::certificate::justification_hash(
                            proposal.justification.as_ref(),
                        ),
                    },
                    ..message.clone()
                };
                self.add_vote(&prepare, check);
            }
            Payload::ChangeView(change) => {
                self.add_vote(message, check);
                if let Some(prepared) = &change.prepared {
                    self.add_prepared(prepared, check);
                }
            }
            _ => self.add_vote(message, check),
        }
    }

    /// Takes a record of a validator's vote log over.
    pub fn add_record(&mut self, record: &Record, check: &dyn SignatureCheck) {
        if record.height() != Some(self.context.height) {
            return;
        }
        match record {
            Record::Own(message) => self.add_message(message, check),
            Record::Body(body) => self.add_header(&body.header),
            Record::Prepared { certificate, .. } => self.add_prepared(certificate, check),
            Record::ViewChange { certificate, .. } => self.add_view_change(certificate, check),
            Record::Decision { decision, .. } => self.add_decision(decision, check),
            Record::Silenced | Record::Resumed { .. } | Record::Forgotten { .. } => {}
        }
    }

    /// Takes a prepared certificate over, and the Prepares in it.
    pub fn add_prepared(&mut self, certificate: &PreparedCertificate, check: &dyn SignatureCheck) {
        let key = (
            certificate.view,
            certificate.hash,
            certificate.justification,
        );
        let mut obligations = Vec::new();
        let formed = self
            .context
            .prepared_obligations(certificate, &mut obligations);
        let full = self.prepared.len() >= MAX_CERTIFICATES || self.prepared.contains_key(&key);
        if full || formed.is_err() || !check.all_valid(&self.context, &obligations) {
            return;
        }
        self.prepared.insert(key, certificate.clone());
        let says = Says::Prepare {
            hash: certificate.hash,
            justification: certificate.justification,
        };
        self.keep_signed(certificate.view, says, &certificate.signatures);
    }

    /// Takes a view-change certificate over, and the ChangeViews in it. One whose prepared certificate
    /// does not fit is kept as well: it may be what somebody signed.
    pub fn add_view_change(
        &mut self,
        certificate: &ViewChangeCertificate,
        check: &dyn SignatureCheck,
    ) {
        let key = (certificate.view, certificate.justification());
        if self.justifications.len() >= MAX_CERTIFICATES || self.justifications.contains_key(&key) {
            return;
        }
        self.justifications.insert(key, certificate.clone());
        if let Some(prepared) = &certificate.prepared {
            self.add_prepared(prepared, check);
        }
        for (sender, ViewChangeEntry { claim, signature }) in &certificate.entries {
            let statement = Statement {
                sender: *sender,
                view: certificate.view,
                says: Says::ChangeView { claim: *claim },
                signature: *signature,
            };
            self.add_statement(statement, check);
        }
    }

    /// Takes a decision over, and the PreCommits or header signatures in it.
    pub fn add_decision(&mut self, decision: &Decision, check: &dyn SignatureCheck) {
        let mut obligations = Vec::new();
        let bare = match decision {
            Decision::Certificate(certificate) => {
                if let Some(prepared) = &certificate.prepared {
                    self.add_prepared(prepared, check);
                }
                Decision::Certificate(CommitCertificate {
                    prepared: None,
                    ..certificate.clone()
                })
            }
            signed => signed.clone(),
        };
        let formed = self.context.decision_obligations(&bare, &mut obligations);
        let full = self.decisions.len() >= MAX_CERTIFICATES || self.decisions.contains(&bare);
        if full || formed.is_err() || !check.all_valid(&self.context, &obligations) {
            return;
        }
        match &bare {
            Decision::Certificate(certificate) => {
                let says = Says::PreCommit {
                    hash: certificate.hash,
                };
                self.keep_signed(certificate.view, says, &certificate.signatures);
            }
            Decision::HeaderSignatures { hash, signatures } => {
                for (sender, signature) in signatures.iter() {
                    let commit = Message {
                        height: self.context.height,
                        view: View::ZERO,
                        sender,
                        signature: *signature,
                        payload: Payload::Commit { hash: *hash },
                    };
                    self.keep_vote(&commit);
                }
            }
        }
        self.decisions.push(bare);
    }

    /// All guilt in it: of each validator one proof of each form and view.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        let mut found = BTreeMap::new();
        let mut note = |guilt: Guilt| {
            let evidence = Evidence::new(&self.context, guilt);
            let key = (evidence.culprit(), evidence.guilt.name(), evidence.view());
            found.entry(key).or_insert(evidence);
        };
        for statements in self.statements.values() {
            for (at, one) in statements.iter().enumerate() {
                Guilt::of_one(one).into_iter().for_each(&mut note);
                let others = statements.iter().skip(at + 1);
                others
                    .filter_map(|other| Guilt::of_pair(one, other))
                    .for_each(&mut note);
            }
            for vote in statements {
                self.against_justification(vote, statements, &mut note);
            }
        }
        found.into_values().collect()
    }

    /// The validators that it proves guilty.
    #[must_use]
    pub fn culprits(&self) -> BTreeSet<ValidatorIndex> {
        self.evidence().iter().map(Evidence::culprit).collect()
    }

    fn against_justification(
        &self,
        vote: &Statement,
        statements: &[Statement],
        note: &mut impl FnMut(Guilt),
    ) {
        let Some((hash, justification)) = vote.ballot() else {
            return;
        };
        let Some(certificate) = self.justification(vote.view, &justification) else {
            return;
        };
        let bound = bound(certificate);
        let entries_signed = certificate.entries.iter().all(|(sender, entry)| {
            let says = Says::ChangeView { claim: entry.claim };
            self.statements.get(sender).is_some_and(|held| {
                held.iter()
                    .any(|statement| statement.view == certificate.view && statement.says == says)
            })
        });
        let mut obligations = Vec::new();
        let formed = self
            .context
            .view_change_obligations(certificate, &mut obligations);
        let admits = crate::v3::safety::admits(Some(certificate), &hash);
        if !entries_signed || formed.is_err() || !admits {
            note(Guilt::Unjustified {
                vote: vote.clone(),
                justification: Box::new(bound.clone()),
            });
        }
        let Some(prepared) = &certificate.prepared else {
            return;
        };
        for later in statements {
            let Says::ChangeView { claim } = &later.says else {
                continue;
            };
            if later.view > vote.view && super::statement::falls_short(claim, prepared.view, None) {
                note(Guilt::ForgottenJustification {
                    vote: vote.clone(),
                    justification: Box::new(bound.clone()),
                    change_view: later.clone(),
                });
            }
        }
    }

    fn add_vote(&mut self, message: &Message, check: &dyn SignatureCheck) {
        let obligation = Obligation {
            validator: message.sender,
            preimage: message.preimage(&self.context),
            signature: message.signature,
        };
        let member = self.context.validators.contains(message.sender);
        if member && check.all_valid(&self.context, &[obligation]) {
            self.keep_vote(message);
        }
    }

    fn keep_vote(&mut self, message: &Message) {
        let headers = &self.headers;
        match Statement::of(message, |hash| headers.get(hash).copied()) {
            Some(statement) => self.keep(statement),
            None if matches!(message.payload, Payload::Commit { .. }) => {
                let known = self.unattributed.contains(message);
                if !known && self.unattributed.len() < MAX_CERTIFICATES {
                    self.unattributed.push(message.clone());
                }
            }
            None => {}
        }
    }

    fn add_statement(&mut self, statement: Statement, check: &dyn SignatureCheck) {
        let obligation = Obligation {
            validator: statement.sender,
            preimage: statement.preimage(&self.context),
            signature: statement.signature,
        };
        let member = self.context.validators.contains(statement.sender);
        if member && check.all_valid(&self.context, &[obligation]) {
            self.keep(statement);
        }
    }

    fn keep_signed(&mut self, view: View, says: Says, signatures: &Signatures) {
        for (sender, signature) in signatures.iter() {
            self.keep(Statement {
                sender,
                view,
                says,
                signature: *signature,
            });
        }
    }

    /// The same words signed twice are one statement.
    fn keep(&mut self, statement: Statement) {
        let held = self.statements.entry(statement.sender).or_default();
        let known = held
            .iter()
            .any(|other| other.view == statement.view && other.says == statement.says);
        if !known && held.len() < MAX_STATEMENTS {
            held.push(statement);
        }
    }
}

/// A certificate without what its hash does not bind.
pub(super) fn bound(certificate: &ViewChangeCertificate) -> ViewChangeCertificate {
    let mut bound = certificate.clone();
    if let Some(prepared) = &mut bound.prepared {
        prepared.justification = UInt256::ZERO;
    }
    bound
}
