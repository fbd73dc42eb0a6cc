//! A server is killed again and again while it is written to.

use super::load::{Load, Pairs, TASKS};
use super::verdict::{self, Counts};
use sqlx::Pool;
use sqlx_transactional::pool::options;
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use sqlx_transactional_tests::server::{Server, name};
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a pool may take to serve again.
const HEALED: Duration = Duration::from_secs(1);

/// How long the load may take to get going, and one that was not healed in time
/// to be healed at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// How often the server is killed.
    pub(crate) kills: usize,
    /// How many calls must have been acknowledged before the next time.
    pub(crate) between: usize,
}

/// Kills a server of its own under load, and asks after the last time what is
/// stored. `None` where the server is not installed.
///
/// Call it on a thread that lives as long as it does: see [`Server::start`].
///
/// # Errors
///
/// What kept it from being tried: the server did not start, say.
pub(crate) async fn kills<DB: Pairs>(
    campaign: &mut Campaign,
    directory: &Path,
    size: Size,
    seed: u64,
) -> Result<Option<Counts>, String> {
    let Some(mut server) = Server::start(DB::ENGINE, directory).await? else {
        return Ok(None);
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let url = server.url();
    let pool = pool::<DB>(&url).await?;
    create::<DB>(&pool).await?;
    let load = Load::start(&pool);
    let mut healed = Vec::new();
    if load.more(size.between, PATIENCE).await.is_none() {
        return Err("nothing was acknowledged before the first kill".to_owned());
    }
    for _ in 0..size.kills {
        sleep(Duration::from_micros(random.u64(..50_000))).await;
        server.kill()?;
        load.next_round();
        server.restart().await?;
        let first = load.more(1, PATIENCE).await;
        healed.push(first);
        // One that does not serve, or not for long, does not heal by a kill.
        let others = load.more(size.between.saturating_sub(1), PATIENCE).await;
        if others.is_none() {
            healed.pop();
            healed.push(None);
            break;
        }
    }
    let record = load.stop().await;
    let stored = stored::<DB>(&url).await?;
    for (round, healed) in healed.into_iter().enumerate() {
        let outcome = match healed {
            Some(took) if took <= HEALED => Ok(()),
            Some(took) => Err(format!("the pool served again after {took:?}")),
            None => Err(format!(
                "the pool does not go on serving within {PATIENCE:?}"
            )),
        };
        let took = healed.unwrap_or(PATIENCE);
        campaign.note(attempt::<DB>(Goal::R9, round, seed, took, outcome));
    }
    for (goal, round, took, outcome) in verdict::on(&record, &stored, size.kills) {
        campaign.note(attempt::<DB>(goal, round, seed, took, outcome));
    }
    // One that is wedged never closes.
    let _ = timeout(HEALED, pool.close()).await;
    Ok(Some(verdict::counts(&record)))
}

fn attempt<DB: Pairs>(
    goal: Goal,
    round: usize,
    seed: u64,
    took: Duration,
    outcome: Result<(), String>,
) -> Try {
    Try {
        goal,
        engine: name(DB::ENGINE),
        case: format!("server-killed/under-load/sigkill/{}", round + 1),
        seed,
        took,
        outcome,
    }
}

async fn pool<DB: Pairs>(url: &str) -> Result<Pool<DB>, String> {
    // sqlx waits for a server that is away, up to a fifth of this at a time.
    let options = options::<DB>(url)
        .max_connections(TASKS)
        .acquire_timeout(Duration::from_secs(1));
    let connect = DB::connect_options(url).map_err(|error| error.to_string())?;
    let pool = options.connect_with(connect).await;
    pool.map_err(|error| format!("no pool: {error}"))
}

async fn create<DB: Pairs>(pool: &Pool<DB>) -> Result<(), String> {
    let mut connection = pool.acquire().await.map_err(|error| error.to_string())?;
    let created = DB::execute(&mut connection, DB::TABLE).await;
    created.map_err(|error| format!("no table: {error}"))
}

/// The ids that a new connection sees, one for each row.
async fn stored<DB: Pairs>(url: &str) -> Result<Vec<i64>, String> {
    let pool = pool::<DB>(url).await?;
    let mut connection = pool.acquire().await.map_err(|error| error.to_string())?;
    let stored = DB::numbers(&mut connection, "select id from pairs order by id, half").await;
    drop(connection);
    let _ = timeout(HEALED, pool.close()).await;
    stored.map_err(|error| format!("what is stored cannot be read: {error}"))
}
