//! Two transactions, one inside the time of the other, so that what a level
//! allows happens for certain: the checker must see it, and at the levels that
//! forbid it must see nothing.

use super::level::{At, Level};
use super::lists::{self, Lists, read};
use super::load::told;
use sqlx::Error;
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use sqlx_transactional_tests::checker::{Anomaly, History, Step, Transaction};
use sqlx_transactional_tests::server::name;
use sqlx_transactional_tests::{Engine, TestDb};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const X: u32 = 1;
const Y: u32 = 2;

/// How long the inner transaction may wait for the outer one, which waits for
/// it: where the engine keeps it out, it is given up.
const KEPT_OUT: Duration = Duration::from_millis(500);

/// What the two do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skew {
    /// The inner reads what the outer appended to X and then takes back.
    Dirty,
    /// The outer reads X and then Y, the inner appends to both between.
    Read,
    /// Both read X and append to it.
    LostUpdate,
    /// The outer reads X and appends to Y, the inner the other way round.
    Write,
}

impl Skew {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Dirty, "dirty-read"),
        (Self::Read, "read-skew"),
        (Self::LostUpdate, "lost-update"),
        (Self::Write, "write-skew"),
    ];

    /// What happens for certain.
    fn happens(self, engine: Engine, level: Level) -> &'static [Anomaly] {
        let anomalies: &[_] = match self {
            // An order of appends was read that there never was.
            Self::Dirty => &[Anomaly::AbortedRead, Anomaly::IncompatibleOrders],
            Self::Read | Self::LostUpdate => &[Anomaly::GSingle],
            Self::Write => &[Anomaly::G2],
        };
        let happens = match level {
            Level::ReadUncommitted => true,
            Level::ReadCommitted => self != Self::Dirty,
            Level::RepeatableRead => match self {
                Self::Dirty | Self::Read => false,
                Self::LostUpdate => engine == Engine::MySql,
                Self::Write => true,
            },
            Level::Serializable => false,
        };
        if happens { anomalies } else { &[] }
    }
}

/// Does one step, and keeps what it was.
async fn append<DB: Lists>(
    tx: &mut Tx<'_, DB>,
    steps: &mut Vec<Step>,
    list: u32,
    value: u64,
) -> Result<(), Error> {
    DB::append(tx, list, value).await?;
    steps.push(Step::Append(list, value));
    Ok(())
}

async fn see<DB: Lists>(
    tx: &mut Tx<'_, DB>,
    steps: &mut Vec<Step>,
    list: u32,
) -> Result<(), Error> {
    steps.push(Step::Read(list, read(&mut *tx, list).await?));
    Ok(())
}

#[transactional]
async fn inner<DB: Lists>(tx: &mut Tx<'_, DB>, skew: Skew) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    match skew {
        Skew::Dirty => see(tx, &mut steps, X).await?,
        Skew::Read => {
            append(tx, &mut steps, X, 2).await?;
            append(tx, &mut steps, Y, 2).await?;
        }
        Skew::LostUpdate => {
            see(tx, &mut steps, X).await?;
            append(tx, &mut steps, X, 2).await?;
        }
        Skew::Write => {
            see(tx, &mut steps, Y).await?;
            append(tx, &mut steps, X, 2).await?;
        }
    }
    Ok(steps)
}

#[transactional]
async fn outer<DB: Lists>(
    tx: &mut Tx<'_, DB>,
    place: &At<DB>,
    skew: Skew,
    inside: &mut Option<Transaction>,
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    match skew {
        Skew::Dirty => append(tx, &mut steps, X, 1).await?,
        _ => see(tx, &mut steps, X).await?,
    }
    let other = timeout(KEPT_OUT, inner(place, skew)).await;
    // Its appends are known without running it.
    let appends = match skew {
        Skew::Dirty => vec![],
        Skew::Read => vec![Step::Append(X, 2), Step::Append(Y, 2)],
        Skew::LostUpdate | Skew::Write => vec![Step::Append(X, 2)],
    };
    *inside = Some(told(other.unwrap_or(Err(Error::PoolTimedOut)), appends));
    match skew {
        Skew::Dirty => return Err(Error::RowNotFound),
        Skew::Read => see(tx, &mut steps, Y).await?,
        Skew::LostUpdate => append(tx, &mut steps, X, 1).await?,
        Skew::Write => append(tx, &mut steps, Y, 1).await?,
    }
    Ok(steps)
}

/// All skews on all levels that the engine has, as far as `wanted` says so of the
/// case's text.
pub(crate) async fn sweep<DB: Lists>(
    campaign: &mut Campaign,
    db: &TestDb<DB>,
    wanted: impl Fn(&str) -> bool,
) {
    for level in Level::of(DB::ENGINE) {
        for (skew, called) in Skew::ALL {
            let case = format!("isolation/{level}/by-hand/{called}");
            if !wanted(&case) {
                continue;
            }
            let began = Instant::now();
            let outcome = match history(db, *level, skew).await {
                Ok(history) => judge(&history, skew.happens(DB::ENGINE, *level)),
                Err(error) => Err(format!("it could not be tried: {error}")),
            };
            campaign.note(Try {
                goal: Goal::R10,
                engine: name(DB::ENGINE),
                case,
                seed: 0,
                took: began.elapsed(),
                outcome,
            });
        }
    }
}

async fn history<DB: Lists>(db: &TestDb<DB>, level: Level, skew: Skew) -> Result<History, Error> {
    lists::create(db, 2).await?;
    let place = lists::at(db, level, 2).await?;
    let mut inside = None;
    let answer = outer(&place, &place, skew, &mut inside).await;
    let appends = match skew {
        Skew::Read => vec![],
        Skew::Dirty | Skew::LostUpdate => vec![Step::Append(X, 1)],
        Skew::Write => vec![Step::Append(Y, 1)],
    };
    let mut transactions = vec![told(answer, appends)];
    transactions.extend(inside);
    // One that is wedged never closes.
    let _ = timeout(Duration::from_secs(10), place.pool.close()).await;
    Ok(History {
        transactions,
        finally: lists::all(db, 2).await?,
    })
}

/// What was found must be exactly what happens.
fn judge(history: &History, happens: &[Anomaly]) -> Result<(), String> {
    let found: Vec<_> = history.anomalies().into_iter().collect();
    if found == happens && history.transactions.len() == 2 {
        return Ok(());
    }
    Err(format!(
        "{happens:?} happens, and {found:?} is seen: {history:?}"
    ))
}
