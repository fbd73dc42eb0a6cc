//! Many programs, and the smallest of those that do not do what the model says.

use crate::grow;
use crate::model::{Outcome, outcomes};
use crate::program::{Lost, Place, Program};
use crate::shrink::smaller;
use crate::sql::{Sql, THERE, insert};
use crate::walk::{Seen, Walk};
use sqlx::{Connection, Pool};
use sqlx_transactional::pool::Recommended;
use sqlx_transactional_tests::{Action, Engine, Point, TestDb, inspect};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// A program that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a hook may take to run that nobody waits for.
const HOOKS: Duration = Duration::from_secs(1);

/// How many smaller programs are tried when one fails.
const SMALLER: usize = 500;

/// The notes of a program have ids in a range this wide.
const WIDTH: i64 = 10_000;

/// The note that is stored when it is over.
const PROBE: i64 = WIDTH - 1;

/// Where programs run, one after another.
pub(crate) struct Sweep<'a, DB: Sql> {
    db: &'a TestDb<DB>,
    pool: Pool<DB>,
    other: tokio::sync::Mutex<DB::Connection>,
    walks: i64,
    /// What programs have seen that are over, to find what comes later.
    over: Vec<Over>,
    pub(crate) ends: BTreeMap<String, usize>,
}

/// A program that is over.
struct Over {
    program: Program,
    /// The hooks that may run, one list for each outcome.
    hooks: Vec<Vec<i64>>,
    seen: Arc<Mutex<Seen>>,
}

/// A program that fails, and how.
pub(crate) struct Failure {
    pub(crate) program: Program,
    pub(crate) problem: String,
}

impl<'a, DB: Sql> Sweep<'a, DB> {
    pub(crate) async fn new(db: &'a TestDb<DB>) -> Self {
        let mut observer = db.observer.acquire().await.expect("the observer");
        let there = insert(THERE);
        let keys = sqlx_transactional::keys::table::<DB>();
        for sql in [there.as_str(), keys]
            .into_iter()
            .chain(DB::SETUP.iter().copied())
        {
            let done = DB::execute(&mut observer, sql).await;
            done.expect("what programs need");
        }
        Self {
            db,
            pool: pool(db).await,
            other: tokio::sync::Mutex::new(other(db).await),
            walks: 0,
            over: Vec::new(),
            ends: BTreeMap::new(),
        }
    }

    /// Runs so many programs. The first that fails, made smaller.
    pub(crate) async fn run(
        &mut self,
        place: Place,
        loses: bool,
        programs: u64,
        seed: u64,
    ) -> Option<(u64, Failure)> {
        for seed in (0..programs).map(|number| seed.wrapping_add(number)) {
            let program = grow::program(DB::ENGINE, place, loses, seed);
            if let Some(problem) = self.problem(&program).await {
                let failure = Failure { program, problem };
                return Some((seed, self.smallest(failure).await));
            }
        }
        None
    }

