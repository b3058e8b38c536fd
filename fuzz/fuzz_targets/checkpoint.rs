//! Checkpoints: a good one whose files were changed, with the manifest as it was and with one that fits them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_consensus::v3::leader::LeaderState;
use neo_fuzz::checkpoint::{config, files, seal, write};
use neo_fuzz::folder::Folder;
use neo_ledger::checkpoint::Checkpoint;

#[derive(arbitrary::Arbitrary, Debug)]
struct Change<'a> {
    /// Which file, by name in order.
    file: u8,
    /// From where on.
    at: u16,
    how: How<'a>,
}

#[derive(arbitrary::Arbitrary, Debug)]
enum How<'a> {
    Flip { bit: u8 },
    Cut,
    Insert { bytes: &'a [u8] },
    Replace { bytes: &'a [u8] },
    Remove,
}

fuzz_target!(|input: (bool, Vec<Change<'_>>)| {
    let (sealed, changes) = input;
    let good = files();
    let mut changed = good.clone();
    for change in changes.iter().take(16) {
        let names: Vec<_> = changed.keys().cloned().collect();
        if names.is_empty() {
            break;
        }
        let name = &names[usize::from(change.file) % names.len()];
        let Some(bytes) = changed.get_mut(name) else {
            continue;
        };
        let at = usize::from(change.at) % bytes.len().max(1);
        match &change.how {
            How::Flip { bit } => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            How::Cut => bytes.truncate(at),
            How::Insert { bytes: more } => {
                let _ = bytes
                    .splice(
                        at.min(bytes.len())..at.min(bytes.len()),
                        more.iter().copied(),
                    )
                    .count();
            }
            How::Replace { bytes: other } => *bytes = other.to_vec(),
            How::Remove => {
                changed.remove(name);
            }
        }
    }
    if sealed {
        seal(&mut changed);
    }
    let folder = Folder::new("checkpoint");
    write(folder.path(), &changed);
    let mut told = 0;
    match Checkpoint::read(folder.path(), &config(), &mut |bytes| told = bytes) {
        Ok(checkpoint) => {
            assert!(sealed || changed == *good, "a change was not noticed");
            // The witness covers the tip; whoever seals a manifest can change the rest within its rules.
            assert_eq!(checkpoint.tip().hash(), checkpoint.manifest().tip);
            assert_eq!(checkpoint.manifest().size(), told);
            let _ = LeaderState::decode(checkpoint.leaders());
        }
        Err(error) => {
            assert!(changed != *good, "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
});
