//! What is done to the validators while the load goes on.

use std::cell::Cell;

use tokio::time::{Instant, sleep_until};

use super::attached::{NeoStage, NeoTrial};
use super::drill::{DrillFigures, Ground};
use super::mixed::{self, OrdealFigures};
use super::session::Session;
use super::trials::{self, Stage, TrialFigures};

/// What was done to the validators, each set once it is over.
#[derive(Default)]
pub(super) struct Done {
    /// What the failures of leaders cost.
    pub(super) trials: Cell<Option<TrialFigures>>,
    /// What the drill measured.
    pub(super) drill: Cell<Option<DrillFigures>>,
    /// What was done to the validators of a network of dBFT 2.0.
    pub(super) ordeal: Cell<Option<OrdealFigures>>,
    /// Neo nodes that failed.
    pub(super) neo_trials: Cell<Vec<NeoTrial>>,
}

impl Session<'_> {
    /// Kills who is to be killed, lets leaders fail, carries out a drill or an ordeal; returns only with an error.
    pub(super) async fn disturb(&self, over: &Cell<bool>, done: &Done) -> anyhow::Error {
        let disturbed = async {
            let began = Instant::now();
            let mut kills = self.devnet.disturbances.kills.clone();
            kills.sort_by_key(|kill| kill.after);
            for kill in kills {
                sleep_until(began + kill.after).await;
                self.processes.kill(kill.validator)?;
                self.display
                    .say(&format!("validator {} killed", kill.validator));
                self.processes.bury(kill.validator).await;
            }
            if let Some(trials) = self.devnet.trials {
                let stage = Stage {
                    processes: self.processes,
                    seen: self.seen,
                    endpoints: &self.validators()?,
                    block_time: self.network.genesis().block_time(),
                };
                done.trials
                    .set(Some(trials::run(&stage, trials, self.display).await?));
                over.set(true);
            }
            if let Some(plan) = self.devnet.drill {
                let ground = Ground {
                    processes: self.processes,
                    network: self.network,
                    seen: self.seen,
                    display: self.display,
                };
                done.drill.set(Some(ground.run(plan).await?));
                over.set(true);
            }
            if let (Some(ordeal), Some(capture)) = (&self.devnet.mixed.ordeal, self.capture) {
                let ground = mixed::Ground {
                    processes: self.processes,
                    network: self.network,
                    seen: self.seen,
                    capture,
                    display: self.display,
                };
                done.ordeal.set(Some(ordeal.run(&ground).await?));
                over.set(true);
            }
            let faults = &self.devnet.attached.trials;
            if let Some(neo) = self.neo.filter(|_| !faults.is_empty()) {
                let mut witnesses = self.validators()?;
                witnesses.extend(neo.endpoints());
                let stage = NeoStage {
                    neo,
                    network: self.network,
                    seen: self.seen,
                    witnesses,
                    display: self.display,
                };
                done.neo_trials.set(stage.run(faults).await?);
                over.set(true);
            }
            Ok(())
        };
        match disturbed.await {
            Err(error) => error,
            Ok(()) => std::future::pending().await,
        }
    }
}