    async fn smallest(&mut self, mut failure: Failure) -> Failure {
        let began = Instant::now();
        let mut tried = 0;
        'again: loop {
            for program in smaller(&failure.program) {
                tried += 1;
                if tried > SMALLER || began.elapsed() > 4 * PATIENCE {
                    return failure;
                }
                if let Some(problem) = self.problem(&program).await {
                    failure = Failure { program, problem };
                    continue 'again;
                }
            }
            return failure;
        }
    }

    /// What a program did otherwise than the model.
    async fn problem(&mut self, program: &Program) -> Option<String> {
        let Some(allowed) = outcomes(DB::ENGINE, program) else {
            *self.ends.entry("too open".to_owned()).or_default() += 1;
            return None;
        };
        self.walks += 1;
        let problem = match timeout(PATIENCE, self.walk(program, &allowed)).await {
            Ok(problem) => problem,
            Err(_) => Some("it hangs".to_owned()),
        };
        if problem.is_some() {
            // What it has left behind is not the next one's.
            self.renew().await;
            self.other = tokio::sync::Mutex::new(other(self.db).await);
        }
        problem
    }

    async fn walk(&mut self, program: &Program, allowed: &[Outcome]) -> Option<String> {
        let base = self.walks * WIDTH;
        let walk = Walk::new(&self.pool, program, base, &self.other);
        if let Some(lost) = program.call.lost {
            let point = match lost {
                Lost::Commit => Point::command("COMMIT"),
                Lost::Answer => Point::reply_to("COMMIT"),
            };
            self.db.wire().arm(point, Action::Cut);
        }
        let (answer, inside) = walk.done().await;
        if program.call.lost.is_some() {
            self.db.wire().disarm();
        }
        let weakness = self.weakness(base).await;
        let mut observer = self.db.observer.acquire().await.expect("the observer");
        let mut outside = walk.stored(&mut observer).await.expect("the notes");
        drop(observer);
        let probed = outside.pop_if(|note| *note == PROBE).is_some();
        let weakness = weakness.or_else(|| {
            let lost = "a write behind it is answered Ok and is not stored";
            (!probed).then(|| lost.to_owned())
        });
        if let Some(weakness) = &weakness
            && allowed.iter().all(|outcome| outcome.whole)
        {
            return Some(weakness.clone());
        }
        if let Some(inside) = inside {
            if !outside.is_empty() && allowed.iter().all(|outcome| !outcome.ended) {
                return Some(format!("{outside:?} are stored in spite of the test"));
            }
            outside.extend(inside);
            outside.sort_unstable();
            outside.dedup();
        }
        let found = |seen: Seen| Outcome {
            answer: answer.clone(),
            stored: outside.clone(),
            maybe: Vec::new(),
            hooks: seen.hooks,
            runs: seen.runs,
            told: seen.told,
            ended: false,
            whole: weakness.is_none(),
        };
        let began = Instant::now();
        loop {
            let found = found(walk.seen());
            if allowed.iter().any(|outcome| outcome.allows(&found)) {
                let end = format!("{:?}", found.answer);
                *self.ends.entry(end).or_default() += 1;
                // Others may be right as well, and come later.
                let hooks = allowed.iter().map(|outcome| outcome.hooks.clone());
                self.over.push(Over {
                    program: program.clone(),
                    hooks: hooks.collect(),
                    seen: walk.seen,
                });
                if weakness.is_some() {
                    self.renew().await;
                }
                return None;
            }
            if began.elapsed() > HOOKS {
                return Some(difference(&found, allowed));
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Makes another pool, behind the end of the one before: a transaction that is still
    /// open there would be in the way.
    async fn renew(&mut self) {
        let _ = timeout(PATIENCE, self.pool.close()).await;
        self.pool = pool(self.db).await;
    }

    /// Why the pool's connection is not as it should be.
    async fn weakness(&self, base: i64) -> Option<String> {
        let Ok(acquired) = timeout(Duration::from_secs(3), self.pool.acquire()).await else {
            return Some("the pool has no connection left".to_owned());
        };
        let mut connection = match acquired {
            Ok(connection) => connection,
            Err(error) => return Some(format!("the pool gives no connection: {error}")),
        };
        if connection.is_in_transaction() {
            return Some("sqlx believes that the connection is in a transaction".to_owned());
        }
        let probe = insert(base + PROBE);
        if let Err(error) = DB::execute(&mut connection, &probe).await {
            return Some(format!("a write behind it fails: {error}"));
        }
        let asked = base + PROBE;
        let sql = format!("select id from notes where id = {asked}");
        match DB::numbers(&mut connection, &sql).await {
            Ok(told) if told == [asked] => None,
            told => Some(format!("a question behind it is answered {told:?}")),
        }
    }

    /// What came when nobody looked any more, and what is left on the server.
    pub(crate) async fn late(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for Over {
            program,
            hooks,
            seen,
        } in &self.over
        {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if !hooks.contains(&seen.hooks) {
                problems.push(format!(
                    "later {:?} ran instead of {hooks:?} of {program}",
                    seen.hooks
                ));
            }
        }
        problems.extend(inspect::left_behind(self.db).await);
        problems
    }
}

async fn pool<DB: Sql>(db: &TestDb<DB>) -> Pool<DB> {
    let connect = <DB as Recommended>::connect_options(db.url()).expect("the URL of the database");
    let pool = DB::options(db.url()).connect_with(connect).await;
    pool.expect("a pool")
}

/// One that does not wait for others.
async fn other<DB: Sql>(db: &TestDb<DB>) -> DB::Connection {
    let connected = <DB::Connection as Connection>::connect(db.direct_url()).await;
    let mut other = connected.expect("a connection");
    if DB::ENGINE == Engine::Sqlite {
        let prepared = DB::execute(&mut other, "pragma busy_timeout = 0").await;
        prepared.expect("a setting");
    }
    other
}

fn difference(found: &Outcome, allowed: &[Outcome]) -> String {
    let mut text = format!("found    {found:?}");
    for outcome in allowed.iter().take(4) {
        let _ = write!(text, "\nallowed  {outcome:?}");
    }
    if allowed.len() > 4 {
        let _ = write!(text, "\nand {} others", allowed.len() - 4);
    }
    text
}
