//! Waiting for something that shall happen.

use std::time::Duration;

use tokio::time::timeout;

use crate::exit::Exit;

/// Waits for what shall happen within a time.
///
/// # Errors
/// With [`Exit::Failure`] if it does not; the text names it.
pub(super) async fn within<T>(
    patience: Duration,
    what: &str,
    happens: impl Future<Output = T>,
) -> anyhow::Result<T> {
    timeout(patience, happens).await.map_err(|_| {
        let seconds = patience.as_secs();
        Exit::Failure.error(format!("{what}: not within {seconds} s"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_happen_is_named() {
        let patience = Duration::from_secs(60);
        assert_eq!(within(patience, "a block", async { 7 }).await.unwrap(), 7);
        let error = within(Duration::ZERO, "a block", std::future::pending::<()>()).await;
        assert_eq!(error.unwrap_err().to_string(), "a block: not within 0 s");
    }
}
