//! From events of engine and network to findings, proofs and bans: what the security layer makes of them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use neo_audit::{Entry, Kind};
use neo_consensus::engine::{HeightStatus, Notice};
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::verify::Refused;
use neo_consensus::v3::{Message, Outcome};
use neo_network::{Culprit, NetworkEvent, NetworkHandle, Offence, PeerId};
use neo_primitives::{Encode as _, Height, PublicKey, UInt256, ValidatorIndex};
use parking_lot::Mutex;

use super::Security;
use super::alerts::AlertKind;
use super::conduct::{Change, Conduct, Standing};
use super::court::{Conviction, Court, Unproven};
use super::proofs::{self, Kept, Proofs, Taken, name_of};
use crate::events::{EventSink, NodeEvent};
use crate::ledger_worker::unix_ns;
use crate::metrics::Metrics;
use crate::rpc::EvidenceEntry;

/// A validator that relayed something for others may have relayed what does not verify, for so long.
const RELAYED_LATELY: Duration = Duration::from_secs(10);
/// Views of a height whose leaders are noted.
const VIEWS: u32 = 8;

/// Proofs that wait for their height, at most.
const MAX_EARLY: usize = 16;
/// Looks at a proof that waits, at most.
const MAX_LOOKS: u32 = 240;

/// A proof that waits until it is known who validates its height.
struct Early {
    peer: PeerId,
    bytes: Bytes,
    looks: u32,
}

/// What watching needs to know of the network and the node.
pub(crate) struct Watching {
    court: Court,
    pub(super) conduct: Mutex<Conduct>,
    pub(super) proofs: Mutex<Proofs>,
    /// Proofs of heights whose validators are not known yet, the oldest first.
    early: Mutex<VecDeque<Early>>,
    relays: Mutex<HashMap<PublicKey, Instant>>,
    network: OnceLock<NetworkHandle>,
    events: EventSink,
    metrics: Arc<Metrics>,
    began: Instant,
    /// Whether the last look found the audit log failing.
    log_fails: AtomicBool,
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watching").finish_non_exhaustive()
    }
}

