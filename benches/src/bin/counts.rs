//! Round trips, allocations and sizes: figures that are the same every time.
//!
//! This program's allocator counts, so it measures no time. It counts the
//! allocations of one thread: all of tokio's, not those of the thread in which
//! sqlx runs SQLite.

use std::{fs, path::PathBuf, process::ExitCode};

use allocation_counter::AllocationInfo;
use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde::Serialize;
use sqlx::{Error, Postgres, Sqlite};
use sqlx_transactional_benches::{
    Call, Case, Engine, Form, Pools, Subject,
    case::{Comparison, Settings},
    engine::{postgres_socket, postgres_tcp},
    report::{Table, Verdict},
    settle,
    wire::{self, RoundTrips},
};
use tokio::runtime::{Builder, Runtime};

/// Counts what `#[transactional]` costs beside hand-written code.
///
/// Exits with 1 if a goal was missed. `cargo xtask servers` gives it a
/// `PostgreSQL`; without one it looks at `SQLite` alone.
#[derive(Debug, Parser)]
struct Args {
    /// Write the figures to this file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    transactions: Vec<Transaction>,
    statements: Vec<Statement>,
    goals: Vec<Goal>,
}

/// What one transaction costs.
#[derive(Clone, Copy, Debug, Serialize)]
struct Transaction {
    engine: &'static str,
    subject: Subject,
    round_trips: Option<RoundTrips>,
    allocations: Allocations,
    future_bytes: usize,
}

