//! Who signs for the driver: a key at once, or a remote signer beside the driver, in the order of the drafts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::{Ballots, Recipient};
use neo_driver::Ballot;
use neo_primitives::{BlockBody, PrivateKey};
use neo_signer::{Remote, RemoteSigner, SignerError};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Addressed;
use crate::intrusion::KeySigner;
use crate::voting_key::VotingKey;

/// How long what was drafted later waits for a signer that does not answer; then it overtakes the votes that are owed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts, where the signer does not rest for longer.
const PAUSE: Duration = Duration::from_millis(20);
/// Votes that are still owed when the signer answers again, the newest. Engines make a vote once, so without them a
/// network whose signers were all away would stand still.
const MAX_OWED: usize = 64;
/// Between two attempts at what is owed, if nothing else is asked for.
const OWED_PAUSE: Duration = Duration::from_millis(500);

/// A draft with whom it is for, and the block whose header it signs.
type Draft<P> = (
    Recipient,
    <P as neo_consensus::engine::Protocol>::Draft,
    Option<Arc<BlockBody>>,
);

/// What one step of the engine wants signed.
pub(crate) struct Asked<P: Ballots> {
    pub(crate) records: Vec<P::Record>,
    pub(crate) drafts: Vec<Draft<P>>,
    pub(crate) again: Addressed<P::Message>,
    /// Whether the driver waits for it.
    pub(crate) counts: bool,
}

/// The same, signed; a draft that nobody signed is missing.
pub(crate) struct Signed<P: Ballots> {
    pub(crate) ballot: Ballot<P>,
    pub(crate) again: Addressed<P::Message>,
    counts: bool,
}

/// Signs for a driver.
pub(crate) enum Pen<P: Ballots> {
    /// With the key.
    Own(PrivateKey),
    /// With a remote signer.
    Remote(Desk<P>),
}

impl<P> Pen<P>
where
    P: Remote<Draft: Send, Record: Send, Message: Send, Own: Send> + 'static,
{
    /// The pen of a key. A remote signer is asked by a task of the runtime that this is called in.
    pub(crate) fn of(key: VotingKey) -> Self {
        match key {
            VotingKey::Own(key) => Self::Own(key),
            VotingKey::Remote(signer) => {
                let (asked, jobs) = mpsc::unbounded_channel();
                let (done, signed) = mpsc::unbounded_channel();
                tokio::spawn(ask::<P>(signer, jobs, done));
                Self::Remote(Desk {
                    asked,
                    signed,
                    waiting: 0,
                })
            }
        }
    }

    /// Waits for what a remote signer has signed.
    pub(crate) async fn signed(&mut self) -> Signed<P> {
        if let Self::Remote(desk) = self
            && let Some(signed) = desk.signed.recv().await
        {
            desk.waiting = desk.waiting.saturating_sub(usize::from(signed.counts));
            return signed;
        }
        std::future::pending().await
    }

    /// Takes what a step wants signed; gives it back at once where nobody else is needed for it. Nothing overtakes
    /// what waits for a remote signer.
    pub(crate) fn take(&mut self, asked: Asked<P>) -> Option<Signed<P>> {
        match self {
            Self::Own(key) => {
                let drafts = asked.drafts.into_iter();
                let drafts = drafts.map(|(to, draft, _)| (to, draft)).collect();
                Some(Signed {
                    ballot: Ballot::sign(asked.records, drafts, &KeySigner(key)),
                    again: asked.again,
                    counts: true,
                })
            }
            Self::Remote(desk) if desk.waiting == 0 && asked.drafts.is_empty() => Some(Signed {
                ballot: Ballot::signed(asked.records, Vec::new()),
                again: asked.again,
                counts: true,
            }),
            Self::Remote(desk) => {
                desk.waiting += 1;
                // The task ends with this pen only.
                let _ = desk.asked.send(asked);
                None
            }
        }
    }
}

/// The way to a remote signer and back.
pub(crate) struct Desk<P: Ballots> {
    asked: mpsc::UnboundedSender<Asked<P>>,
    signed: mpsc::UnboundedReceiver<Signed<P>>,
    waiting: usize,
}

/// Has one thing after the other signed.
async fn ask<P: Remote>(
    signer: Arc<RemoteSigner>,
    mut jobs: mpsc::UnboundedReceiver<Asked<P>>,
    done: mpsc::UnboundedSender<Signed<P>>,
) {
    let mut mute = false;
    let mut patience = Instant::now() + PATIENCE;
    let mut owed: VecDeque<Draft<P>> = VecDeque::new();
    loop {
        let job = match owed.is_empty() {
            true => jobs.recv().await,
            false => tokio::select! {
                job = jobs.recv() => job,
                () = tokio::time::sleep(OWED_PAUSE) => Some(Asked {
                    records: Vec::new(),
                    drafts: Vec::new(),
                    again: Vec::new(),
                    counts: false,
                }),
            },
        };
        let Some(job) = job else { return };
        if !mute {
            patience = Instant::now() + PATIENCE;
        }
        let late = std::mem::take(&mut owed);
        let mut gone = false;
        let mut signed = Vec::with_capacity(late.len() + job.drafts.len());
        for (to, draft, body) in late.into_iter().chain(job.drafts) {
            // Should it come back at this very moment, the later votes must not be signed before the earlier ones.
            if gone {
                owe::<P>(&mut owed, (to, draft, body));
                continue;
            }
            let asked = patiently::<P>(&signer, draft.clone(), body.clone(), patience, mute);
            let error = match asked.await {
                Ok(own) => {
                    if std::mem::take(&mut mute) {
                        tracing::info!("the remote signer answers: this validator votes again");
                    }
                    signed.push((to, own));
                    continue;
                }
                Err(error) => error,
            };
            if !error.is_passing() {
                tracing::error!(%error, "not voting: the remote signer has not signed");
                continue;
            }
            if !std::mem::replace(&mut mute, true) {
                tracing::error!(%error, "not voting until the remote signer answers");
            }
            gone = true;
            owe::<P>(&mut owed, (to, draft, body));
        }
        let ballot = Ballot::signed(job.records, signed);
        let (again, counts) = (job.again, job.counts);
        if done
            .send(Signed {
                ballot,
                again,
                counts,
            })
            .is_err()
        {
            return;
        }
    }
}

/// Keeps a draft for when the signer answers again, if the engine relies on it; of too many the oldest is given up.
fn owe<P: Remote>(owed: &mut VecDeque<Draft<P>>, draft: Draft<P>) {
    if P::is_owed(&draft.1) {
        owed.push_back(draft);
        while owed.len() > MAX_OWED {
            owed.pop_front();
        }
    }
}

/// Asks until the signer answers, one way or the other, or `until` is over.
async fn patiently<P: Remote>(
    signer: &RemoteSigner,
    draft: P::Draft,
    body: Option<Arc<BlockBody>>,
    until: Instant,
    mute: bool,
) -> Result<P::Own, SignerError> {
    let mut told = mute;
    loop {
        let error = match P::sign_remotely(draft.clone(), signer, body.clone()).await {
            Ok(own) => return Ok(own),
            Err(error) => error,
        };
        if !error.is_passing() || Instant::now() >= until {
            return Err(error);
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(%error, "a vote waits for the remote signer");
        }
        let rest = match &error {
            SignerError::Resting { rest_ms, .. } => Duration::from_millis(*rest_ms),
            _ => PAUSE,
        };
        tokio::time::sleep(rest.max(PAUSE)).await;
    }
}