impl Watching {
    /// Nothing is known but who the validators are, and the proofs of earlier lives.
    pub(crate) fn new(
        court: Court,
        own: Option<&PublicKey>,
        proofs: Proofs,
        events: EventSink,
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.security().set_evidence(proofs.len());
        let keys = court.now().map_or_else(Vec::new, |now| now.keys().to_vec());
        Self {
            conduct: Mutex::new(Conduct::new(keys, own)),
            court,
            early: Mutex::default(),
            proofs: Mutex::new(proofs),
            relays: Mutex::new(HashMap::new()),
            network: OnceLock::new(),
            events,
            metrics,
            began: Instant::now(),
            log_fails: AtomicBool::new(false),
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A proof waits until it is known who validates its height.
    fn wait(&self, mut proof: Early) {
        proof.looks = proof.looks.saturating_add(1);
        let mut early = self.early.lock();
        if proof.looks > MAX_LOOKS || early.iter().any(|held| held.bytes == proof.bytes) {
            return;
        }
        if early.len() >= MAX_EARLY {
            early.pop_front();
        }
        early.push_back(proof);
    }

    fn report(&self, who: &PublicKey, offence: Offence) {
        if let Some(network) = self.network.get() {
            network.report(who.clone(), offence);
        }
    }

    fn index(&self, key: &PublicKey) -> Option<ValidatorIndex> {
        self.court.now()?.index_of(key)
    }
}

impl Security {
    /// From now on offences are reported to this network, and proofs spread by it.
    pub(crate) fn attach(&self, network: NetworkHandle) {
        // The node has one network.
        let _ = self.watching.network.set(network);
    }

    /// The index of a validator's key.
    #[must_use]
    pub fn index(&self, key: &PublicKey) -> Option<ValidatorIndex> {
        self.watching.index(key)
    }

    /// The proofs in the data folder, the newest height first.
    #[must_use]
    pub fn evidence(&self) -> Vec<EvidenceEntry> {
        let kept = self.watching.proofs.lock().list();
        kept.iter().map(|proof| self.describe(proof)).collect()
    }

    /// One proof with its bytes, if it is there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn proof(&self, hash: &UInt256) -> std::io::Result<Option<(EvidenceEntry, Vec<u8>)>> {
        let found = self.watching.proofs.lock().find(hash);
        let Some((kept, path)) = found else {
            return Ok(None);
        };
        Ok(Some((self.describe(&kept), proofs::read(&path)?)))
    }

    fn describe(&self, proof: &Kept) -> EvidenceEntry {
        EvidenceEntry {
            hash: proof.hash,
            height: proof.height,
            validator: proof.validator,
            publickey: self
                .watching
                .court
                .of_height(Height(proof.height))
                .and_then(|set| set.key(ValidatorIndex(proof.validator)).cloned()),
            form: proof.form.clone(),
            bytes: proof.bytes,
        }
    }

    /// How all other validators stand; nothing where they are not judged.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        if !self.judges {
            return Vec::new();
        }
        self.watching.conduct.lock().standings()
    }

    /// A message came over a validator's connection.
    pub(crate) fn received(&self, from: &PublicKey, message: &Message, relayed: bool) {
        let watching = &self.watching;
        if relayed {
            watching.relays.lock().insert(from.clone(), Instant::now());
        }
        let mut conduct = watching.conduct.lock();
        conduct.received(watching.now(), from, message, relayed);
    }

    /// Bytes came over a validator's connection that are no message.
    pub(crate) fn undecodable(&self, from: &PublicKey, relayed: bool) {
        let watching = &self.watching;
        let mut conduct = watching.conduct.lock();
        conduct.undecodable(watching.now(), from, relayed);
        drop(conduct);
        if !relayed {
            watching.report(from, Offence::Undecodable);
        }
    }

    /// Signatures were checked.
    pub(crate) fn verified(&self, outcome: &Outcome) {
        if outcome.refused.is_empty() {
            return;
        }
        let watching = &self.watching;
        let relayed = watching.relays.lock().get(&outcome.from).copied();
        let relayed = relayed.is_some_and(|at| at.elapsed() < RELAYED_LATELY);
        let mut conduct = watching.conduct.lock();
        conduct.refused(
            watching.now(),
            &outcome.from,
            outcome.refused.len(),
            relayed,
        );
        let own = conduct.index_at(outcome.height, &outcome.from);
        drop(conduct);
        // What names others may have been forged by others; in its own name nobody but it sends anything over its
        // connection.
        let in_own_name = outcome.refused.iter().any(
            |refused| matches!(refused, Refused::Signature { sender, .. } if Some(*sender) == own),
        );
        if in_own_name && !relayed {
            watching.report(&outcome.from, Offence::ForgedSignature);
        }
    }

    /// A height was opened, with these validators and this order of leaders.
    pub(crate) fn opened(&self, status: &HeightStatus) {
        let watching = &self.watching;
        let seats = status.votes.iter().map(|seat| seat.validator.clone());
        let mut conduct = watching.conduct.lock();
        let ended = conduct.elected(status.height, seats.collect());
        conduct.opened(watching.now(), status.height);
        let order = status.order.iter().map(|(leader, _)| *leader).cycle();
        for (view, leader) in (0..VIEWS).zip(order) {
            conduct.leads(status.height, neo_consensus::View(view), leader);
        }
        drop(conduct);
        ended.iter().for_each(|change| self.found(change));
    }

    /// What notices of the engine say about conduct.
    pub(super) fn watch(&self, notice: &Notice) {
        let watching = &self.watching;
        let now = watching.now();
        let mut conduct = watching.conduct.lock();
        match notice {
            Notice::ViewEntered { height, view } => conduct.view_entered(*height, *view),
            Notice::BlockRefused { height, .. } => conduct.block_refused(now, *height),
            Notice::Decided { height, view, .. } => conduct.decided(now, *height, *view),
            Notice::Stored { height, .. } => conduct.stored(now, *height),
            _ => {}
        }
    }

    /// The own engine proved somebody guilty.
    pub(crate) fn convict(&self, evidence: &Evidence) {
        let Some(key) = self.watching.court.key_of(evidence) else {
            tracing::error!(%evidence, "it is not known who validated the height of an own proof");
            return;
        };
        self.convicted(&key);
        self.keep(evidence, &key, Bytes::from(evidence.to_bytes()));
    }

    fn convicted(&self, key: &PublicKey) {
        let now = self.watching.now();
        self.watching.conduct.lock().convicted(now, key);
    }

    /// A peer sent a proof.
    pub(crate) fn examine(&self, peer: PeerId, bytes: Bytes) {
        self.look_at(Early {
            peer,
            bytes,
            looks: 0,
        });
    }

    fn look_at(&self, proof: Early) {
        let watching = &self.watching;
        match watching.court.judge(&proof.bytes) {
            Ok(Conviction { evidence, key }) => {
                self.convicted(&key);
                self.keep(&evidence, &key, proof.bytes);
            }
            // The peer may be ahead.
            Err(Unproven::UnknownValidators(_)) => watching.wait(proof),
            Err(problem) => {
                let peer = proof.peer;
                tracing::warn!(%peer, %problem, "a proof was refused");
                let stored = watching.proofs.lock().len();
                watching.metrics.security().evidence("refused", stored);
                if let Some(network) = watching.network.get() {
                    network.report(peer, Offence::InvalidEvidence);
                }
            }
        }
    }

    /// Looks again at proofs that came early.
    fn look_again(&self) {
        let early = std::mem::take(&mut *self.watching.early.lock());
        early.into_iter().for_each(|proof| self.look_at(proof));
    }

    fn keep(&self, evidence: &Evidence, key: &PublicKey, bytes: Bytes) {
        let watching = &self.watching;
        let hash = name_of(&bytes);
        let (taken, stored) = {
            let mut proofs = watching.proofs.lock();
            (proofs.take(evidence), proofs.len())
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => {
                self.alerts().raise(
                    AlertKind::Disk,
                    format_args!("a proof is not kept: {error}"),
                );
                Taken::Full
            }
        };
        watching.metrics.security().evidence(taken.name(), stored);
        if taken != Taken::Stored {
            return;
        }
        let culprit = evidence.culprit();
        let form = evidence.guilt.name();
        self.record(
            Entry::new(Kind::Evidence)
                .with("validator", culprit.0)
                .text("public_key", key)
                .with("height", evidence.height.0)
                .text("form", form)
                .text("hash", hash),
        );
        self.alerts().raise(
            AlertKind::Evidence,
            format_args!("validator {culprit} broke the protocol: {evidence}"),
        );
        watching.events.emit(NodeEvent::Evidence {
            validator: culprit.0,
            public_key: key.clone(),
            height: evidence.height,
            form,
            hash,
            t_ns: unix_ns(),
        });
        if let Some(network) = watching.network.get() {
            network.broadcast_evidence(bytes);
            network.report(key.clone(), Offence::Guilty);
        }
    }

    /// What the network says about peers.
    pub(crate) fn network(&self, event: &NetworkEvent) {
        let watching = &self.watching;
        let now = watching.now();
        let connected = |key: &PublicKey, round_trip: Option<Duration>| {
            watching.conduct.lock().connected(now, key, round_trip);
        };
        match event {
            NetworkEvent::PeerUp {
                validator: Some(key),
                height,
                ..
            } => {
                connected(key, Some(Duration::ZERO));
                watching.conduct.lock().status(now, key, *height);
            }
            NetworkEvent::PeerDown {
                validator: Some(key),
                ..
            }
            | NetworkEvent::Quiet { validator: key, .. } => connected(key, None),
            NetworkEvent::Heard { validator } => connected(validator, Some(Duration::ZERO)),
            NetworkEvent::Status { peer, height, .. } => {
                let network = watching.network.get();
                let key = network.and_then(|network| network.peer(*peer)?.validator);
                if let Some(key) = key {
                    watching.conduct.lock().status(now, &key, *height);
                }
            }
            NetworkEvent::Offended {
                culprit,
                offence,
                times,
                score,
            } => self.record(
                self.about(Kind::Offence, culprit)
                    .text("offence", offence.name())
                    .with("offences", *times)
                    .with("score", *score)
                    .alike(format_args!("{culprit} {}", offence.name())),
            ),
            NetworkEvent::Banned {
                culprit,
                offence,
                length,
                number,
            } => self.banned(culprit, *offence, *length, *number),
            NetworkEvent::Unbanned { culprit } => self.record(self.about(Kind::Unban, culprit)),
            NetworkEvent::Partition { reachable, needed } => {
                self.record(
                    Entry::new(Kind::Partition)
                        .with("reachable", *reachable)
                        .with("needed", *needed),
                );
                self.alerts().raise(
                    AlertKind::Partition,
                    format_args!("{reachable} validators are in reach, {needed} are needed"),
                );
            }
            NetworkEvent::Healed {
                reachable, after, ..
            } => {
                let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                self.record(
                    Entry::new(Kind::Healed)
                        .with("reachable", *reachable)
                        .with("after_ms", after),
                );
                self.alerts().clear(AlertKind::Partition);
            }
            _ => {}
        }
    }

    /// An entry that names somebody as well as it can.
    fn about(&self, kind: Kind, culprit: &Culprit) -> Entry {
        let key = culprit.validator.as_ref();
        let index = key.and_then(|key| self.watching.index(key));
        Entry::new(kind)
            .maybe("validator", index.map(|index| index.0))
            .maybe("public_key", key.map(ToString::to_string))
            .maybe("peer", culprit.peer.map(|peer| peer.to_string()))
            .maybe("address", culprit.address.as_ref().map(ToString::to_string))
    }

    fn banned(&self, culprit: &Culprit, offence: Offence, length: Duration, number: u32) {
        self.record(
            self.about(Kind::Ban, culprit)
                .text("offence", offence.name())
                .with("seconds", length.as_secs())
                .with("number", number),
        );
        self.alerts().raise(
            AlertKind::Ban,
            format_args!("{culprit} is kept out for {length:?}: {}", offence.name()),
        );
        let key = culprit.validator.as_ref();
        let index = key.and_then(|key| self.watching.index(key));
        self.watching.events.emit(NodeEvent::Ban {
            validator: index.map(|index| index.0),
            public_key: culprit.validator.clone(),
            peer: culprit.peer.map(|peer| peer.to_string()),
            reason: offence.name(),
            seconds: length.as_secs(),
            t_ns: unix_ns(),
        });
    }

    /// Judges the validators' conduct. To be called about once a second.
    pub(crate) fn tick(&self) {
        self.look_after_the_log();
        if self.judges {
            self.look_again();
            self.judge();
        }
        self.alerts().expire(Instant::now());
    }

    fn judge(&self) {
        let now = self.watching.now();
        self.measure(now);
        let changes = self.watching.conduct.lock().tick(now);
        for change in changes {
            self.found(&change);
        }
        if self.watching.conduct.lock().findings().is_empty() {
            self.alerts().clear(AlertKind::Conduct);
        }
    }

    /// How far away the validators are, and what they say they have: votes over a long way are not late, and who
    /// is behind withholds nothing.
    fn measure(&self, now: Duration) {
        let Some(network) = self.watching.network.get() else {
            return;
        };
        let peers = network.peers();
        let mut conduct = self.watching.conduct.lock();
        for peer in peers.iter().filter(|peer| !peer.quiet) {
            if let Some(key) = &peer.validator {
                conduct.connected(now, key, Some(peer.rtt.unwrap_or_default()));
                conduct.status(now, key, peer.height);
            }
        }
    }

    /// The audit log cannot write about its own failure.
    fn look_after_the_log(&self) {
        let progress = self.audit().progress();
        let metrics = self.watching.metrics.security();
        metrics.audit(progress.next_seq(), progress.failures());
        let failing = progress.is_failing();
        if self.watching.log_fails.swap(failing, Ordering::Relaxed) == failing {
            return;
        }
        match failing {
            true => self
                .alerts()
                .raise(AlertKind::Disk, "the audit log cannot be written"),
            false => self.alerts().clear(AlertKind::Disk),
        }
    }

    fn found(&self, change: &Change) {
        let (validator, fault) = (change.validator.0, change.fault.name());
        let kind = match change.active {
            true => Kind::Finding,
            false => Kind::FindingEnded,
        };
        self.record(
            Entry::new(kind)
                .with("validator", validator)
                .text("public_key", &change.key)
                .text("fault", fault)
                .text("detail", &change.detail),
        );
        let metrics = self.watching.metrics.security();
        metrics.finding(validator, fault, change.active);
        if change.active {
            self.alerts().raise(
                AlertKind::Conduct,
                format_args!("validator {validator} {fault}: {}", change.detail),
            );
        }
        self.watching.events.emit(NodeEvent::Finding {
            validator,
            public_key: change.key.clone(),
            fault,
            active: change.active,
            detail: change.detail.clone(),
            t_ns: unix_ns(),
        });
    }
}

