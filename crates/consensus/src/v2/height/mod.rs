//! One height: what was seen of its validators, and what follows.
//!
//! | module       | what it holds                                                   |
//! |--------------|-----------------------------------------------------------------|
//! | `proposal`   | the block of the current view on its way to completeness        |
//! | `proposing`  | the own block and its PrepareRequest                            |
//! | `preparing`  | PrepareRequests of others, PrepareResponse                      |
//! | `completing` | transactions of a proposal, and what the ledger says of it      |
//! | `committing` | Commit, the witness, the block                                  |
//! | `changing`   | ChangeView, entering a view                                     |
//! | `recovering` | RecoveryRequest, RecoveryMessage                                |
//! | `restoring`  | what a restart brings back                                      |
//! | `pacing`     | the timer                                                       |
//! | `showing`    | what others and operators see of it                             |

mod changing;
mod committing;
mod completing;
mod pacing;
mod preparing;
mod proposal;
mod proposing;
mod recovering;
mod restoring;
mod showing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{BlockBody, Height, PublicKey, UInt256, ValidatorIndex};

use super::content::{Body, Content, Kind};
use super::engine::V2Actions;
use super::message::{Draft, Message};
use super::timing;
use super::verify::{Input, Known, primary};
use crate::engine::{HeightInfo, Now, Recipient};
use crate::v3::context::HeightContext;

use proposal::Proposal;
use recovering::Requests;

/// A Commit that is held.
#[derive(Clone, Debug)]
pub(super) struct Held {
    message: Message,
    /// The header that its signature was found to sign.
    signs: Option<UInt256>,
}

/// What this node has said, from the moment it is drafted: an own message counts only when it comes back.
#[derive(Clone, Copy, Debug, Default)]
struct Cast {
    /// A PrepareRequest or PrepareResponse of the current view.
    preparation: bool,
    /// The Commit of the height.
    commit: bool,
    /// The greatest view asked for.
    change_view: u8,
}

/// What an opened height begins with.
pub(super) struct Opening {
    pub(super) info: HeightInfo,
    /// Own index and key; `None` for one that only watches.
    pub(super) voice: Option<(ValidatorIndex, PublicKey)>,
    /// When the PrepareRequest of the block before came, if it did.
    pub(super) previous: Option<Duration>,
    /// Most time between two blocks while no transaction waits.
    pub(super) max_block_time: Option<Duration>,
    /// Whether a transaction waits.
    pub(super) filled: bool,
    /// The last height at which each validator was heard.
    pub(super) last_seen: BTreeMap<PublicKey, Height>,
    #[cfg(feature = "mutation")]
    pub(super) mutation: Option<super::mutation::Mutation>,
}

/// The state of a height.
pub(super) struct HeightState {
    pub(super) info: HeightInfo,
    pub(super) context: Arc<HeightContext>,
    unit: Duration,
    pub(super) voice: Option<(ValidatorIndex, PublicKey)>,
    pub(super) view: u8,
    proposal: Option<Proposal>,
    /// The own block, until its PrepareRequest comes back signed.
    candidate: Option<Arc<BlockBody>>,
    building: bool,
    preparations: BTreeMap<ValidatorIndex, Message>,
    commits: BTreeMap<ValidatorIndex, Held>,
    /// The latest ChangeView of each validator.
    change_views: BTreeMap<ValidatorIndex, Message>,
    /// The ChangeViews that led into this view.
    justifying: BTreeMap<ValidatorIndex, Message>,
    /// Preparations of later views, which this node has not entered yet.
    later: BTreeMap<(Kind, ValidatorIndex), Message>,
    cast: Cast,
    pub(super) last_seen: BTreeMap<PublicKey, Height>,
    /// Requests for recovery that were answered or passed over, by requester.
    requests: BTreeMap<ValidatorIndex, Requests>,
    asked_recovery: Option<Duration>,
    deadline: Option<Duration>,
    previous: Option<Duration>,
    max_block_time: Option<Duration>,
    filled: bool,
    /// The time of an empty pool has been added to this view.
    lingered: bool,
    /// ... and is running: a transaction ends it.
    lingers: bool,
    /// When the PrepareRequest of this height came.
    pub(super) prepared_at: Option<Duration>,
    /// The block is on its way to the ledger's store.
    pub(super) sent: bool,
    /// Names the height's peers for verification jobs that nobody sent.
    anybody: PublicKey,
    #[cfg(feature = "mutation")]
    mutation: Option<super::mutation::Mutation>,
}

impl HeightState {
    pub(super) fn open(now: Now, opening: Opening, actions: &mut V2Actions) -> Option<Self> {
        let info = opening.info;
        let context = Arc::new(HeightContext {
            magic: info.magic,
            height: info.height,
            prev_hash: info.parent_hash,
            validators: Arc::clone(&info.validators),
        });
        let anybody = info.validators.keys().first()?.clone();
        let mut last_seen = opening.last_seen;
        last_seen.retain(|key, _| info.validators.index_of(key).is_some());
        let below = info.parent.index;
        for key in info.validators.keys() {
            last_seen.entry(key.clone()).or_insert(below);
        }
        if let Some((_, key)) = &opening.voice {
            last_seen.insert(key.clone(), info.height);
        }
        let mut state = Self {
            unit: timing::unit(info.block_time),
            context,
            voice: opening.voice,
            view: 0,
            proposal: None,
            candidate: None,
            building: false,
            preparations: BTreeMap::new(),
            commits: BTreeMap::new(),
            change_views: BTreeMap::new(),
            justifying: BTreeMap::new(),
            later: BTreeMap::new(),
            cast: Cast::default(),
            last_seen,
            requests: BTreeMap::new(),
            asked_recovery: None,
            deadline: None,
            previous: opening.previous,
            max_block_time: opening.max_block_time,
            filled: opening.filled,
            lingered: false,
            lingers: false,
            prepared_at: None,
            sent: false,
            anybody,
            #[cfg(feature = "mutation")]
            mutation: opening.mutation,
            info,
        };
        state.begin_view(now, 0, false, actions);
        Some(state)
    }

