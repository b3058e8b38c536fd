use neo_consensus::vote_log::VoteLog;
use neo_ledger::GenesisConfig;
use neo_primitives::wallet::{Nep6Wallet, ScryptParams};
use neo_primitives::{
    Encode as _, ExtensiblePayload, Magic, PrivateKey, Signature, UInt256, ValidatorIndex, Witness,
};
use serde_json::json;

use super::*;

struct Place {
    _folder: tempfile::TempDir,
    config: NodeConfig,
    key: PublicKey,
}

impl Place {
    fn new(version: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let secret = PrivateKey::generate();
        let key = secret.public_key().clone();
        let mut wallet = Nep6Wallet::new(None, ScryptParams { n: 2, r: 1, p: 1 });
        wallet.import(&secret, "secret", None).unwrap();
        wallet.save_new(&at("wallet.json")).unwrap();
        std::fs::write(at("password"), "secret").unwrap();
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(at("password"), owner_only).unwrap();
        let genesis = GenesisConfig::new(Magic(5), vec![key.clone()]);
        let config = json!({
            "protocol": {"version": version, "genesis": genesis},
            "ledger": {"kind": "attached", "nodes": [{"rpc": "http://127.0.0.1:1"}]},
            "p2p": {},
            "data_dir": at("data"),
            "wallet": {"path": at("wallet.json"), "password_file": at("password")},
        });
        Self {
            config: NodeConfig::parse(&config.to_string()).unwrap(),
            _folder: folder,
            key,
        }
    }

    fn append<R: LogRecord>(&self, records: &[R]) {
        let identity = log_identity(&self.config, self.key.clone());
        let mut log = vote_log_file::open::<R>(&self.config.data_dir, identity)
            .unwrap()
            .log;
        log.append(records).unwrap();
    }

    fn records<R: LogRecord>(&self) -> Vec<R> {
        let identity = log_identity(&self.config, self.key.clone());
        let opened = vote_log_file::open::<R>(&self.config.data_dir, identity).unwrap();
        assert!(
            matches!(opened.condition, Condition::Intact { .. }),
            "{:?}",
            opened.condition
        );
        opened.records
    }

    fn initialise(&self) {
        let medium = FileMedium::new(&self.config.data_dir.join(vote_log_file::FOLDER)).unwrap();
        let identity = log_identity(&self.config, self.key.clone());
        VoteLog::initialise(medium, identity).unwrap();
    }

    async fn state(&self) -> (Memory, Option<Height>) {
        let stopped = StoppedValidator::open(&self.config).await.unwrap();
        assert_eq!(*stopped.key(), self.key);
        (stopped.memory(), stopped.signed())
    }
}

fn third(height: u32, payload: v3::Payload) -> v3::Record {
    v3::Record::Own(v3::Message {
        height: Height(height),
        view: neo_consensus::View(0),
        sender: ValidatorIndex(0),
        signature: Signature([1; 64]),
        payload,
    })
}

fn second(height: u32, body: v2::Body) -> v2::Record {
    let content = v2::Content {
        height: Height(height),
        validator: ValidatorIndex(0),
        view: 0,
        body,
    };
    let payload = ExtensiblePayload {
        category: "dBFT".to_owned(),
        valid_block_start: Height(0),
        valid_block_end: Height(height),
        sender: neo_primitives::UInt160::ZERO,
        data: content.to_bytes(),
        witness: Witness::default(),
    };
    v2::Record::Own(v2::Message::from_payload(payload).unwrap())
}

fn header_of_second(height: u32) -> v2::Record {
    let signature = Signature([2; 64]);
    second(height, v2::Body::Commit { signature })
}

const HASH: UInt256 = UInt256::ZERO;

#[tokio::test]
async fn the_highest_signed_header_is_found_and_other_votes_do_not_count() {
    let place = Place::new(3);
    assert_eq!(place.state().await, (Memory::None, None));
    place.initialise();
    assert_eq!(place.state().await, (Memory::Own, None));
    let justification = HASH;
    place.append(&[
        third(7, v3::Payload::Commit { hash: HASH }),
        third(
            8,
            v3::Payload::Prepare {
                hash: HASH,
                justification,
            },
        ),
        third(8, v3::Payload::PreCommit { hash: HASH }),
    ]);
    assert_eq!(place.state().await, (Memory::Own, Some(Height(7))));
    let place = Place::new(2);
    let preparation = HASH;
    place.initialise();
    place.append(&[
        header_of_second(4),
        second(5, v2::Body::PrepareResponse { preparation }),
    ]);
    assert_eq!(place.state().await, (Memory::Own, Some(Height(4))));
}

#[tokio::test]
async fn there_and_back_and_there_again_the_log_says_what_holds() {
    let place = Place::new(3);
    {
        let stopped = StoppedValidator::open(&place.config).await.unwrap();
        stopped.take_over(Height(11)).unwrap();
    }
    let from = |height| v3::Record::Resumed {
        from: Height(height),
    };
    assert_eq!(place.records::<v3::Record>(), [from(11)]);
    place.append(&[third(11, v3::Payload::Commit { hash: HASH })]);
    let stopped = StoppedValidator::open(&place.config).await.unwrap();
    assert_eq!(stopped.signed(), Some(Height(11)));
    stopped.hand_back(Height(11)).unwrap();
    drop(stopped);
    assert_eq!(
        place.records::<v3::Record>().last(),
        Some(&v3::Record::Silenced)
    );
    let stopped = StoppedValidator::open(&place.config).await.unwrap();
    stopped.take_over(Height(30)).unwrap();
    drop(stopped);
    assert_eq!(place.records::<v3::Record>().last(), Some(&from(30)));
    // On to dBFT 2.0 with this program: the log goes on behind what does not read any more.
    let mut config = place.config.clone();
    config.protocol.version = 2;
    let place = Place { config, ..place };
    assert_eq!(
        place.state().await,
        (Memory::OfOtherVersion, Some(Height(11)))
    );
    let stopped = StoppedValidator::open(&place.config).await.unwrap();
    stopped.take_over(Height(40)).unwrap();
    drop(stopped);
    assert_eq!(
        place.records::<v2::Record>(),
        [v2::Record::Resumed { from: Height(40) }]
    );
    place.append(&[header_of_second(40)]);
    assert_eq!(place.state().await, (Memory::Own, Some(Height(40))));
}

