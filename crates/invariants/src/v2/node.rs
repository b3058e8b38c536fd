//! What one validator has said in all its lives, and what it may say.

use std::collections::{BTreeMap, BTreeSet};

use neo_consensus::engine::HeightInfo;
use neo_consensus::v2::{Body, Kind, Message, Record};
use neo_primitives::{
    Block, Height, Signature, UInt160, UInt256, ValidatorIndex, parse_signatures,
};

use super::heard::Heard;
use super::lock::Standing;
use super::payload;
use crate::findings::Findings;
use crate::observation::Setup;
use crate::violation::Invariant;

/// Heights whose votes are remembered.
const REMEMBERED: usize = 4_096;

/// What a validator said at one height, as far as it was durable.
#[derive(Clone, Debug, Default)]
struct Said {
    /// Hashes of its own messages.
    messages: BTreeSet<UInt256>,
    /// Its PrepareRequest or PrepareResponse of each view.
    preparations: BTreeMap<u8, UInt256>,
    commit: Option<(u8, UInt256)>,
    /// The greatest view asked for.
    asked: u8,
    /// Views that it has entered, 0 aside.
    entered: BTreeSet<u8>,
    /// Blocks on record.
    bodies: BTreeSet<UInt256>,
    /// By view the blocks with M preparations on record.
    prepared: BTreeSet<(u8, UInt256)>,
}

impl Said {
    fn view(&self) -> u8 {
        let entered = self.entered.last().copied().unwrap_or_default();
        self.commit.map_or(entered, |(view, _)| view)
    }
}

/// The open height.
#[derive(Clone, Copy, Debug)]
struct Open {
    height: Height,
    parent: UInt256,
    timestamp: u64,
    next_consensus: UInt160,
}

/// One node.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    validator: Option<ValidatorIndex>,
    up: bool,
    silent: bool,
    open: Option<Open>,
    said: BTreeMap<Height, Said>,
    spoke: Height,
    pub(super) heard: Heard,
    /// The block that it has put together itself.
    finished: Option<Finished>,
}

/// A block that a node has put together.
#[derive(Clone, Debug)]
struct Finished {
    height: Height,
    hash: UInt256,
    /// Commits that it must have known then, with their views.
    known: BTreeSet<(u8, ValidatorIndex)>,
}

impl Node {
    pub(super) fn is(&self, index: ValidatorIndex) -> bool {
        self.validator == Some(index)
    }

    /// Whether it runs and is not silent.
    pub(super) fn votes(&self) -> bool {
        self.up && !self.silent && self.validator.is_some()
    }

    pub(super) fn standing(&self, height: Height) -> Standing {
        let said = self.said.get(&height);
        Standing {
            runs: self.votes(),
            committed: said.and_then(|said| said.commit).map(|(view, _)| view),
            view: said.map_or(0, Said::view),
            asked: said.map_or(0, |said| said.asked),
            spoke: self.spoke,
        }
    }

    pub(super) fn started(
        &mut self,
        validator: Option<ValidatorIndex>,
        log_intact: bool,
        records: &[Record],
    ) {
        self.validator = validator;
        self.up = true;
        self.open = None;
        self.finished = None;
        let mut marks = records.iter().filter_map(|record| match record {
            Record::Silenced => Some(true),
            Record::Resumed { .. } => Some(false),
            _ => None,
        });
        self.silent = !log_intact || marks.next_back().unwrap_or_default();
        for record in records {
            if let Record::Context { messages, .. } = record {
                self.heard.restored(messages);
            }
        }
    }

    pub(super) fn crashed(&mut self) {
        self.up = false;
        self.open = None;
        self.heard.forget();
    }

    pub(super) fn opened(&mut self, info: &HeightInfo) {
        self.open = Some(Open {
            height: info.height,
            parent: info.parent_hash,
            timestamp: info.parent.timestamp,
            next_consensus: info.next_consensus,
        });
        self.heard.opened(info.height);
    }

    pub(super) fn stored(&mut self, height: Height) {
        self.heard.stored(height);
        while self.said.len() > REMEMBERED {
            self.said.pop_first();
        }
    }

    pub(super) fn decided(&mut self, height: Height, hash: UInt256) {
        let known = self.heard.known(height);
        self.finished = Some(Finished {
            height,
            hash,
            known,
        });
    }

