//! What a transaction tells through `tracing`: one span each, and events for
//! whoever is on call. Nothing here carries a statement's parameters, and of a
//! database error only what identifies it: its message may hold values.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use tracing::{Instrument, Level, Span, field, level_filters::LevelFilter};

use crate::{
    backend::Ending,
    detached::{Work, counted, on_a_thread},
    error::Error,
    hooks::When,
};

/// The target of every span and event of this crate.
macro_rules! target {
    () => {
        "sqlx_transactional"
    };
}

/// How a transaction ended in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    RolledBack,
    /// Something else has ended it: what of it is durable is not known here.
    EndedEarly,
    Unknown,
}

impl Outcome {
    /// The hooks that wait for it.
    #[inline]
    pub(crate) fn when(self) -> Option<When> {
        match self {
            Self::Committed => Some(When::Committed),
            Self::RolledBack => Some(When::RolledBack),
            Self::EndedEarly | Self::Unknown => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::RolledBack => "rolled_back",
            Self::EndedEarly => "ended_early",
            Self::Unknown => "unknown",
        }
    }
}

/// What was done in a transaction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) statements: u64,
    pub(crate) rows: u64,
}

/// Tells whoever listens. A listener that panics is no reason to leave a
/// transaction half ended, or to take its outcome from its caller; the panic has
/// been reported when it comes here.
fn tell<T>(told: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(told)).ok()
}

/// Whether anybody listens to anything of this level. Asked first, because most
/// of the time nobody does.
#[inline]
fn is_heard(level: Level) -> bool {
    level <= LevelFilter::current()
}

/// An event of this crate's, told.
macro_rules! event {
    ($level:ident: $($fields:tt)*) => {
        tell(|| tracing::$level!(target: target!(), $($fields)*));
    };
}

/// The span of a transaction that begins here, where somebody listens.
#[inline]
pub(crate) fn begun<'a>(
    name: &'static str,
    engine_and_place: impl FnOnce() -> (&'static str, Option<&'a str>),
) -> Option<Span> {
    if !is_heard(Level::INFO) {
        return None;
    }
    let (engine, place) = engine_and_place();
    begun_aloud(name, engine, place)
}

#[cold]
fn begun_aloud(name: &'static str, engine: &'static str, place: Option<&str>) -> Option<Span> {
    enabled(|| {
        tracing::info_span!(
            target: target!(),
            "transaction",
            name,
            engine,
            db = place,
            kind = "begun",
            outcome = field::Empty,
            statements = field::Empty,
            rows = field::Empty,
            held_us = field::Empty,
        )
    })
}

/// The span of a function that joins a transaction, or makes a savepoint in it,
/// where somebody listens.
#[inline]
pub(crate) fn inside(name: &'static str, engine: &'static str, kind: &'static str) -> Option<Span> {
    if !is_heard(Level::DEBUG) {
        return None;
    }
    inside_aloud(name, engine, kind)
}

#[cold]
fn inside_aloud(name: &'static str, engine: &'static str, kind: &'static str) -> Option<Span> {
    enabled(|| {
        tracing::debug_span!(
            target: target!(),
            "transaction",
            name,
            engine,
            kind,
            outcome = field::Empty,
        )
    })
}

/// Nothing, where it is filtered out: a disabled span still looks for a logger
/// each time it is entered, which is at every poll.
fn enabled(span: impl FnOnce() -> Span) -> Option<Span> {
    tell(span).filter(|span| !span.is_disabled())
}

/// A transaction's span, which is told the outcome once: by the caller's end, or,
/// where the caller has gone away, by what goes on without it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    span: Span,
    tally: Tally,
    /// Since when it has had a connection.
    opened: Option<Instant>,
    /// What is told where nobody has learned more.
    otherwise: Outcome,
    told: AtomicBool,
}

impl Account {
    #[inline]
    pub(crate) fn new(
        span: Option<&Span>,
        tally: Tally,
        opened: Option<Instant>,
        otherwise: Outcome,
    ) -> Self {
        Self(span.map(|span| {
            Arc::new(Open {
                span: span.clone(),
                tally,
                opened,
                otherwise,
                told: AtomicBool::new(false),
            })
        }))
    }

    #[inline]
    pub(crate) fn ended(&self, outcome: Outcome) {
        if let Some(open) = &self.0 {
            open.ended(outcome);
        }
    }
}

impl Open {
    #[inline]
    fn ended(&self, outcome: Outcome) {
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let held = self.opened.map_or(0, |opened| micros(opened.elapsed()));
        tell(|| self.span.record("outcome", outcome.as_str()));
        tell(|| self.span.record("statements", self.tally.statements));
        tell(|| self.span.record("rows", self.tally.rows));
        tell(|| self.span.record("held_us", held));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.ended(self.otherwise);
    }
}

/// Lets `future` go on by itself, inside the span that is current now, and counted
/// as such work. Outside a runtime it goes on all the same.
pub(crate) fn spawn<'r>(
    runtime: impl Into<Option<&'r Handle>>,
    work: Work,
    future: impl Future<Output = ()> + Send + 'static,
) {
    let future = counted(work, future);
    match runtime.into() {
        Some(runtime) if is_heard(Level::ERROR) => drop(runtime.spawn(future.in_current_span())),
        Some(runtime) => drop(runtime.spawn(future)),
        None => {
            if let Err(error) = on_a_thread(future.in_current_span()) {
                let cause = error.kind();
                event!(error: %cause, "lost, because there was neither a runtime nor a thread");
            }
        }
    }
}

