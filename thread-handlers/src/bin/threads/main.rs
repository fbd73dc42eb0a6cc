//! Shows the eight operations on a real database, then tries to break them.
//!
//! Exit code 0: everything that was tried held. 1: something did not. 2: the
//! database could not be used.

mod answer;
mod changes;
mod data;
mod disturb;
mod engine;
mod generators;
mod load;
mod observe;
mod report;
mod screen;
mod setup;
mod story;
mod subject;
mod sweep;
mod text;
mod timeline;
mod tour;
mod trials;

use std::{panic::AssertUnwindSafe, process::ExitCode, sync::Arc, time::Instant};

use clap::Parser;
use futures_util::FutureExt;
use sqlx::{Postgres, Sqlite};
use thread_handlers::events::Collected;

use crate::{
    data::Data,
    engine::Engine,
    screen::{Manner, Screen},
    setup::{Place, SetupError},
    timeline::Recorder,
    tour::Tour,
    trials::Trials,
};

/// Shows the eight thread operations on a real database, each with its
/// transaction, then disturbs every one of them and looks at what is left.
///
/// Exit code 0: everything that was tried held. 1: something did not. 2: the
/// database could not be used.
#[derive(Debug, Parser)]
#[command(version, about, verbatim_doc_comment)]
struct Arguments {
    /// Where to work: sqlite:PATH, a new file, which is kept;
    /// or postgres://…, in a schema of its own, dropped at the end
    /// [default: an embedded database in a temporary file]
    #[arg(long, value_name = "URL", verbatim_doc_comment)]
    database: Option<String>,
    /// Print only the closing table
    #[arg(short, long)]
    quiet: bool,
    /// Print one JSON object a line: operations, disturbances, a summary
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut screen = Screen::new(Manner {
        quiet: arguments.quiet,
        json: arguments.json,
    });
    let url = arguments.database.as_deref();
    let ended = match url.map(|url| url.split_once(':').unwrap_or((url, ""))) {
        None => on(setup::temporary().await, &mut screen).await,
        Some(("sqlite", _)) => on(Sqlite::open(url.unwrap_or_default()).await, &mut screen).await,
        Some(("postgres" | "postgresql", _)) => {
            on(Postgres::open(url.unwrap_or_default()).await, &mut screen).await
        }
        Some(_) => Err(SetupError::Scheme.into()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<SetupError>() {
                2
            } else if error.is::<Interrupted>() {
                130
            } else {
                1
            })
        }
    }
}

/// Somebody pressed Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// Runs everything at the place, leaves it as it was, and says whether all
/// held.
async fn on<DB: Engine>(
    place: Result<Place<DB>, SetupError>,
    screen: &mut Screen,
) -> anyhow::Result<bool> {
    let place = place?;
    let run = AssertUnwindSafe(Box::pin(run(&place, screen))).catch_unwind();
    let ended = tokio::select! {
        ended = run => ended,
        _ = tokio::signal::ctrl_c() => Ok(Err(Interrupted.into())),
    };
    place.close().await;
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn run<DB: Engine>(place: &Place<DB>, screen: &mut Screen) -> anyhow::Result<bool> {
    let recorder = Recorder::install();
    let events = Arc::new(Collected::default());
    screen.say(&format!("threads on {}: {}", DB::LABEL, place.label));
    let data = Data::embedded().map_err(SetupError::from)?;
    let started = Instant::now();
    load::load(&place.pool, &data, &events).await?;
    screen.say(&data.summary(events.take().len(), started.elapsed()));

    let mut tour = Tour::new(place, &recorder, &events, screen);
    tour.eight().await?;
    tour.refusals().await?;

    let tally = Trials::new(place, &events, screen).all().await?;
    screen.close(&tally);
    let (tried, held) = tally.total();
    Ok(tried == held)
}
