//! The ratios of forms that take turns, as a Markdown table and as JSON.

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Parser;
use serde::Serialize;
use sqlx::{Postgres, Sqlite};
use sqlx_transactional_benches::{
    Engine, Pools, Subject,
    case::Comparison,
    engine::{postgres_socket, postgres_tcp},
    paired::{self, Paired, Plan},
    report::{Table, Verdict},
    wire::{self, RoundTrips},
};
use tokio::runtime;

/// Measures `#[transactional]` beside hand-written code.
///
/// Exits with 1 if a goal was missed for certain. `cargo xtask servers` gives
/// it a `PostgreSQL`; without one it measures `SQLite` alone.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// How many pairs of batches each comparison takes
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// How long a batch should take, in microseconds
    #[arg(long, default_value_t = 3_000)]
    batch: u64,
    /// How many threads tokio has; with one it is the `current_thread` runtime
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    /// Subscribe to spans and events of level INFO and above, as a service does
    #[arg(long)]
    subscriber: bool,
    /// Only the comparisons whose line contains this
    #[arg(long)]
    only: Option<String>,
    /// Write the figures to this file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
struct Line {
    engine: &'static str,
    subject: Subject,
    base: Subject,
    #[serde(flatten)]
    time: Paired,
    round_trips: Option<[RoundTrips; 2]>,
    future_bytes: [usize; 2],
    limit_percent: Option<u32>,
    verdict: Option<Verdict>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if args.subscriber {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_writer(std::io::sink)
            .init();
    }
    let runtime = if args.threads == 1 {
        runtime::Builder::new_current_thread().enable_all().build()
    } else {
        let mut builder = runtime::Builder::new_multi_thread();
        builder.worker_threads(args.threads.into());
        builder.enable_all().build()
    };
    // A task of its own, because that is where handlers run.
    let lines = runtime?.block_on(async { tokio::spawn(measure(args.clone())).await? })?;
    print!("{}", table(&lines));
    if let Some(path) = args.json {
        let json = serde_json::to_string_pretty(&lines)?;
        fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let missed = lines
        .iter()
        .any(|line| line.verdict == Some(Verdict::Missed));
    Ok(ExitCode::from(u8::from(missed)))
}

async fn measure(args: Args) -> Result<Vec<Line>> {
    let mut lines =
        engine::<Sqlite>("SQLite", "sqlite::memory:", &Comparison::ALL, &args, &[]).await?;
    let directory = tempfile::tempdir()?;
    let url = format!("sqlite://{}/{{}}.db?mode=rwc", directory.path().display());
    let in_a_file = engine::<Sqlite>("SQLite in a file", &url, &[Comparison::POOLS], &args, &[]);
    lines.extend(in_a_file.await?);
    directory.close()?;
    if let Some(socket) = postgres_socket() {
        let counted = match postgres_tcp() {
            Some(tcp) => wire::count(&tcp).await?,
            None => Vec::new(),
        };
        let postgres = engine::<Postgres>("PostgreSQL", &socket, &Comparison::ALL, &args, &counted);
        lines.extend(postgres.await?);
    }
    Ok(lines)
}

async fn engine<DB: Engine>(
    name: &'static str,
    url: &str,
    comparisons: &[Comparison],
    args: &Args,
    counted: &[(Subject, RoundTrips)],
) -> Result<Vec<Line>> {
    let pools = DB::open(url).await?;
    let plan = Plan {
        pairs: args.pairs.try_into()?,
        batch: Duration::from_micros(args.batch),
    };
    let mut lines = Vec::new();
    for comparison in comparisons.iter().copied() {
        let title = format!("{name}: {} / {}", comparison.subject, comparison.base);
        if args.only.as_ref().is_some_and(|only| !title.contains(only)) {
            continue;
        }
        eprintln!("{title}");
        let time = paired::measure(&pools, comparison, plan).await?;
        lines.push(line(name, &pools, comparison, time, counted));
    }
    pools.close().await?;
    Ok(lines)
}

fn line<DB: Engine>(
    name: &'static str,
    pools: &Pools<DB>,
    comparison: Comparison,
    time: Paired,
    counted: &[(Subject, RoundTrips)],
) -> Line {
    let both = [comparison.subject, comparison.base];
    let [subject, base] = both.map(|subject| wire::of(counted, subject));
    let limit = comparison.limit.map(|percent| f64::from(percent) / 100.0);
    Line {
        engine: name,
        subject: comparison.subject,
        base: comparison.base,
        time,
        round_trips: subject.zip(base).map(<[RoundTrips; 2]>::from),
        future_bytes: both.map(|subject| DB::size(subject.case, pools.of(subject))),
        limit_percent: comparison.limit,
        verdict: limit.map(|limit| match time.ratio.sure {
            (_, high) if high <= limit => Verdict::Reached,
            (low, _) if low > limit => Verdict::Missed,
            _ => Verdict::Open,
        }),
    }
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new([
        "engine",
        "measured",
        "against",
        "ratio",
        "95 % sure",
        "half of the pairs",
        "µs",
        "round trips (pings)",
        "future, bytes",
        "goal",
    ]);
    for line in lines {
        let ratio = &line.time.ratio;
        let trips = line.round_trips.map(|both| {
            both.map(|RoundTrips { total, pings }| format!("{total} ({pings})"))
                .join(" / ")
        });
        let goal = line.limit_percent.zip(line.verdict);
        table.add([
            line.engine.to_owned(),
            line.subject.to_string(),
            line.base.to_string(),
            format!("**{:.3}**", ratio.median),
            format!("{:.3} to {:.3}", ratio.sure.0, ratio.sure.1),
            format!("{:.2} to {:.2}", ratio.half.0, ratio.half.1),
            format!("{:.1} / {:.1}", line.time.subject_us, line.time.base_us),
            trips.unwrap_or_default(),
            format!("{} / {}", line.future_bytes[0], line.future_bytes[1]),
            goal.map_or_else(String::new, |(limit, verdict)| {
                format!("at most {:.2}: {verdict}", f64::from(limit) / 100.0)
            }),
        ]);
    }
    table
}
