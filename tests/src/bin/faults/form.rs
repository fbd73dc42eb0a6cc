//! Every form of a transaction, over notes.

use crate::calls::{Calls, TenantWithin, Within, answering, calls};
use crate::forms;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::own_forms::{Bodies, block_within, failed_savepoint, injected_within, sized, swallows};
use crate::subject::{Answer, Left, Promise, Ran, Subject, caught};
use sqlx::Pool;
use sqlx_transactional_tests::{Engine, TestDb};

/// A form.
pub(crate) struct Form<DB: Notes> {
    name: String,
    promise: Promise,
    /// What it stores, in order.
    notes: &'static [i64],
    calls: Calls<DB>,
}

impl<DB: Notes> Form<DB> {
    /// A form that stores these notes.
    pub(crate) fn commits(
        name: impl Into<String>,
        notes: &'static [i64],
        calls: Calls<DB>,
    ) -> Self {
        Self {
            name: name.into(),
            promise: Promise::Commits,
            notes,
            calls,
        }
    }

    /// A form that stores nothing.
    fn other(name: impl Into<String>, promise: Promise, calls: Calls<DB>) -> Self {
        Self {
            name: name.into(),
            promise,
            notes: &[],
            calls,
        }
    }
}

/// All of them.
pub(crate) fn all<DB: Bodies>() -> Vec<Form<DB>> {
    let mut all = vec![
        Form::commits(
            "annotated",
            &[1, 2],
            calls!(|place, run, _| forms::annotated(place, run)),
        ),
        Form::commits(
            "with-hooks",
            &[1, 2],
            calls!(|place, run, _| forms::with_hooks(place, run)),
        ),
        Form::commits(
            "block",
            &[1, 2],
            Calls {
                free: Box::new(|pool, run, _| answering(forms::block(pool, run))),
                within: Box::new(|place, run, _| answering(block_within(&place.0, run))),
            },
        ),
        Form::commits(
            "injected",
            &[1, 2],
            Calls {
                free: Box::new(|pool, run, _| answering(forms::injected(pool, run))),
                within: Box::new(|place, run, _| answering(injected_within(&place.0, run))),
            },
        ),
        Form::commits(
            "joined",
            &[1, 2, 3],
            calls!(|place, run, _| forms::joining(place, run)),
        ),
        Form::commits(
            "savepoint-closure",
            &[1, 2, 3, 4],
            calls!(|place, run, _| forms::savepoint_closure(place, run)),
        ),
        Form::commits(
            "savepoint-function",
            &[1, 2, 3],
            calls!(|place, run, _| forms::savepoint_function(place, run)),
        ),
        Form::commits(
            "failed-savepoint",
            &[1, 3],
            calls!(|place, run, _| failed_savepoint(place, run)),
        ),
        Form::other(
            "reader",
            Promise::Reads,
            calls!(|place, run, _| forms::reader(place, run)),
        ),
        Form::commits(
            "connection",
            &[1, 2, 3],
            calls!(|place, run, _| forms::connection(place, run)),
        ),
        Form::commits(
            "half-read",
            &[1, 2],
            calls!(|place, run, _| forms::half_read(place, run)),
        ),
        Form::commits(
            "source",
            &[0, 1, 2],
            Calls {
                free: Box::new(|pool, run, _| {
                    answering(
                        async move { forms::with_hooks(&forms::Tenant { pool, run }, run).await },
                    )
                }),
                within: Box::new(|place, run, _| {
                    let pool = &place.0;
                    answering(
                        async move { forms::with_hooks(&TenantWithin { pool, run }, run).await },
                    )
                }),
            },
        ),
        Form::commits(
            "sized",
            &[1, 2],
            calls!(|place, run, seed| sized(place, run, seed)),
        ),
    ];
    all.extend(undone());
    all
}

/// Those that do not commit, or not all of it.
fn undone<DB: Bodies>() -> Vec<Form<DB>> {
    // Only on PostgreSQL is everything lost with one statement.
    let calls: Calls<DB> = calls!(|place, run, _| swallows(place, run));
    let swallowing = match DB::ENGINE {
        Engine::Postgres => Form::other("swallows", Promise::Fails, calls),
        Engine::MySql | Engine::Sqlite => Form::commits("swallows", &[1], calls),
    };
    vec![
        Form::other(
            "fails",
            Promise::Fails,
            calls!(|place, run, _| forms::fails(place, run)),
        ),
        swallowing,
        Form::other(
            "swallows-joined",
            Promise::Fails,
            calls!(|place, run, _| forms::swallows_joined(place, run)),
        ),
        Form::other(
            "rolls-back",
            Promise::RollsBack,
            calls!(|place, run, _| forms::rolls_back(place, run)),
        ),
    ]
}

impl<DB: Notes> Subject<DB> for Form<DB> {
    /// The run, and what chance decided.
    type Given = (Run, u64);

    fn name(&self) -> &str {
        &self.name
    }

    fn promise(&self) -> Promise {
        self.promise
    }

    /// The connection knows the statement that is always the same.
    async fn prepare(&self, _: &TestDb<DB>, pool: &Pool<DB>, number: i64, seed: u64) -> (Run, u64) {
        let mut connection = pool.acquire().await.expect("a connection");
        DB::insert_on(&mut connection, -number)
            .await
            .expect("a note of nobody's");
        (Run::new(number), seed)
    }

    async fn call(&self, pool: &Pool<DB>, (run, seed): &(Run, u64)) -> Answer {
        (self.calls.free)(pool, run, *seed).await
    }

    async fn call_within(&self, place: &Within<DB>, (run, seed): &(Run, u64)) -> Answer {
        (self.calls.within)(place, run, *seed).await
    }

    async fn left(&self, db: &TestDb<DB>, (run, _): &(Run, u64)) -> Left {
        match run.stored(db).await {
            stored if stored.is_empty() => Left::Nothing,
            stored if stored == self.notes => Left::Everything,
            stored => Left::Half(format!(
                "of the notes {:?} these are stored: {stored:?}",
                self.notes
            )),
        }
    }

    fn has_hooks(&self, (run, _): &(Run, u64)) -> bool {
        run.has_hooks()
    }

    fn may_be_unseen(&self) -> bool {
        self.name == "connection"
    }

    async fn ran(&self, (run, _): &(Run, u64), wanted: usize) -> Result<Ran, String> {
        // The ledger panics for a hook that must never run.
        caught(|| run.ran())?;
        let _ = crate::ledger::eventually(|| {
            caught(|| run.ran()).is_ok_and(|(commit, rollback)| commit + rollback >= wanted)
        })
        .await;
        caught(|| run.ran())
    }
}
