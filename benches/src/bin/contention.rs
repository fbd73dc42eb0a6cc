//! Transfers that are in each other's way: how many a second, how long the
//! slowest wait, and how often each is attempted, beside a loop written by hand.

use std::{
    env::temp_dir,
    fs,
    process::{ExitCode, id},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Parser;
use sqlx::{Pool, Postgres, Sqlite, raw_sql};
use sqlx_transactional::{Tx, pool::Recommended, transactional};
use sqlx_transactional_benches::engine::postgres_socket;
use tokio::{task::JoinSet, time::sleep};

/// How many accounts there are: the fewer, the more conflicts.
const ACCOUNTS: i64 = 8;

/// Measures `retry` under contention, in rounds in which the forms take turns.
///
/// `cargo xtask servers` gives it a `PostgreSQL`; without one it measures
/// `SQLite`, in a file, alone.
#[derive(Clone, Copy, Debug, Parser)]
struct Args {
    /// How often each form is measured
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// How many tasks transfer at the same time
    #[arg(long, default_value_t = 8)]
    tasks: i64,
    /// How many transfers each makes in a round
    #[arg(long, default_value_t = 40)]
    transfers: i64,
}

/// A transfer: from this account, to that one.
type Accounts = (i64, i64);

/// Reads both accounts and writes both, on whatever runs statements.
macro_rules! transfer {
    ($on:expr, $accounts:expr) => {{
        let (from, to) = $accounts;
        let mut balances = [0_i64; 2];
        for (balance, account) in balances.iter_mut().zip([from, to]) {
            let select = sqlx::query_scalar("select balance from contended where id = $1");
            *balance = select.bind(account).fetch_one(&mut *$on).await?;
        }
        let mut changed = [(from, balances[0] - 1), (to, balances[1] + 1)];
        // In one order, or the server's pause before it looks for deadlocks would be
        // all there is to see.
        changed.sort_unstable();
        for (account, balance) in changed {
            let update = sqlx::query("update contended set balance = $2 where id = $1");
            update
                .bind(account)
                .bind(balance)
                .execute(&mut *$on)
                .await?;
        }
    }};
}

#[transactional(
    isolation = serializable,
    retry(attempts = 1000, deadline = "1m", base = "1ms", cap = "20ms")
)]
async fn on_postgres(tx: &mut Tx<'_, Postgres>, accounts: Accounts) -> Result<u32, sqlx::Error> {
    transfer!(tx, accounts);
    Ok(tx.attempt())
}

#[transactional(retry(attempts = 1000, deadline = "1m", base = "1ms", cap = "20ms"))]
async fn immediate(tx: &mut Tx<'_, Sqlite>, accounts: Accounts) -> Result<u32, sqlx::Error> {
    transfer!(tx, accounts);
    Ok(tx.attempt())
}

#[transactional(
    deferred,
    retry(attempts = 1000, deadline = "1m", base = "1ms", cap = "20ms")
)]
async fn deferred(tx: &mut Tx<'_, Sqlite>, accounts: Accounts) -> Result<u32, sqlx::Error> {
    transfer!(tx, accounts);
    Ok(tx.attempt())
}

/// The loop that everybody writes, with the same pauses.
macro_rules! by_hand {
    ($pool:expr, $begin:literal, $codes:pat, $accounts:expr) => {{
        let (mut attempt, started) = (0_u32, Instant::now());
        loop {
            attempt += 1;
            let ended: Result<(), sqlx::Error> = async {
                let mut tx = $pool.begin_with($begin).await?;
                transfer!(&mut *tx, $accounts);
                tx.commit().await
            }
            .await;
            let Err(error) = ended else {
                return Ok(attempt);
            };
            let code = error.as_database_error().and_then(|error| error.code());
            if !matches!(code.as_deref(), Some($codes)) || started.elapsed().as_secs() >= 60 {
                return Err(error);
            }
            let longest = 2_u64.saturating_pow(attempt - 1).min(20);
            sleep(Duration::from_millis(longest).mul_f64(fastrand::f64())).await;
        }
    }};
}

async fn by_hand_on_postgres(
    pool: &Pool<Postgres>,
    accounts: Accounts,
) -> Result<u32, sqlx::Error> {
    by_hand!(
        pool,
        "begin isolation level serializable",
        "40001" | "40P01",
        accounts
    )
}

async fn by_hand_on_sqlite(pool: &Pool<Sqlite>, accounts: Accounts) -> Result<u32, sqlx::Error> {
    by_hand!(pool, "begin immediate", "5" | "6" | "261" | "517", accounts)
}

/// What a form did in all rounds.
#[derive(Clone, Debug, Default)]
struct Tally {
    rates: Vec<f64>,
    waits: Vec<Duration>,
    attempts: u64,
}