#[tokio::test]
async fn a_log_that_may_have_forgotten_something_is_refused() {
    let place = Place::new(3);
    place.initialise();
    place.append(&[third(7, v3::Payload::Commit { hash: HASH })]);
    let log = place.config.data_dir.join("votes/votes-00000000.log");
    let copy = place.config.data_dir.join("copy");
    std::fs::copy(&log, &copy).unwrap();
    std::fs::rename(&copy, &log).unwrap();
    let error = StoppedValidator::open(&place.config).await.err().unwrap();
    let text = error.to_string();
    assert!(
        text.contains("the vote log is a copy of another one"),
        "{text}"
    );
}

/// What an engine writes that begins after a loss, and when its silence is over.
const SILENCED: v3::Record = v3::Record::Silenced;

fn resumed(from: u32) -> v3::Record {
    let from = Height(from);
    v3::Record::Resumed { from }
}

async fn is_refused(place: &Place) -> bool {
    match StoppedValidator::open(&place.config).await {
        Ok(_) => false,
        Err(HandoverError::Incomplete { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

fn spoil(place: &Place) {
    let votes = place.config.data_dir.join(vote_log_file::FOLDER);
    for log in std::fs::read_dir(votes).unwrap() {
        let log = log.unwrap().path();
        let copy = place.config.data_dir.join("copy");
        std::fs::copy(&log, &copy).unwrap();
        std::fs::rename(&copy, &log).unwrap();
    }
}

#[tokio::test]
async fn a_loss_that_the_node_has_met_is_refused_until_its_silence_is_over() {
    for before in [
        vec![third(7, v3::Payload::Commit { hash: HASH })],
        // A copy that was made right after take-over.
        vec![resumed(7)],
    ] {
        let place = Place::new(3);
        place.append(&before);
        spoil(&place);
        assert!(is_refused(&place).await);
        place.append(&[SILENCED]);
        assert!(is_refused(&place).await);
        place.append(&[resumed(12)]);
        assert!(!is_refused(&place).await);
    }
    // Another one presented an own vote that is not in the log.
    let place = Place::new(3);
    place.append(&[resumed(7), SILENCED]);
    assert!(is_refused(&place).await);
    // Nothing was there when the node was started.
    let place = Place::new(3);
    place.append(&[SILENCED]);
    assert!(is_refused(&place).await);
}

#[tokio::test]
async fn a_validator_that_was_handed_back_can_take_over_unless_something_is_lost_then() {
    let place = Place::new(3);
    place.append(&[resumed(20), third(20, v3::Payload::Commit { hash: HASH })]);
    let stopped = StoppedValidator::open(&place.config).await.unwrap();
    stopped.hand_back(Height(20)).unwrap();
    drop(stopped);
    assert_eq!(place.state().await, (Memory::Own, Some(Height(20))));
    // It was started by mistake.
    place.append(&[SILENCED, SILENCED]);
    assert_eq!(place.state().await, (Memory::Own, Some(Height(20))));
    // What take-over and the votes behind it wrote is not in an old copy.
    spoil(&place);
    place.append(&[SILENCED]);
    assert!(is_refused(&place).await);
}

#[tokio::test]
async fn hand_back_leaves_to_others_what_take_over_left_to_them() {
    let place = Place::new(3);
    place.append(&[resumed(12)]);
    let stopped = StoppedValidator::open(&place.config).await.unwrap();
    stopped.hand_back(Height(10)).unwrap();
    drop(stopped);
    let records = place.records::<v3::Record>();
    let through = Height(11);
    assert_eq!(
        records[1..],
        [resumed(12), v3::Record::Forgotten { through }, SILENCED]
    );
    let place = Place::new(2);
    place.append(&[v2::Record::resumed(Height(5))]);
    let stopped = StoppedValidator::open(&place.config).await.unwrap();
    stopped.hand_back(Height(10)).unwrap();
    drop(stopped);
    let from = Height(11);
    assert_eq!(
        place.records::<v2::Record>()[1..2],
        [v2::Record::Resumed { from }]
    );
    assert_eq!(place.state().await, (Memory::Own, None));
}

#[tokio::test]
async fn a_running_node_and_an_observer_are_refused() {
    let place = Place::new(3);
    std::fs::create_dir_all(&place.config.data_dir).unwrap();
    let store = place.config.store_file();
    let running = RedbStore::open(&store).unwrap();
    let error = StoppedValidator::open(&place.config).await.err().unwrap();
    assert!(
        matches!(&error, HandoverError::Running { path } if *path == store),
        "{error}"
    );
    drop(running);
    place.state().await;
    let mut config = place.config.clone();
    config.consensus.enabled = false;
    let error = StoppedValidator::open(&config).await.err().unwrap();
    assert!(matches!(error, HandoverError::Observer), "{error}");
}