#[cfg(test)]
mod tests {
    use neo_audit::AuditLog;
    use neo_consensus::ValidatorSet;
    use neo_consensus::v3::context::HeightContext;
    use neo_consensus::v3::evidence::{Guilt, Says, Statement};
    use neo_primitives::{Magic, PrivateKey, Signature};

    use super::*;
    use crate::security::alerts::Alerts;
    use crate::security::terms::Terms;

    /// Validators who are known from some moment on.
    #[derive(Debug, Default)]
    struct Later(Arc<Mutex<Option<Arc<ValidatorSet>>>>);

    impl Terms for Later {
        fn of_height(&self, _: Height) -> Option<Arc<ValidatorSet>> {
            self.0.lock().clone()
        }

        fn now(&self) -> Option<Arc<ValidatorSet>> {
            self.0.lock().clone()
        }
    }

    #[test]
    fn a_proof_that_comes_before_its_validators_are_known_waits_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let known = Later::default();
        let later = Arc::clone(&known.0);
        let metrics = Arc::new(Metrics::new());
        let watching = Watching::new(
            Court::by(Magic(9), Box::new(known)),
            None,
            Proofs::open(folder.path(), Default::default()),
            EventSink::default(),
            Arc::clone(&metrics),
        );
        let alerts = Alerts::new(metrics, EventSink::default());
        let security = Security::new(AuditLog::none(), alerts, watching, true);

