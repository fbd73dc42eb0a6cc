//! A call, dropped wherever it can be dropped.

use crate::ledger::Run;
use crate::notes::Notes;
use crate::pauses::with_pauses;
use crate::pools::{assert_closes, recommended, slow};
use sqlx::{Error, Pool, pool::PoolOptions};
use sqlx_transactional_tests::{Direction, TestDb, Wire, inspect, sweep};
use std::cell::RefCell;
use std::io::Write;
use std::time::Duration;

/// More places than any call here has.
const MAX: usize = 400;

/// How often hooks ran: after a commit, after a rollback.
type Ran = (usize, usize);
const NEITHER: Ran = (0, 0);
const COMMITTED: Ran = (1, 0);
const ROLLED_BACK: Ran = (0, 1);

/// What a call leaves behind when nobody drops it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leaves {
    /// These notes, all or none of them.
    Notes(&'static [i64]),
    /// The same on a connection of the caller's, where nobody else can wait for
    /// a COMMIT: dropped there, the call loses its hooks, and sqlx sends a
    /// ROLLBACK after the COMMIT, to be sure.
    Borrowed(&'static [i64]),
    /// The same, in part through the connection, on an engine whose protocol does not
    /// survive a drop there: nobody can be asked what was done.
    Unseen(&'static [i64]),
    /// Nothing: it rolls back.
    Nothing,
    /// Nothing either way: it reads.
    NothingToTell,
}

/// Drops the call at every poll, before and after its answer has come; then,
/// where there is a wire, while each message of the client is held, and each of
/// the server. The polls run on a plain sqlx pool, the messages on a recommended
/// one, each of one connection. After each drop everything is asked that a
/// dropped call could have spoiled.
pub(super) async fn dropped_everywhere<DB: Notes>(
    db: &TestDb<DB>,
    form: &str,
    leaves: Leaves,
    call: impl AsyncFn(&Pool<DB>, &Run) -> Result<(), Error>,
) {
    let book = Book::new(db, leaves);
    let plain = slow(db, PoolOptions::new().max_connections(1)).await;
    // On loopback an answer is often there before anybody has to wait for it.
    let latency = |time| {
        if let Some(wire) = &db.wire {
            wire.set_latency(time);
        }
    };
    latency(Duration::from_millis(1));
    let polls = sweep(
        MAX,
        async || with_pauses(call(&plain, &book.open())).await,
        async |at, output| book.check(&plain, &format!("poll {at}"), output).await,
    )
    .await;
    assert_closes(&plain).await;
    latency(Duration::ZERO);
    assert!(polls > 8, "a call has more than {polls} polls");
    let mut said = vec![format!("{polls} polls")];
    if let Some(wire) = &db.wire {
        let recommended = slow(db, recommended(db.url(), 1)).await;
        for (from, side) in [
            (Direction::FromClient, "client"),
            (Direction::FromServer, "server"),
        ] {
            let messages = wire.drop_at_each(
                from,
                MAX,
                async || call(&recommended, &book.open()).await,
                async |at, output| {
                    let place = format!("message {at} of the {side}");
                    book.check(&recommended, &place, output).await;
                },
            );
            said.push(format!("{} messages of the {side}", messages.await));
        }
        assert_closes(&recommended).await;
        if !matches!(leaves, Leaves::Borrowed(_)) {
            ends_once(wire);
        }
    }
    book.check_hooks_again();
    // Past the capture of the harness: the count is the result.
    let (all, engine, said) = (book.runs.borrow().len(), db.engine(), said.join(", "));
    let _ = writeln!(
        std::io::stderr(),
        "cancellation on {engine}: {form}: dropped at {said}; {all} calls"
    );
}

/// The calls of a sweep.
struct Book<'d, DB: Notes> {
    db: &'d TestDb<DB>,
    leaves: Leaves,
    /// Each with what its hooks may have done by the end.
    runs: RefCell<Vec<(Run, [Ran; 2])>>,
}

impl<'d, DB: Notes> Book<'d, DB> {
    fn new(db: &'d TestDb<DB>, leaves: Leaves) -> Self {
        Self {
            db,
            leaves,
            runs: RefCell::default(),
        }
    }

    /// A new run.
    fn open(&self) -> Run {
        let mut runs = self.runs.borrow_mut();
        let run = Run::new(i64::try_from(runs.len() + 1).expect("a few"));
        runs.push((run.clone(), [NEITHER; 2]));
        run
    }

    /// Asks everything about the last run, which was dropped or gave `output`.
    async fn check(&self, pool: &Pool<DB>, place: &str, output: Option<Result<(), Error>>) {
        let found = inspect::problems(self.db, pool).await;
        assert!(
            found.is_empty(),
            "{place}: left behind:\n  {}",
            found.join("\n  ")
        );
        inspect::settle(pool).await;
        let Some((run, _)) = self.runs.borrow().last().cloned() else {
            // Dropped before the first poll, nothing was called.
            return;
        };
        let stored = run.stored(self.db).await;
        let committed = match self.leaves {
            Leaves::Notes(notes) | Leaves::Borrowed(notes) | Leaves::Unseen(notes) => {
                assert!(
                    stored.is_empty() || stored == notes,
                    "{place}: half of it is stored: {stored:?}"
                );
                (!notes.is_empty()).then_some(!stored.is_empty())
            }
            Leaves::Nothing => Some(false),
            Leaves::NothingToTell => None,
        };
        if committed != Some(true) {
            assert!(stored.is_empty(), "{place}: stored: {stored:?}");
        }
        match (&output, self.leaves) {
            (_, Leaves::Nothing) | (None, _) => {}
            (Some(Ok(())), _) => assert_ne!(committed, Some(false), "{place}"),
            (Some(Err(error)), _) => panic!("{place}: {error:?}"),
        }
        let wanted = match committed {
            _ if !run.has_hooks() => NEITHER,
            Some(true) => COMMITTED,
            None if output.is_some() || run.wait_for_hooks(1).await == COMMITTED => COMMITTED,
            Some(false) | None => ROLLED_BACK,
        };
        let loses = matches!(self.leaves, Leaves::Borrowed(_) | Leaves::Unseen(_));
        let may_be_lost = loses && output.is_none();
        if !may_be_lost {
            let ran = run.wait_for_hooks(wanted.0 + wanted.1).await;
            assert_eq!(ran, wanted, "{place}: hooks");
        }
        if let Some((_, allowed)) = self.runs.borrow_mut().last_mut() {
            *allowed = if may_be_lost {
                [NEITHER, wanted]
            } else {
                [wanted; 2]
            };
        }
    }

    /// No hook ran a second time, and none of those that should not have.
    fn check_hooks_again(&self) {
        for (run, allowed) in &*self.runs.borrow() {
            assert!(allowed.contains(&run.ran()), "hooks of {run:?}");
        }
    }
}

/// Every transaction that was begun was ended, by one message, or was the last
/// that its connection saw.
fn ends_once(wire: &Wire) {
    for log in wire.by_connection() {
        let mut open = false;
        for line in &log {
            let begins = line.starts_with("BEGIN") || line.starts_with("START TRANSACTION");
            let restores = line.starts_with("ROLLBACK; ");
            let ends = line == "COMMIT" || line == "ROLLBACK" || restores;
            if restores && (line.contains("; BEGIN; ") || line.contains("; START TRANSACTION; ")) {
                // For sqlx, which counts one that it ends by a message of its own.
                open = true;
                continue;
            }
            assert!(!(begins && open || ends && !open), "{line} in {log:#?}");
            open = begins || (open && !ends);
        }
    }
}