    /// Records became durable: everything that binds is among them before it leaves.
    pub(super) fn durable(&mut self, records: &[Record], setup: &Setup, findings: &mut Findings) {
        // Who goes along into a view says so in the view that it leaves by the same step.
        let (leaving, others): (Vec<_>, Vec<_>) = records
            .iter()
            .filter_map(|record| match record {
                Record::Own(message) => Some(message),
                _ => None,
            })
            .partition(|message| message.kind() == Kind::ChangeView);
        self.all_own(&leaving, setup, findings);
        for record in records {
            match record {
                Record::Body(body) => {
                    let said = self.said.entry(body.header.index).or_default();
                    said.bodies.insert(body.hash());
                }
                Record::Context {
                    height,
                    view,
                    messages,
                } => self.context(*height, *view, messages, setup, findings),
                Record::Resumed { .. } => self.silent = false,
                Record::Silenced => self.silent = true,
                Record::Own(_) | Record::Forgotten { .. } => {}
            }
        }
        self.all_own(&others, setup, findings);
    }

    fn all_own(&mut self, messages: &[&Message], setup: &Setup, findings: &mut Findings) {
        for message in messages {
            if let Err((invariant, what)) = self.own(message, setup) {
                findings.report(invariant, Some(message.height()), what);
            }
        }
    }

    /// What a node holds: nobody's word without its signature, and a view only with M ChangeViews.
    fn context(
        &mut self,
        height: Height,
        view: u8,
        messages: &[Message],
        setup: &Setup,
        findings: &mut Findings,
    ) {
        for message in messages {
            if message.height() != height || !payload::is_signed(message, setup) {
                let what = format!(
                    "{} of validator {} on record without its signature",
                    message.kind().name(),
                    message.validator()
                );
                findings.report(Invariant::CertificateInvalid, Some(height), what);
                return;
            }
        }
        let quorum = setup.validators.quorum();
        let asks = |message: &&Message| {
            let asked = message.content().new_view();
            asked.is_some_and(|asked| asked >= view)
        };
        let asking: BTreeSet<_> = messages
            .iter()
            .filter(asks)
            .map(Message::validator)
            .collect();
        if view > 0 && asking.len() < quorum {
            let what = format!("view {view} with ChangeViews of {asking:?}, {quorum} are needed");
            findings.report(Invariant::ViewChange, Some(height), what);
        }
        let prepared = self.prepared(height, view, messages, setup);
        let said = self.said.entry(height).or_default();
        if view > 0 {
            said.entered.insert(view);
        }
        said.prepared.extend(prepared.map(|hash| (view, hash)));
    }

    /// The block of a view that M preparations on record are for.
    fn prepared(
        &self,
        height: Height,
        view: u8,
        messages: &[Message],
        setup: &Setup,
    ) -> Option<UInt256> {
        let open = self.open.filter(|open| open.height == height)?;
        let primary = payload::primary(height, view, setup);
        let of_view = || messages.iter().filter(|message| message.view() == view);
        let (message, request) = of_view()
            .filter(|message| message.validator() == primary)
            .find_map(|message| Some((message, payload::request(message)?)))?;
        let responses = of_view().filter(|response| {
            matches!(response.content().body, Body::PrepareResponse { preparation }
                if preparation == message.hash() && response.validator() != primary)
        });
        let validators: BTreeSet<_> = responses.map(Message::validator).collect();
        if validators.len() + 1 < setup.validators.quorum() {
            return None;
        }
        Some(payload::header(request, height, primary, open.next_consensus).hash())
    }

