//! What the worker says.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

/// The rows of one transaction are these many.
pub(super) const ROWS: i64 = 3;

/// The body of a transaction's `nth` row. The second is too large for a page.
#[must_use]
pub fn body(nth: i64) -> Vec<u8> {
    let size = if nth == 2 { 20_000 } else { 100 };
    vec![u8::try_from(nth).unwrap_or_default(); size]
}

/// Says a line at once: the next moment may be the worker's last.
pub fn told(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Says who traces this process, if anybody does.
pub fn traced() {
    told(&format!("tracer {}", tracer()));
}

/// Ends the fault, by asking the tracer to go, and waits until it has gone.
///
/// `strace` counts the calls of each thread, and a connection is a thread: what
/// failed once would fail again on the next one.
pub fn fault_is_over() {
    let tracer = tracer();
    if tracer == 0 {
        return;
    }
    let _ = kill(Pid::from_raw(tracer), Signal::SIGINT);
    let until = Instant::now() + Duration::from_secs(5);
    while self::tracer() != 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The process that traces this one, or 0.
fn tracer() -> i32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"));
    line.and_then(|pid| pid.trim().parse().ok())
        .unwrap_or_default()
}

/// What became of one transaction, as far as the worker got to say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) hooks: usize,
    pub(super) end: Option<End>,
}

/// How a transaction ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Ok,
    Failed,
    Unknown,
}

/// Everything a worker said.
#[derive(Debug, Default)]
pub(super) struct Story {
    said: BTreeMap<i64, Said>,
    healed: Option<bool>,
    tracer: i32,
}

impl Story {
    /// Reads it; a line that is none is an error.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut story = Self::default();
        for line in text.lines() {
            story
                .line(line)
                .ok_or_else(|| format!("the worker said: {line}"))?;
        }
        Ok(story)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        let what = words.next()?;
        if what == "healed" || what == "broken" {
            self.healed = Some(what == "healed");
            return Some(());
        }
        if what == "tracer" {
            self.tracer = words.next()?.parse().ok()?;
            return Some(());
        }
        let said = self.said.entry(words.next()?.parse().ok()?).or_default();
        let end = match (what, words.next()) {
            ("hook", None) => {
                said.hooks += 1;
                return Some(());
            }
            ("ok", None) => End::Ok,
            ("err", Some("unknown")) => End::Unknown,
            ("err", Some(_)) => End::Failed,
            _ => return None,
        };
        // Nothing ends twice.
        said.end.replace(end).is_none().then_some(())
    }

    /// Who traced it.
    pub(super) fn tracer(&self) -> Pid {
        Pid::from_raw(self.tracer)
    }

    /// What it said of a transaction.
    pub(super) fn of(&self, number: i64) -> Said {
        self.said.get(&number).copied().unwrap_or_default()
    }

    /// How many did not succeed.
    pub(super) fn failed(&self) -> usize {
        let ends = self.said.values().filter_map(|said| said.end);
        ends.filter(|end| *end != End::Ok).count()
    }

    /// Whether the last one did.
    pub(super) fn healed(&self) -> bool {
        self.healed == Some(true)
    }

    /// Whether it came to its last line.
    pub(super) fn is_complete(&self) -> bool {
        self.healed.is_some()
    }
}
