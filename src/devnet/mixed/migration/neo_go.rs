//! neo-go's own consensus, switched off and on while the node goes on running.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::sleep;

use super::super::super::process::log_in;
use super::super::ground::Ground;
use crate::exit::{Exit, OrExit as _};
use crate::migrate::{NeoGoLog, Service};

/// Between two looks at a log.
const LOOK: Duration = Duration::from_millis(50);

/// Switches it off in these nodes, and sees in their logs that it has ended.
///
/// # Errors
/// If a configuration cannot be written, a node does not run, or does not do it.
pub(super) async fn switch_off(ground: &Ground<'_>, nodes: &[usize]) -> anyhow::Result<()> {
    set(ground, nodes, false)?;
    for service in [Service::Ending, Service::Ended] {
        for node in nodes {
            ground.processes.signal(*node, Signal::USR2)?;
        }
        for node in nodes {
            until(ground, *node, service).await?;
        }
    }
    Ok(())
}

/// Switches it on in these nodes, and sees in their logs that it has begun.
///
/// # Errors
/// As of [`switch_off`].
pub(super) async fn switch_on(ground: &Ground<'_>, nodes: &[usize]) -> anyhow::Result<()> {
    set(ground, nodes, true)?;
    for node in nodes {
        ground.processes.signal(*node, Signal::USR2)?;
    }
    for node in nodes {
        until(ground, *node, Service::Runs).await?;
    }
    Ok(())
}

fn set(ground: &Ground<'_>, nodes: &[usize], on: bool) -> anyhow::Result<()> {
    for node in ground.network.nodes().iter().enumerate() {
        if nodes.contains(&node.0) {
            node.1.set_neo_go_consensus(on)?;
        }
    }
    Ok(())
}

async fn until(ground: &Ground<'_>, node: usize, service: Service) -> anyhow::Result<()> {
    let folder = ground.network.nodes().get(node);
    let folder = folder.ok_or_else(|| Exit::Failure.error(format!("there is no node {node}")))?;
    let log = log_in(folder.path());
    let there = async {
        while NeoGoLog::read(&[&log]).or_exit(Exit::Failure)?.service != service {
            sleep(LOOK).await;
        }
        Ok(())
    };
    let what = format!("neo-go {node}: consensus as its log shows it: {service:?}");
    ground.within(&what, there).await?
}