    fn own(&mut self, message: &Message, setup: &Setup) -> Result<(), (Invariant, String)> {
        let (height, view, kind) = (message.height(), message.view(), message.kind());
        let name = format!("{} of view {view}", kind.name());
        let breach = |invariant, what: &str| Err((invariant, format!("{name} {what}")));
        if self.silent {
            return breach(Invariant::Silence, "though the vote log was lost");
        }
        if !self.is(message.validator()) || !payload::is_signed(message, setup) {
            return breach(Invariant::CertificateInvalid, "without the own signature");
        }
        let heard = self.heard.committed_or_lost(height, setup);
        let released = heard > setup.validators.faulty();
        let open = self.open.filter(|open| open.height == height);
        let said = self.said.entry(height).or_default();
        if !said.messages.insert(message.hash()) {
            return Ok(());
        }
        if let Some((committed, _)) = said.commit
            && kind != Kind::Commit
        {
            return breach(
                Invariant::HereAndNow,
                &format!("after the Commit of view {committed}"),
            );
        }
        if view < said.view() {
            return breach(Invariant::HereAndNow, &format!("in view {}", said.view()));
        }
        let left = said.asked > view && !released;
        match &message.content().body {
            Body::ChangeView(_) => {
                said.asked = said
                    .asked
                    .max(message.content().new_view().unwrap_or_default());
            }
            Body::PrepareRequest(_) | Body::PrepareResponse { .. } => {
                let first = *said
                    .preparations
                    .entry(view)
                    .or_insert_with(|| message.hash());
                if first != message.hash() {
                    return breach(Invariant::OneOfEach, "is the second preparation");
                }
                if left {
                    return breach(Invariant::HereAndNow, "after a ChangeView");
                }
                if let Some(request) = payload::request(message) {
                    let own = payload::primary(height, view, setup) == message.validator();
                    let fits = open.is_some_and(|open| {
                        request.version == 0
                            && request.prev_hash == open.parent
                            && request.timestamp > open.timestamp
                    });
                    if !own || !fits {
                        return breach(Invariant::FreshHeader, "is not what the view needs");
                    }
                }
            }
            Body::Commit { signature } => {
                let (committed, hash) = *said.commit.get_or_insert((view, message.hash()));
                if (committed, hash) != (view, message.hash()) {
                    return breach(
                        Invariant::OneOfEach,
                        &format!("after another one of view {committed}"),
                    );
                }
                if left {
                    return breach(Invariant::HereAndNow, "after a ChangeView");
                }
                return committed_to(said, view, message.validator(), signature, setup)
                    .map_err(|(invariant, what)| (invariant, format!("{name} {what}")));
            }
            Body::RecoveryRequest { .. } | Body::RecoveryMessage(_) => {}
        }
        Ok(())
    }

    /// A message leaves.
    pub(super) fn sent(&mut self, message: &Message, again: bool, findings: &mut Findings) {
        let (height, view) = (message.height(), message.view());
        self.spoke = self.spoke.max(height);
        let said = self.said.get(&height);
        let binds = !matches!(
            message.kind(),
            Kind::RecoveryRequest | Kind::RecoveryMessage
        );
        let durable = said.is_some_and(|said| said.messages.contains(&message.hash()));
        let name = message.kind().name();
        if binds && !durable {
            let how = if again { "again " } else { "" };
            let what = format!("{name} of view {view} leaves {how}before it is durable");
            findings.report(Invariant::Durability, Some(height), what);
        }
        let entered = view == 0 || said.is_some_and(|said| said.entered.contains(&view));
        if !entered {
            let what = format!("{name} of view {view}, which was not entered with M ChangeViews");
            findings.report(Invariant::ViewChange, Some(height), what);
        }
    }

    /// It stored a block that it put together itself: the witness has the first M Commits in the order of the
    /// keys, of those that it knows.
    pub(super) fn finished(&mut self, block: &Block, setup: &Setup, findings: &mut Findings) {
        let (height, hash) = (block.header.index, block.hash());
        let made = self.finished.as_ref();
        let Some(made) = made.filter(|made| (made.height, made.hash) == (height, hash)) else {
            let what = format!("{hash} is stored without M Commits");
            findings.report(Invariant::Decides, Some(height), what);
            return;
        };
        let turns = (0..=u8::MAX)
            .filter(|view| payload::primary(height, *view, setup) == block.header.primary_index);
        let signatures = parse_signatures(&block.witness.invocation).unwrap_or_default();
        let signs = |index: &ValidatorIndex| {
            let mut all = signatures.iter();
            all.any(|signature| payload::signs_header(*index, signature, &hash, setup))
        };
        let signers: BTreeSet<_> = setup.validators.indexes().filter(signs).collect();
        let Some(last) = signers.last().copied() else {
            return;
        };
        for view in turns {
            let passed_over = self.heard.commits(height, view).find(|(index, signature)| {
                *index < last
                    && !signers.contains(index)
                    && made.known.contains(&(view, *index))
                    && payload::signs_header(*index, signature, &hash, setup)
            });
            if let Some((index, _)) = passed_over {
                let what = format!("the witness has {signers:?} and passes over validator {index}");
                findings.report(Invariant::CertificateInvalid, Some(height), what);
            }
        }
    }
}

/// A Commit signs a block that M validators have prepared, and all that led to it is on record.
fn committed_to(
    said: &Said,
    view: u8,
    validator: ValidatorIndex,
    signature: &Signature,
    setup: &Setup,
) -> Result<(), (Invariant, String)> {
    let signed = said.prepared.iter().find(|(of, header)| {
        *of == view && payload::signs_header(validator, signature, header, setup)
    });
    let Some((_, header)) = signed else {
        let what = "without M preparations of its block on record";
        return Err((Invariant::Durability, what.to_owned()));
    };
    if !said.bodies.contains(header) {
        let what = format!("without its block {header} on record");
        return Err((Invariant::Durability, what));
    }
    Ok(())
}
