//! Many transactions at once, and what their history says.

use super::level::{At, Level};
use super::lists::{self, Lists, read};
use sqlx::Error;
use sqlx_transactional::{ReadTx, Tx, on, transactional};
use sqlx_transactional_tests::TestDb;
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use sqlx_transactional_tests::checker::{Anomaly, End, History, Step, Transaction};
use sqlx_transactional_tests::server::name;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::timeout;

const LISTS: u32 = 5;

/// How many transactions are under way at once.
const AT_ONCE: u32 = 6;

/// How many make one history.
const HISTORY: usize = 300;

/// A transaction that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How transactions ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ends {
    pub(crate) committed: usize,
    pub(crate) failed: usize,
    pub(crate) unknown: usize,
    /// What was allowed and happened.
    pub(crate) allowed: usize,
}

impl fmt::Display for Ends {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} committed, {} failed, {} unknown, {} allowed anomalies",
            self.committed, self.failed, self.unknown, self.allowed
        )
    }
}

/// What a transaction is going to do.
#[derive(Debug, Clone)]
struct Plan {
    steps: Vec<Intent>,
    /// Whether it fails in the end, on purpose.
    fails: bool,
}

#[derive(Debug, Clone, Copy)]
enum Intent {
    Append(u32, u64),
    Read(u32),
}

impl Plan {
    fn new(random: &mut fastrand::Rng, next: &AtomicU64) -> Self {
        // Some that only read, as a large part of the real ones do.
        let reads_only = random.u32(..4) == 0;
        let intent = |random: &mut fastrand::Rng| {
            let list = random.u32(1..=LISTS);
            if reads_only || random.bool() {
                Intent::Read(list)
            } else {
                Intent::Append(list, next.fetch_add(1, Ordering::Relaxed))
            }
        };
        let number = random.usize(2..=4);
        Self {
            steps: (0..number).map(|_| intent(random)).collect(),
            fails: random.u32(..10) == 0,
        }
    }

    fn writes(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step, Intent::Append(..)))
    }

    /// What counts of it when it failed.
    fn appends(&self) -> Vec<Step> {
        let steps = self.steps.iter().filter_map(|step| match step {
            Intent::Append(list, value) => Some(Step::Append(*list, *value)),
            Intent::Read(_) => None,
        });
        steps.collect()
    }
}

#[transactional]
async fn write_and_read<DB: Lists>(tx: &mut Tx<'_, DB>, plan: &Plan) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for intent in &plan.steps {
        steps.push(match *intent {
            Intent::Append(list, value) => {
                DB::append(tx, list, value).await?;
                Step::Append(list, value)
            }
            Intent::Read(list) => Step::Read(list, read(&mut *tx, list).await?),
        });
    }
    if plan.fails {
        return Err(Error::RowNotFound);
    }
    Ok(steps)
}

#[transactional]
async fn only_read<DB: Lists>(tx: &mut ReadTx<'_, DB>, plan: &Plan) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for intent in &plan.steps {
        let (Intent::Append(list, _) | Intent::Read(list)) = *intent;
        steps.push(Step::Read(list, read(&mut *tx, list).await?));
    }
    Ok(steps)
}

/// What the checker is told of a call that gave this.
pub(crate) fn told(answer: Result<Vec<Step>, Error>, appends: Vec<Step>) -> Transaction {
    let (end, steps) = match answer {
        Ok(steps) => (End::Committed, steps),
        Err(error) => match sqlx_transactional::Error::find(&error) {
            Some(found) if found.is_outcome_unknown() => (End::Unknown, appends),
            _ => (End::Failed, appends),
        },
    };
    Transaction { steps, end }
}

