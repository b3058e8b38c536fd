//! Trace and diagram of one run. They are written beside their place and moved there when they are complete.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use neo_simulator::diagram::{HeightDiagram, draw, most_eventful};
use neo_simulator::trace::JsonLines;
use neo_simulator::{TraceEvent, TraceSink};
use tempfile::NamedTempFile;

use super::arguments::SimulateArguments;
use super::campaign;
use super::plan::Source;
use super::totals::{Outcome, Totals};
use crate::exit::{Exit, OrExit as _};
use crate::interrupt::Interrupt;

/// Files that were asked for, open already.
#[derive(Debug)]
pub(crate) struct Wanted {
    trace: Option<Draft>,
    diagram: Option<Draft>,
    height: Option<u32>,
}

/// A file that is not in its place yet.
#[derive(Debug)]
struct Draft {
    option: &'static str,
    place: PathBuf,
    file: NamedTempFile,
}

impl Draft {
    /// # Errors
    /// If a file cannot be written there.
    fn new(option: &'static str, place: &Path) -> anyhow::Result<Self> {
        let refused =
            |why: String| Exit::Usage.error(format!("{option} {}: {why}", place.display()));
        if place.is_dir() {
            return Err(refused("is a folder".to_owned()));
        }
        let folder = match place.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return Err(refused("is no file".to_owned())),
        };
        let file = tempfile::Builder::new()
            .prefix(".neo-cli-simulate-")
            .tempfile_in(folder)
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            option,
            place: place.to_owned(),
            file,
        })
    }

    fn write(mut self, text: &str) -> anyhow::Result<Self> {
        let written = self.file.write_all(text.as_bytes());
        written
            .map_err(|error| format!("{} {}: {error}", self.option, self.place.display()))
            .or_exit(Exit::Failure)?;
        Ok(self)
    }

    /// Moves it to its place.
    fn finish(self) -> anyhow::Result<()> {
        let words = format!("{} {}", self.option, self.place.display());
        publish(self.file, &self.place)
            .map_err(|error| format!("{words}: {error}"))
            .or_exit(Exit::Failure)
    }
}

fn publish(file: NamedTempFile, place: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // Temporary files are for their owner only; a result is as any other file.
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(place).map(drop).map_err(|error| error.error)
}

impl Wanted {
    /// Opens what was asked for; none if nothing was.
    ///
    /// # Errors
    /// A place that cannot be written to.
    pub(super) fn of(arguments: &SimulateArguments) -> anyhow::Result<Option<Self>> {
        let open = |option, place: &Option<PathBuf>| {
            let place = place.as_deref();
            place.map(|place| Draft::new(option, place)).transpose()
        };
        let trace = open("--trace", &arguments.trace)?;
        let diagram = open("--diagram", &arguments.diagram)?;
        if trace.is_none() && diagram.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            trace,
            diagram,
            height: arguments.height,
        }))
    }

    /// Runs a seed and writes its files.
    ///
    /// # Errors
    /// If writing fails, nothing happened at the height to draw, or Ctrl-C came first.
    pub(super) fn run(
        self,
        source: &Source,
        seed: u64,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Totals> {
        let began = Instant::now();
        let (drawn, wanted) = (self.diagram.is_some(), self.height);
        let out = self
            .trace
            .as_ref()
            .map(|draft| draft.file.as_file().try_clone());
        let out = out
            .transpose()
            .map_err(|error| format!("--trace: {error}"))
            .or_exit(Exit::Failure)?;
        let source = source.clone();
        let ran = in_background(interrupt, move || {
            let height = drawn.then(|| wanted.unwrap_or_else(|| height_to_draw(&source, seed)));
            let mut sinks = Sinks {
                trace: out.map(|out| JsonLines::new(BufWriter::new(out))),
                diagram: height.map(|height| HeightDiagram::new(&source.plan(seed), seed, height)),
            };
            let outcome = campaign::one(&source, seed, &mut sinks);
            let traced = sinks
                .trace
                .take()
                .map_or(Ok(()), |trace| trace.finish().map(drop));
            (outcome, traced, sinks.diagram)
        });
        // The drafts are removed when this returns.
        let (outcome, traced, diagram) =
            ran.ok_or_else(|| Exit::Interrupted.error("interrupted; no file was written"))?;
        traced
            .map_err(|error| format!("--trace: {error}"))
            .or_exit(Exit::Failure)?;
        if let (Some(draft), Some(diagram)) = (self.diagram, diagram) {
            if diagram.is_empty() {
                return Err(Exit::Usage.error(format!(
                    "--height {}: nothing happened there, the last stored height of this run is {}",
                    wanted.unwrap_or(1),
                    last_height(&outcome)
                )));
            }
            draft.write(&draw(&diagram.scene()))?.finish()?;
        }
        self.trace.map(Draft::finish).transpose()?;
        let mut totals = Totals::default();
        totals.add(0, outcome);
        totals.took = began.elapsed();
        Ok(totals)
    }
}

/// Works in another thread; none if Ctrl-C came before it was done.
fn in_background<T: Send + 'static>(
    interrupt: &Interrupt,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, done) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    loop {
        match done.recv_timeout(campaign::LOOK) {
            Ok(result) => return Some(result),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) if interrupt.is_set() => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// The height of the first violation, otherwise the one with the most views. The run is the same each time.
fn height_to_draw(source: &Source, seed: u64) -> u32 {
    let mut views = most_eventful::Views::default();
    let outcome = campaign::one(source, seed, &mut views);
    let broken = match &outcome {
        Outcome::Ended(report) => report.violations.iter().find_map(|one| one.height),
        _ => None,
    };
    broken.map_or_else(|| views.height(), |height| height.0)
}

fn last_height(outcome: &Outcome) -> u32 {
    match outcome {
        Outcome::Ended(report) => report.heights,
        _ => 0,
    }
}

/// Both sinks, if they are wanted.
struct Sinks<W> {
    trace: Option<JsonLines<W>>,
    diagram: Option<HeightDiagram>,
}

impl<W: std::io::Write> TraceSink for Sinks<W> {
    fn wants_events(&self) -> bool {
        self.trace.is_some() || self.diagram.is_some()
    }

    fn event(&mut self, event: &TraceEvent) {
        if let Some(trace) = &mut self.trace {
            trace.event(event);
        }
        if let Some(diagram) = &mut self.diagram {
            diagram.event(event);
        }
    }
}