        let key = PrivateKey::generate();
        let set = ValidatorSet::new(vec![key.public_key().clone()]).unwrap();
        let context = HeightContext {
            magic: Magic(9),
            height: Height(5),
            prev_hash: UInt256::ZERO,
            validators: Arc::new(set),
        };
        let mut statement = Statement {
            sender: ValidatorIndex(0),
            view: neo_consensus::View::ZERO,
            says: Says::ChangeView { claim: None },
            signature: Signature([0; 64]),
        };
        statement.signature = key.sign(&statement.preimage(&context));
        let evidence = Evidence::new(&context, Guilt::Impossible { statement });
        let bytes = Bytes::from(evidence.to_bytes());
        let peer = PeerId::random();
        for _ in 0..2 {
            security.examine(peer, bytes.clone());
            security.tick();
        }
        assert!(security.evidence().is_empty());
        assert_eq!(security.watching.early.lock().len(), 1, "once is enough");
        *later.lock() = Some(context.validators);
        security.tick();
        let kept = security.evidence();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].publickey.as_ref(), Some(key.public_key()));
        assert!(security.watching.early.lock().is_empty());
        // No more than so many wait, and none for ever.
        *later.lock() = None;
        for height in 0..40 {
            let mut other = evidence.clone();
            other.height = Height(height);
            security.examine(peer, Bytes::from(other.to_bytes()));
        }
        assert_eq!(security.watching.early.lock().len(), MAX_EARLY);
        for _ in 0..MAX_LOOKS {
            security.tick();
        }
        assert!(security.watching.early.lock().is_empty());
    }
}