/// Runs so many transactions on each level that the engine has, in histories of
/// some hundreds, as far as `wanted` says so of the case's text. Gives how they
/// ended.
pub(crate) async fn sweep<DB: Lists>(
    campaign: &mut Campaign,
    db: &TestDb<DB>,
    transactions: usize,
    seed: u64,
    wanted: impl Fn(&str) -> bool,
) -> Ends {
    let mut ends = Ends::default();
    for level in Level::of(DB::ENGINE) {
        for number in 1..=transactions.div_ceil(HISTORY) {
            let case = format!("isolation/{level}/history/{number}");
            if !wanted(&case) {
                continue;
            }
            let began = Instant::now();
            let own = seed.wrapping_add(number as u64);
            let outcome = match history(db, *level, own).await {
                Ok(history) => judge::<DB>(*level, &history, &mut ends),
                Err(problem) => Err(problem),
            };
            campaign.note(Try {
                goal: Goal::R10,
                engine: name(DB::ENGINE),
                case,
                seed,
                took: began.elapsed(),
                outcome,
            });
        }
    }
    ends
}

/// Counts what happened, and says what must not have.
fn judge<DB: Lists>(level: Level, history: &History, ends: &mut Ends) -> Result<(), String> {
    for transaction in &history.transactions {
        match transaction.end {
            End::Committed => ends.committed += 1,
            End::Failed => ends.failed += 1,
            End::Unknown => ends.unknown += 1,
        }
    }
    let mut forbidden: BTreeMap<Anomaly, String> = BTreeMap::new();
    for finding in history.findings() {
        if level.allows(DB::ENGINE, finding.anomaly) {
            ends.allowed += 1;
        } else {
            forbidden.insert(finding.anomaly, finding.to_string());
        }
    }
    if forbidden.is_empty() {
        return Ok(());
    }
    Err(forbidden.into_values().collect::<Vec<_>>().join("; "))
}

/// One history on new lists.
async fn history<DB: Lists>(db: &TestDb<DB>, level: Level, seed: u64) -> Result<History, String> {
    let made = lists::create(db, LISTS).await;
    made.map_err(|error| format!("no lists: {error}"))?;
    let place = lists::at(db, level, AT_ONCE).await;
    let place = Arc::new(place.map_err(|error| format!("no pool: {error}"))?);
    let next = Arc::new(AtomicU64::new(1));
    let mut tasks = JoinSet::new();
    for task in 0..AT_ONCE {
        let (place, next) = (Arc::clone(&place), Arc::clone(&next));
        let random = fastrand::Rng::with_seed(seed.wrapping_mul(31).wrapping_add(task.into()));
        tasks.spawn(some(place, next, random));
    }
    let mut transactions = Vec::new();
    while let Some(some) = tasks.join_next().await {
        transactions.extend(some.map_err(|error| error.to_string())??);
    }
    // One that is wedged never closes.
    let _ = timeout(PATIENCE, place.pool.close()).await;
    let finally = lists::all(db, LISTS).await;
    Ok(History {
        transactions,
        finally: finally.map_err(|error| format!("no lists: {error}"))?,
    })
}

/// One task's transactions, one after another.
async fn some<DB: Lists>(
    place: Arc<At<DB>>,
    next: Arc<AtomicU64>,
    mut random: fastrand::Rng,
) -> Result<Vec<Transaction>, String> {
    let mut transactions = Vec::new();
    for _ in 0..HISTORY / AT_ONCE as usize {
        let plan = Plan::new(&mut random, &next);
        // The place says the level, or who begins there does.
        let says = random.bool();
        let block = || on(&place.pool).isolation(place.level.isolation());
        let answer = timeout(PATIENCE, async {
            match (plan.writes(), says) {
                (true, false) => write_and_read(&*place, &plan).await,
                (true, true) => {
                    block()
                        .run(async |tx| write_and_read(tx, &plan).await)
                        .await
                }
                (false, false) => only_read(&*place, &plan).await,
                (false, true) => block().read(async |tx| only_read(tx, &plan).await).await,
            }
        });
        let answer = answer.await.map_err(|_| format!("it hangs: {plan:?}"))?;
        transactions.push(told(answer, plan.appends()));
    }
    Ok(transactions)
}
