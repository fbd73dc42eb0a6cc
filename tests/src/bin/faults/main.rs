//! The fault campaign: every form of a transaction meets every fault at every
//! position, and what is promised is counted.
//!
//! `cargo xtask faults` starts the servers and runs it.

mod again;
mod args;
mod attempts;
mod black_hole;
mod calls;
mod control;
mod desk;
mod fault;
mod form;
mod guests;
mod judge;
mod lane;
mod operations;
mod own_forms;
mod pooled;
mod report;
mod resolved;
mod selection;
mod shutdown;
mod subject;
mod swallowed;
mod sweep;

// The statements, forms and operations of the tests are those of the campaign.
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../../threads/dump.rs"]
mod dump;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../../threads/engine.rs"]
mod engine;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../../faults/cancellation/forms.rs"]
mod forms;
#[path = "../../../isolation/mod.rs"]
mod isolation;
#[path = "../../../killed/mod.rs"]
mod killed;
#[path = "../../../faults/ledger.rs"]
mod ledger;
#[path = "../../../nesting/mod.rs"]
mod nesting;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../../faults/notes.rs"]
mod notes;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../../threads/operation.rs"]
mod operation;
#[path = "../../../faults/pauses.rs"]
mod pauses;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../../../threads/place.rs"]
mod place;
#[path = "../../../sessions/mod.rs"]
mod sessions;

use crate::again::Again;
use crate::args::{Args, Level};
use crate::control::Control;
use crate::desk::Desk;
use crate::lane::Lane;
use crate::operations::Op;
use crate::own_forms::Bodies;
use crate::place::Place;
use crate::report::Report;
use crate::selection::Selection;
use crate::swallowed::class::Classes;
use crate::swallowed::trap::Trap;
use crate::sweep::sweep;
use clap::Parser;
use futures_util::future::join_all;
use sqlx::{MySql, Postgres, Sqlite};
use sqlx_transactional_tests::{Engine, Setup, TestDb, run};
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

/// How many cases a full run has at least.
const FULL: u64 = 50_000;

/// How often everything is repeated at most.
const ROUNDS: u64 = 40;

/// How long one engine may take for one round.
const LIMIT: Duration = Duration::from_mins(30);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match campaign(Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("faults: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Runs it all. Whether everything is as it should be.
async fn campaign(args: Args) -> Result<bool, String> {
    let engines = engines(&args.engines)?;
    let selection = Selection {
        goals: args.goals,
        case: args.case,
    };
    let desk = Desk::new(selection, args.level, args.control);
    // One case is one case, however much is tried.
    let rounds = if args.level == Level::Full && desk.selection.is_open() && args.control.is_none()
    {
        ROUNDS
    } else {
        1
    };
    for round in 0..rounds {
        desk.begin_round(round, args.seed);
        let lanes = engines.iter().flat_map(|engine| Lane::of(*engine));
        join_all(lanes.map(|lane| run_lane(&desk, lane, args.control))).await;
        if round == 0 && args.control.is_none() {
            guests::sweeps(&desk, &engines).await;
        }
        if args.control.is_none() {
            attempts::sweeps(&desk, &engines).await;
            shutdown::sweeps(&desk, &engines).await;
        }
        if engines.contains(&Engine::Postgres) && args.control.is_none() {
            pooled::sweep(&desk).await;
        }
        if desk.cases() >= FULL {
            break;
        }
    }
    let report = Report {
        what: match args.control {
            Some(control) => control.title(),
            None if rounds == 1 => "quick",
            None => "full",
        },
        control: args.control,
        cases: desk.cases(),
        seed: args.seed,
        elapsed: desk.elapsed(),
        remarks: desk.remarks(),
        campaign: desk.into_campaign(),
    };
    if let Some(file) = &args.json {
        let json = report.json().map_err(|error| error.to_string())?;
        fs::write(file, json).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let Some(file) = &args.markdown {
        let page = report.markdown();
        fs::write(file, page).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    println!("\n{}", report.table());
    let tried = report.campaign.tried();
    if tried == 0 {
        return Err("no case is one of those that were asked for".to_owned());
    }
    let violated = report.campaign.violations().len() as u64;
    let (passed, failed) = match args.control {
        Some(Control::Plain) => {
            let names: Vec<&str> = engines.iter().map(|engine| desk::name(*engine)).collect();
            control::verdict(&report.campaign, &names)
        }
        // Nothing is expected of a peer: the table is all there is to say.
        #[cfg(feature = "peers")]
        Some(_) => return Ok(true),
        None => (tried - violated, violated),
    };
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0 && passed > 0)
}

/// The engines to try, those that were asked for or those that are there.
fn engines(asked: &[Engine]) -> Result<Vec<Engine>, String> {
    let wanted = |engine: &Engine| asked.is_empty() || asked.contains(engine);
    let mut engines: Vec<Engine> = Engine::ALL.into_iter().filter(wanted).collect();
    engines.retain(|engine| engine.is_reachable());
    match asked.iter().find(|engine| !engines.contains(engine)) {
        Some(engine) => Err(format!("{engine} was asked for and is not there")),
        None => Ok(engines),
    }
}

/// Everything that belongs to one lane, on a database of its own.
async fn run_lane(desk: &Desk, lane: Lane, control: Option<Control>) {
    let setup = Setup::wired().limit(LIMIT);
    match (lane.engine, control) {
        (Engine::Sqlite, Some(control)) => {
            run::<Sqlite>(setup, async |db| others(desk, lane, db, control).await).await;
        }
        (Engine::Postgres, Some(control)) => {
            run::<Postgres>(setup, async |db| others(desk, lane, db, control).await).await;
        }
        (Engine::MySql, Some(control)) => {
            run::<MySql>(setup, async |db| others(desk, lane, db, control).await).await;
        }
        (Engine::Sqlite, None) => {
            run::<Sqlite>(setup, async |db| {
                forms(desk, lane, db).await;
                operations(desk, lane, db).await;
            })
            .await;
        }
        (Engine::Postgres, None) => {
            run::<Postgres>(setup, async |db| {
                forms(desk, lane, db).await;
                operations(desk, lane, db).await;
            })
            .await;
        }
        (Engine::MySql, None) => {
            run::<MySql>(setup, async |db| forms(desk, lane, db).await).await;
        }
    }
}

/// What this project makes.
async fn forms<DB: Bodies + Classes>(desk: &Desk, lane: Lane, db: &TestDb<DB>) {
    swallowed::sweep(desk, db, lane.share(DB::classes()), &Trap::ALL).await;
    for form in lane.share(&form::all::<DB>()) {
        sweep(desk, db, form).await;
    }
    for again in lane.share(&[Again::keyed(), Again::retried()]) {
        again::sweep(desk, db, again).await;
        resolved::sweep(desk, db).await;
    }
}

/// What is made with it.
async fn operations<DB: Bodies + engine::Threads>(desk: &Desk, lane: Lane, db: &TestDb<DB>) {
    let place = Place::new(db).await;
    for operation in lane.share(&Op::all(&place)) {
        sweep(desk, db, operation).await;
    }
}

/// What is made without it.
async fn others<DB: Classes>(desk: &Desk, lane: Lane, db: &TestDb<DB>, control: Control) {
    let classes = lane.share(DB::classes());
    swallowed::sweep(desk, db, classes, &Trap::of(control)).await;
    for form in lane.share(&control.forms()) {
        sweep(desk, db, form).await;
    }
    for again in lane.share(&[Again::of(control)]) {
        again::sweep(desk, db, again).await;
    }
}