/// Lets `future` go on by itself, counted as such work, outside every span: the call it
/// comes from has returned, and its span ends with it.
pub(crate) fn spawn_apart(
    runtime: &Handle,
    work: Work,
    future: impl Future<Output = ()> + Send + 'static,
) {
    runtime.spawn(counted(work, future));
}

/// Lets `work` go on by itself, outside every span. It is nothing that anybody has to
/// wait for.
pub(crate) fn let_go(runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
    runtime.spawn(work);
}

/// Records how a part of a transaction ended.
pub(crate) fn part_ended(span: Option<&Span>, outcome: &'static str) {
    if let Some(span) = span {
        tell(|| span.record("outcome", outcome));
    }
}

/// Times a message to the database, where somebody listens.
#[derive(Debug)]
pub(crate) struct Timer(Option<Instant>);

impl Timer {
    #[inline]
    pub(crate) fn start() -> Self {
        if !is_heard(Level::DEBUG) {
            return Self(None);
        }
        let wanted = tell(|| tracing::enabled!(target: target!(), Level::DEBUG));
        Self(wanted.unwrap_or_default().then(Instant::now))
    }

    #[inline]
    pub(crate) fn event(&self, what: &'static str) {
        if let Some(started) = self.0 {
            took(what, started.elapsed());
        }
    }
}

#[cold]
fn took(what: &'static str, time: Duration) {
    let elapsed_us = micros(time);
    event!(debug: elapsed_us, "{what}");
}

pub(crate) fn doomed(cause: &sqlx::Error) {
    event!(warn: cause = %label(cause), "doomed");
}

/// No COMMIT was sent, and yet the work may be durable.
pub(crate) fn left(outcome: Outcome) {
    let outcome = outcome.as_str();
    event!(error: outcome, "not rolled back in whole");
}

pub(crate) fn rolled_back(why: &'static str) {
    event!(debug: why, "rolled back");
}

/// `attempt` has failed and is followed by another.
pub(crate) fn retrying(attempt: u32, pause: Duration, cause: Option<&sqlx::Error>) {
    let pause_us = micros(pause);
    let cause = cause.map(label).unwrap_or_default();
    event!(info: attempt, pause_us, cause, "retrying");
}

pub(crate) fn commit_refused(error: &sqlx::Error) {
    event!(warn: cause = %label(error), "COMMIT refused");
}

pub(crate) fn outcome_unknown(error: &sqlx::Error) {
    event!(error: cause = %label(error), "outcome unknown");
}

/// COMMIT was not answered, and the key has told what became of it.
pub(crate) fn not_answered(error: &sqlx::Error, outcome: Outcome) {
    let outcome = outcome.as_str();
    event!(warn: cause = %label(error), outcome, "COMMIT not answered");
}

pub(crate) fn hooks_dropped() {
    event!(error: "hooks dropped: nobody waited for COMMIT on a connection of the caller's");
}

pub(crate) fn unclean(error: &sqlx::Error) {
    event!(warn: cause = %label(error), "connection not clean");
}

pub(crate) fn timed_out() {
    event!(warn: "timed out");
}

/// What came of the attempt to end a session, if anybody could be asked.
pub(crate) fn session_ended(ending: Option<Ending>) {
    let why = match ending {
        Some(Ending::Ended) => {
            event!(warn: "server session ended");
            return;
        }
        Some(Ending::Gone) => "there is none any more",
        Some(Ending::WaitsForStandby) => "its COMMIT waits for a standby",
        Some(Ending::Elsewhere) => "every connection reached another server",
        None => "the server could not be asked",
    };
    event!(warn: why, "server session not ended");
}

/// Why a connection is closed that was out of sight.
pub(crate) const SPOILED: &str = "its session may not be as it was";

pub(crate) fn closed(why: &'static str) {
    event!(warn: why, "connection closed");
}

/// What identifies an error, without the words and values of its message.
fn label(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<Error>() {
            Some(own) => own.to_label(),
            None => match (database.code(), database.constraint()) {
                (Some(code), Some(constraint)) => format!("{code} ({constraint})"),
                (Some(code), None) => code.into_owned(),
                (None, _) => "a database error".to_owned(),
            },
        },
        sqlx::Error::Io(error) => format!("I/O: {}", error.kind()),
        sqlx::Error::Protocol(_) => "protocol violation".to_owned(),
        sqlx::Error::WorkerCrashed => "worker crashed".to_owned(),
        _ => "an error of the driver".to_owned(),
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Duration, label, micros};
    use crate::said::said;

    #[test]
    fn an_error_is_called_by_what_identifies_it_and_holds_no_value() {
        assert_eq!(label(&said("23505")), "23505 (a_constraint)");
        let broken = io::Error::new(io::ErrorKind::BrokenPipe, "Ada's");
        assert_eq!(label(&broken.into()), "I/O: broken pipe");
        let protocol = sqlx::Error::Protocol("Ada's".to_owned());
        assert_eq!(label(&protocol), "protocol violation");
        assert_eq!(label(&sqlx::Error::WorkerCrashed), "worker crashed");
        let decode = sqlx::Error::Decode("Ada's".into());
        assert_eq!(label(&decode), "an error of the driver");
    }

    #[test]
    fn a_time_is_told_in_whole_microseconds() {
        assert_eq!(micros(Duration::from_nanos(1_002_999)), 1_002);
        assert_eq!(micros(Duration::MAX), u64::MAX);
    }
}