    pub(super) fn height(&self) -> Height {
        self.info.height
    }

    fn quorum(&self) -> usize {
        self.info.validators.quorum()
    }

    fn faulty(&self) -> usize {
        self.info.validators.faulty()
    }

    pub(super) fn own(&self) -> Option<ValidatorIndex> {
        self.voice.as_ref().map(|(index, _)| *index)
    }

    pub(super) fn primary(&self) -> ValidatorIndex {
        primary(self.height(), self.view, self.info.validators.len())
    }

    fn is_primary(&self) -> bool {
        self.own() == Some(self.primary())
    }

    pub(super) fn commit_sent(&self) -> bool {
        self.cast.commit
    }

    /// Asked for a higher view than the current one.
    pub(super) fn view_changing(&self) -> bool {
        self.voice.is_some() && self.cast.change_view > self.view
    }

    /// Validators that have not been heard of since before the block before this height's parent; C#'s count.
    fn failed(&self) -> usize {
        let below = self.info.parent.index;
        self.last_seen
            .values()
            .filter(|seen| **seen < below)
            .count()
    }

    /// More than f validators have committed or are lost: then a change of view cannot gather M.
    fn more_than_f_committed_or_lost(&self) -> bool {
        let own = self.own().filter(|_| self.cast.commit);
        let own = own.filter(|own| !self.commits.contains_key(own));
        let committed = self.commits.len() + usize::from(own.is_some());
        committed + self.failed() > self.faulty()
    }

    /// Whether what would complete the view is passed over, because this node has asked for the next one.
    fn not_accepting(&self) -> bool {
        self.view_changing()
            && !self.more_than_f_committed_or_lost()
            && !mutated!(self, AcceptsAfterChangeView)
    }

    /// What a signature check needs of the state.
    pub(super) fn known(&self) -> Known {
        Known {
            view: self.view,
            preparation: self.proposal.as_ref().map(|held| held.message.hash()),
            header: self.proposal.as_ref().map(|held| held.hash),
            #[cfg(feature = "mutation")]
            mutation: self.mutation,
        }
    }

    fn draft(&self, body: Body, actions: &mut V2Actions) {
        let Some((validator, key)) = &self.voice else {
            return;
        };
        let content = Content {
            height: self.height(),
            validator: *validator,
            view: self.view,
            body,
        };
        let draft = Draft::new(&self.context, key, content);
        actions.send.push((Recipient::All, draft));
    }

    /// Takes what was verified.
    pub(super) fn take(&mut self, now: Now, input: Input, actions: &mut V2Actions) {
        match input {
            Input::Message {
                message,
                recovered,
                signs,
            } => {
                if let Some(key) = self.info.validators.key(message.validator()) {
                    // What comes inside another's message says nothing of when its sender spoke.
                    if !recovered {
                        self.last_seen.insert(key.clone(), self.info.height);
                    }
                }
                self.take_message(now, message, recovered, signs, actions);
            }
            Input::Commit {
                validator,
                header,
                valid,
            } => self.take_check_of_commit(validator, header, valid),
            Input::Ahead(_) => {}
        }
        self.advance(now, actions);
    }

    fn take_message(
        &mut self,
        now: Now,
        message: Message,
        recovered: bool,
        signs: Option<UInt256>,
        actions: &mut V2Actions,
    ) {
        if self.sent || self.own() == Some(message.validator()) && !recovered {
            return;
        }
        match message.kind() {
            Kind::PrepareRequest | Kind::PrepareResponse if message.view() > self.view => {
                let place = (message.kind(), message.validator());
                self.later.insert(place, message);
            }
            Kind::PrepareRequest => self.take_request(now, message, actions),
            Kind::PrepareResponse => self.take_response(now, message, actions),
            Kind::Commit => self.take_commit(now, message, signs, actions),
            Kind::ChangeView => self.take_change_view(now, message, recovered, actions),
            Kind::RecoveryRequest => self.answer(now, &message, actions),
            // What it brings comes as inputs of its own.
            Kind::RecoveryMessage => {}
        }
    }

    /// Takes an own message, signed and durable.
    pub(super) fn take_own(&mut self, now: Now, message: Message, actions: &mut V2Actions) {
        let Some(own) = self.own().filter(|own| *own == message.validator()) else {
            return;
        };
        match message.kind() {
            Kind::PrepareRequest if message.view() == self.view => {
                self.take_own_request(now, own, message, actions);
            }
            Kind::PrepareResponse if message.view() == self.view => {
                self.preparations.entry(own).or_insert(message);
            }
            Kind::Commit => {
                let signs = self.proposal.as_ref().map(|held| held.hash);
                self.commits.insert(own, Held { message, signs });
            }
            Kind::ChangeView => self.take_own_change_view(now, own, message, actions),
            _ => {}
        }
        self.advance(now, actions);
    }

    /// Whatever follows from the state now.
    pub(super) fn advance(&mut self, now: Now, actions: &mut V2Actions) {
        if self.sent {
            return;
        }
        self.try_respond(now, actions);
        self.try_commit(now, actions);
        self.try_finish(actions);
    }
}