impl Tally {
    fn line(mut self, name: &str) -> String {
        self.rates.sort_by(f64::total_cmp);
        self.waits.sort();
        let rate = self.rates[self.rates.len() / 2];
        let wait = |percent: usize| {
            let wait = self.waits[(self.waits.len() - 1) * percent / 100];
            wait.as_secs_f64() * 1e3
        };
        let transfers = u32::try_from(self.waits.len()).unwrap_or(u32::MAX);
        let attempts = f64::from(u32::try_from(self.attempts).unwrap_or(u32::MAX));
        format!(
            "| {name} | {rate:.0} | {:.1} ms | {:.1} ms | {:.2} |",
            wait(50),
            wait(99),
            attempts / f64::from(transfers)
        )
    }
}

/// One round of one form: every task makes its transfers.
async fn round<F, W>(args: Args, tally: &mut Tally, transfer: F) -> Result<()>
where
    F: Fn(Accounts) -> W + Clone + Send + 'static,
    W: Future<Output = Result<u32, sqlx::Error>> + Send,
{
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..args.tasks {
        let transfer = transfer.clone();
        tasks.spawn(async move {
            let mut done = Vec::new();
            for number in 0..args.transfers {
                let from = (task * 5 + number * 3) % ACCOUNTS;
                let to = (from + 1 + (task + number) % (ACCOUNTS - 1)) % ACCOUNTS;
                let asked = Instant::now();
                let attempts = transfer((from, to)).await?;
                done.push((asked.elapsed(), attempts));
            }
            Ok::<_, sqlx::Error>(done)
        });
    }
    let mut made = 0_u32;
    while let Some(done) = tasks.join_next().await {
        for (wait, attempts) in done?? {
            tally.waits.push(wait);
            tally.attempts += u64::from(attempts);
            made += 1;
        }
    }
    tally
        .rates
        .push(f64::from(made) / started.elapsed().as_secs_f64());
    Ok(())
}

const TABLE: &str = "create table contended (id bigint primary key, balance bigint not null)";
const TOTAL: &str = "select cast(sum(balance) as bigint) from contended";

/// The measurement on one engine: a table of accounts, and the forms by turns.
macro_rules! measure {
    ($args:expr, $pool:expr, $engine:literal, [$($name:literal: $form:path),*]) => {{
        let (args, pool) = ($args, $pool);
        raw_sql(TABLE).execute(&pool).await?;
        for id in 0..ACCOUNTS {
            let insert = sqlx::query("insert into contended values ($1, 1000)");
            insert.bind(id).execute(&pool).await?;
        }
        let names = [$($name),*];
        let mut tallies = names.map(|_| Tally::default());
        for _ in 0..args.rounds {
            let mut tally = tallies.iter_mut();
            $(
                let shared = pool.clone();
                let form = move |accounts| {
                    let pool = shared.clone();
                    async move { $form(&pool, accounts).await }
                };
                if let Some(tally) = tally.next() {
                    round(args, tally, form).await?;
                }
            )*
        }
        let total: i64 = sqlx::query_scalar(TOTAL).fetch_one(&pool).await?;
        ensure!(total == ACCOUNTS * 1000, "money was lost or made: {total}");
        for (name, tally) in names.into_iter().zip(tallies) {
            println!("{}", tally.line(&format!("{}, {name}", $engine)));
        }
        raw_sql("drop table contended").execute(&pool).await?;
        pool.close().await;
    }};
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    println!("| | transfers a second | half wait at most | 99 % wait at most | attempts each |");
    println!("|---|---|---|---|---|");
    let directory = temp_dir().join(format!("sqlx-transactional-contention-{}", id()));
    fs::create_dir_all(&directory)?;
    let url = format!("sqlite://{}?mode=rwc", directory.join("db").display());
    let options = sqlx_transactional::pool::options::<Sqlite>(&url).max_connections(4);
    let pool = options.connect_with(Sqlite::connect_options(&url)?).await?;
    measure!(args, pool, "SQLite", [
        "by hand": by_hand_on_sqlite,
        "`retry`": immediate,
        "`deferred, retry`": deferred
    ]);
    fs::remove_dir_all(&directory)?;
    if let Some(url) = postgres_socket() {
        let options = sqlx_transactional::pool::options::<Postgres>(&url).max_connections(4);
        let pool = options
            .connect_with(Postgres::connect_options(&url)?)
            .await?;
        measure!(args, pool, "PostgreSQL serializable", [
            "by hand": by_hand_on_postgres,
            "`retry`": on_postgres
        ]);
    }
    Ok(ExitCode::SUCCESS)
}
