//! Deriving keys from passwords, within bounds.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Most memory that a wallet's parameters may ask for, in bytes.
pub const MAX_SCRYPT_MEMORY: u64 = 256 << 20;

/// Most work (`n · r · p`) that a wallet's parameters may ask for: 32 times that of the default.
pub const MAX_SCRYPT_WORK: u64 = 1 << 25;

/// Parameters of scrypt as a NEP-6 wallet names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScryptParams {
    /// Cost of memory and time, a power of two.
    pub n: u64,
    /// Block size.
    pub r: u64,
    /// Parallel strands.
    pub p: u64,
}

impl Default for ScryptParams {
    /// NEP-2's: 16384, 8, 8, which takes about 16 MiB.
    fn default() -> Self {
        Self {
            n: 16384,
            r: 8,
            p: 8,
        }
    }
}

/// Why parameters of scrypt are not used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScryptRefused {
    /// Not parameters of scrypt.
    #[error("scrypt n {n}, r {r}, p {p}: n must be a power of two above 1, r and p above 0")]
    Invalid {
        /// Cost.
        n: u64,
        /// Block size.
        r: u64,
        /// Strands.
        p: u64,
    },
    /// Too much memory.
    #[error("scrypt n {n}, r {r}, p {p} need {needed} bytes of memory, {limit} are allowed")]
    Memory {
        /// Cost.
        n: u64,
        /// Block size.
        r: u64,
        /// Strands.
        p: u64,
        /// Bytes asked for.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Too much work.
    #[error("scrypt n {n}, r {r}, p {p} are {work} units of work, {limit} are allowed")]
    Work {
        /// Cost.
        n: u64,
        /// Block size.
        r: u64,
        /// Strands.
        p: u64,
        /// `n · r · p`.
        work: u64,
        /// Work allowed.
        limit: u64,
    },
}

impl ScryptParams {
    /// Checks the parameters against [`MAX_SCRYPT_MEMORY`] and [`MAX_SCRYPT_WORK`].
    ///
    /// # Errors
    /// [`ScryptRefused`].
    pub fn check(&self) -> Result<(), ScryptRefused> {
        self.bounded().map(drop)
    }

    fn bounded(&self) -> Result<scrypt::Params, ScryptRefused> {
        let Self { n, r, p } = *self;
        if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
            return Err(ScryptRefused::Invalid { n, r, p });
        }
        let needed = n.saturating_add(p).saturating_mul(r).saturating_mul(128);
        if needed > MAX_SCRYPT_MEMORY {
            let limit = MAX_SCRYPT_MEMORY;
            return Err(ScryptRefused::Memory {
                n,
                r,
                p,
                needed,
                limit,
            });
        }
        let work = n.saturating_mul(r).saturating_mul(p);
        if work > MAX_SCRYPT_WORK {
            return Err(ScryptRefused::Work {
                n,
                r,
                p,
                work,
                limit: MAX_SCRYPT_WORK,
            });
        }
        let invalid = || ScryptRefused::Invalid { n, r, p };
        let log_n = u8::try_from(n.trailing_zeros()).map_err(|_| invalid())?;
        let r = u32::try_from(r).map_err(|_| invalid())?;
        let p = u32::try_from(p).map_err(|_| invalid())?;
        scrypt::Params::new(log_n, r, p).map_err(|_| invalid())
    }

    /// 64 bytes from the password, normalised to NFC, and the salt.
    pub(super) fn derive(
        &self,
        password: &str,
        salt: &[u8],
    ) -> Result<Zeroizing<[u8; 64]>, ScryptRefused> {
        let params = self.bounded()?;
        let password: Zeroizing<String> = Zeroizing::new(password.nfc().collect());
        let mut derived = Zeroizing::new([0u8; 64]);
        scrypt::scrypt(password.as_bytes(), salt, &params, derived.as_mut_slice()).map_err(
            |_| ScryptRefused::Invalid {
                n: self.n,
                r: self.r,
                p: self.p,
            },
        )?;
        Ok(derived)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_come_before_memory() {
        let check = |n, r, p| ScryptParams { n, r, p }.check();
        assert_eq!(ScryptParams::default().check(), Ok(()));
        assert_eq!(check(2, 1, 1), Ok(()));
        for (n, r, p) in [
            (0, 8, 8),
            (1, 8, 8),
            (16383, 8, 8),
            (16384, 0, 8),
            (16384, 8, 0),
        ] {
            assert_eq!(check(n, r, p), Err(ScryptRefused::Invalid { n, r, p }));
        }
        assert!(matches!(
            check(1 << 40, 8, 8),
            Err(ScryptRefused::Memory { .. })
        ));
        assert!(matches!(
            check(2, 1, u64::MAX),
            Err(ScryptRefused::Memory { .. })
        ));
        assert!(matches!(
            check(2, u64::MAX, 1),
            Err(ScryptRefused::Memory { .. })
        ));
        assert!(matches!(
            check(1 << 15, 8, 200),
            Err(ScryptRefused::Work { .. })
        ));
        assert_eq!(check(1 << 17, 8, 1), Ok(()));
    }
}
