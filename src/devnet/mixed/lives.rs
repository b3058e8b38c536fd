//! Which program has been which validator from when to when.

use neo_primitives::Height;
use parking_lot::Mutex;
use serde::Serialize;

use super::super::clock::now_ns;

/// The program of a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Software {
    /// This one.
    #[serde(rename = "neo-dbft")]
    NeoDbft,
    /// nspcc-dev's.
    #[serde(rename = "neo-go")]
    NeoGo,
}

impl Software {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NeoDbft => "neo-dbft",
            Self::NeoGo => "neo-go",
        }
    }
}

/// One process of a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// Its program.
    pub(crate) software: Software,
    /// When it was started, in nanoseconds since 1970.
    pub(crate) began_ns: u64,
    /// When it was killed or stopped.
    pub(crate) ended_ns: Option<u64>,
    /// Height of the validators' chain when it was started.
    pub(crate) height: Height,
}

/// The processes of all validators, one after the other.
#[derive(Debug)]
pub(crate) struct Lives(Mutex<Vec<Vec<Life>>>);

impl Lives {
    /// None yet of so many validators.
    pub(crate) fn new(validators: usize) -> Self {
        Self(Mutex::new(vec![Vec::new(); validators]))
    }

    /// A process was started.
    pub(crate) fn begins(&self, validator: usize, software: Software, height: Height) {
        if let Some(lives) = self.0.lock().get_mut(validator) {
            lives.push(Life {
                software,
                began_ns: now_ns(),
                ended_ns: None,
                height,
            });
        }
    }

    /// The running process of a validator ends now.
    pub(crate) fn ends(&self, validator: usize) {
        let mut all = self.0.lock();
        let last = all.get_mut(validator).and_then(|lives| lives.last_mut());
        if let Some(life) = last {
            life.ended_ns.get_or_insert(now_ns());
        }
    }

    /// All of them, by validator.
    pub(crate) fn all(&self) -> Vec<Vec<Life>> {
        self.0.lock().clone()
    }

    /// The program of a validator now, or the last one that it had.
    pub(crate) fn software(&self, validator: usize) -> Option<Software> {
        let all = self.0.lock();
        Some(all.get(validator)?.last()?.software)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_life_after_the_other() {
        let lives = Lives::new(2);
        assert_eq!(lives.software(0), None);
        lives.begins(0, Software::NeoGo, Height(0));
        lives.ends(0);
        lives.begins(0, Software::NeoDbft, Height(7));
        lives.begins(9, Software::NeoDbft, Height(7));
        assert_eq!(lives.software(0), Some(Software::NeoDbft));
        let all = lives.all();
        let [first, second] = all[0][..] else {
            panic!("two lives: {all:?}")
        };
        assert!(first.ended_ns.is_some_and(|ended| ended >= first.began_ns));
        assert_eq!((second.ended_ns, second.height), (None, Height(7)));
        assert!(all[1].is_empty());
    }
}