/// What one statement more costs in a transaction.
#[derive(Clone, Debug, Serialize)]
struct Statement {
    engine: &'static str,
    call: String,
    by_hand: Allocations,
    attribute: Allocations,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
struct Allocations {
    count: f64,
    bytes: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Goal {
    goal: String,
    verdict: Verdict,
}

/// Over how many transactions is counted: buffers that are allocated anew once
/// in a while count as a part of each.
const TIMES: u32 = 200;

/// How many statements a transaction has for the cost of one.
const STATEMENTS: u32 = 100;

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut report = Report::default();
    engine::<Sqlite>("sqlite::memory:", &runtime, &[], &mut report)?;
    if let Some(socket) = postgres_socket() {
        let counted = match postgres_tcp() {
            Some(tcp) => runtime.block_on(wire::count(&tcp))?,
            None => Vec::new(),
        };
        engine::<Postgres>(&socket, &runtime, &counted, &mut report)?;
        report.goals = goals(&counted);
    }
    println!("{}", transactions(&report.transactions));
    println!("{}", statements(&report.statements));
    for Goal { goal, verdict } in &report.goals {
        println!("- {goal}: {verdict}");
    }
    if let Some(path) = args.json {
        let json = serde_json::to_string_pretty(&report)?;
        fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let missed = report
        .goals
        .iter()
        .any(|goal| goal.verdict == Verdict::Missed);
    Ok(ExitCode::from(u8::from(missed)))
}

fn engine<DB: Engine>(
    url: &str,
    runtime: &Runtime,
    counted: &[(Subject, RoundTrips)],
    report: &mut Report,
) -> Result<()> {
    let pools = runtime.block_on(DB::open(url))?;
    for subject in Subject::ALL {
        report.transactions.push(Transaction {
            engine: DB::NAME,
            subject,
            round_trips: wire::of(counted, subject),
            allocations: of_a_transaction(runtime, &pools, subject)?,
            future_bytes: DB::size(subject.case, pools.of(subject)),
        });
    }
    for call in Call::ALL {
        report.statements.push(Statement {
            engine: DB::NAME,
            call: call.to_string(),
            by_hand: of_a_statement(runtime, &pools, Form::ByHand, call)?,
            attribute: of_a_statement(runtime, &pools, Form::Attribute, call)?,
        });
    }
    runtime.block_on(pools.close())?;
    Ok(())
}

fn of_a_transaction<DB: Engine>(
    runtime: &Runtime,
    pools: &Pools<DB>,
    subject: Subject,
) -> Result<Allocations> {
    let pool = pools.of(subject);
    let work = async || {
        for _ in 0..TIMES {
            DB::repeat(subject.case, pool, 1).await?;
            settle(pool).await;
        }
        Ok::<_, Error>(())
    };
    // Once for the caches.
    runtime.block_on(work())?;
    let info = counting(|| runtime.block_on(work()))?;
    Ok(Allocations {
        count: each(info.count_total, TIMES)?,
        bytes: each(info.bytes_total, TIMES)?,
    })
}

fn of_a_statement<DB: Engine>(
    runtime: &Runtime,
    pools: &Pools<DB>,
    form: Form,
    call: Call,
) -> Result<Allocations> {
    let pool = pools.of(Subject::ALL[Subject::ALL.len() - 1]);
    let with = |count: u32| {
        let work = async || {
            DB::many(form, call, count.into(), pool).await?;
            settle(pool).await;
            Ok::<_, Error>(())
        };
        runtime.block_on(work())?;
        counting(|| runtime.block_on(work()))
    };
    let (one, many) = (with(1)?, with(STATEMENTS + 1)?);
    Ok(Allocations {
        count: each(many.count_total - one.count_total, STATEMENTS)?,
        bytes: each(many.bytes_total - one.bytes_total, STATEMENTS)?,
    })
}

fn counting(work: impl FnOnce() -> Result<(), Error>) -> Result<AllocationInfo> {
    let mut done = None;
    let info = allocation_counter::measure(|| done = Some(work()));
    ensure!(done.is_some(), "nothing was measured");
    done.transpose()?;
    Ok(info)
}

fn each(total: u64, times: u32) -> Result<f64> {
    Ok(f64::from(u32::try_from(total)?) / f64::from(times))
}

/// What must hold of the round trips.
fn goals(counted: &[(Subject, RoundTrips)]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for Comparison {
        subject,
        base,
        round_trips,
        ..
    } in Comparison::ALL
    {
        let both = wire::of(counted, subject).zip(wire::of(counted, base));
        let (Some(more), Some((of_subject, of_base))) = (round_trips, both) else {
            continue;
        };
        let reached = i64::try_from(of_subject.total)
            .is_ok_and(|total| i64::try_from(of_base.total) == Ok(total - more));
        let amount = if more == 0 {
            "as many round trips as"
        } else {
            "one round trip less than"
        };
        goals.push(Goal::new(format!("{subject}: {amount} {base}"), reached));
    }
    let early = Subject {
        case: Case::Early,
        settings: Settings::Recommended,
    };
    if let Some(round_trips) = wire::of(counted, early) {
        goals.push(Goal::new(
            format!("{early}: no round trip"),
            round_trips.total == 0,
        ));
    }
    goals
}

impl Goal {
    fn new(goal: String, reached: bool) -> Self {
        let verdict = if reached {
            Verdict::Reached
        } else {
            Verdict::Missed
        };
        Self { goal, verdict }
    }
}

fn transactions(transactions: &[Transaction]) -> Table {
    let mut table = Table::new([
        "engine",
        "transaction",
        "round trips",
        "of these pings",
        "allocations",
        "bytes allocated",
        "future, bytes",
    ]);
    for line in transactions {
        let trips = |of: fn(RoundTrips) -> usize| {
            line.round_trips
                .map_or_else(String::new, |trips| of(trips).to_string())
        };
        table.add([
            line.engine.to_owned(),
            line.subject.to_string(),
            trips(|trips| trips.total),
            trips(|trips| trips.pings),
            format!("{:.1}", line.allocations.count),
            format!("{:.0}", line.allocations.bytes),
            line.future_bytes.to_string(),
        ]);
    }
    table
}

fn statements(statements: &[Statement]) -> Table {
    let mut table = Table::new([
        "engine",
        "one more statement",
        "allocations by hand",
        "with the attribute",
        "bytes by hand",
        "with the attribute",
    ]);
    for line in statements {
        table.add([
            line.engine.to_owned(),
            line.call.clone(),
            format!("{:.1}", line.by_hand.count),
            format!("{:.1}", line.attribute.count),
            format!("{:.0}", line.by_hand.bytes),
            format!("{:.0}", line.attribute.bytes),
        ]);
    }
    table
}
