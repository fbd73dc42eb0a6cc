//! The sweeps that are tests of their own, too: isolation, nesting, death.

use crate::desk::{self, Desk};
use crate::isolation::{by_hand, lists::Lists, load};
use crate::killed::load::Pairs;
use crate::killed::server::Size;
use crate::killed::{client, server};
use crate::nesting::sweep as nesting;
use crate::nesting::walk;
use crate::sessions::{bound, standby, strangers};
use futures_util::future::join_all;
use sqlx::{MySql, Postgres, Sqlite};
use sqlx_transactional::pool::Recommended;
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, run, strace};
use std::path::PathBuf;
use std::time::Duration;

/// How long all of them may take on one engine.
const LIMIT: Duration = Duration::from_mins(30);

/// How much of each: transactions on each level, trees, deaths, strangers met in
/// each way, and of how many system calls one fails.
#[derive(Debug, Clone, Copy)]
struct Much {
    transactions: usize,
    trees: usize,
    kills: usize,
    strangers: usize,
    every: usize,
}

const QUICK: Much = Much {
    transactions: 300,
    trees: 200,
    kills: 3,
    strangers: 2,
    every: 5,
};

const FULL: Much = Much {
    transactions: 15_000,
    trees: 5_000,
    kills: 40,
    strangers: 50,
    every: 1,
};

/// All of them, on all engines. What kills, and what is timed by the machine's
/// own calls, comes last and alone.
pub(crate) async fn sweeps(desk: &Desk, engines: &[Engine]) {
    join_all(engines.iter().map(|engine| at_once(desk, *engine))).await;
    if engines.contains(&Engine::Sqlite) {
        system_calls(desk).await;
    }
    for engine in engines {
        deaths(desk, *engine).await;
    }
}

fn much(desk: &Desk) -> Much {
    if desk.is_thorough() { FULL } else { QUICK }
}

/// Whether something costly is wanted: at the quick level only where it is
/// asked for by name.
fn is_asked_for(desk: &Desk, goals: &[Goal], stem: &str) -> bool {
    let has = goals.iter().any(|goal| desk.selection.has(*goal));
    has && desk.selection.reaches(stem) && (desk.is_thorough() || desk.selection.names(goals))
}

async fn at_once(desk: &Desk, engine: Engine) {
    let setup = Setup::default().limit(LIMIT);
    match engine {
        Engine::Sqlite => run::<Sqlite>(setup, async |db| on(desk, db).await).await,
        Engine::Postgres => run::<Postgres>(setup, async |db| on(desk, db).await).await,
        Engine::MySql => run::<MySql>(setup, async |db| on(desk, db).await).await,
    }
}

async fn on<DB: Lists + walk::Notes>(desk: &Desk, db: &TestDb<DB>) {
    let (selection, much, seed) = (&desk.selection, much(desk), desk.seed.get());
    let (engine, wanted) = (db.engine(), |case: &str| selection.wants(case));
    let nests = [Goal::R7, Goal::R9, Goal::R12];
    if nests.iter().any(|goal| selection.has(*goal)) && selection.reaches("nesting/") {
        let mut campaign = Campaign::default();
        let ends = nesting::sweep(&mut campaign, db, much.trees, seed, wanted).await;
        if selection.case.is_none() && !ends.is_varied() {
            // Trees that all end alike would ask nothing.
            campaign.note(broken(engine, Goal::R7, "nesting", &format!("{ends:?}")));
        }
        desk.absorb(
            engine,
            campaign,
            Some(format!("nesting on {engine}: {ends:?}")),
        );
    }
    if selection.has(Goal::R10) && selection.reaches("isolation/") {
        let mut campaign = Campaign::default();
        by_hand::sweep(&mut campaign, db, wanted).await;
        desk.absorb(engine, campaign, None);
        let mut campaign = Campaign::default();
        let number = much.transactions;
        let ends = load::sweep(&mut campaign, db, number, seed, wanted).await;
        if selection.case.is_none() && ends.committed == 0 {
            campaign.note(broken(engine, Goal::R10, "isolation", &ends.to_string()));
        }
        desk.absorb(
            engine,
            campaign,
            Some(format!("isolation on {engine}: {ends}")),
        );
    }
}

/// The program of that name, which is built together with this one.
fn beside(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let path = own.with_file_name(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!(
            "{name} is not built: build all programs of the package"
        ))
    }
}

async fn system_calls(desk: &Desk) {
    if !is_asked_for(desk, &[Goal::R13], "system-calls/") {
        return;
    }
    let mut campaign = Campaign::default();
    let remark = match beside("sqlite_worker") {
        Ok(worker) => {
            let wanted = |case: &str| desk.selection.wants(case);
            let runs = strace::sweep(&mut campaign, &worker, much(desk).every, wanted).await;
            match runs {
                Some(runs) => format!("system calls of sqlite: {runs} faults"),
                None => "system calls of sqlite: left out, nothing here may trace".to_owned(),
            }
        }
        Err(problem) => {
            campaign.note(broken(Engine::Sqlite, Goal::R13, "system-calls", &problem));
            problem
        }
    };
    desk.absorb(Engine::Sqlite, campaign, Some(remark));
}

async fn deaths(desk: &Desk, engine: Engine) {
    match engine {
        Engine::Sqlite => own_death::<Sqlite>(desk).await,
        Engine::Postgres => {
            own_death::<Postgres>(desk).await;
            server_death::<Postgres>(desk).await;
            pool_bound::<Postgres>(desk).await;
            waiting_sessions(desk).await;
        }
        Engine::MySql => {
            own_death::<MySql>(desk).await;
            server_death::<MySql>(desk).await;
            pool_bound::<MySql>(desk).await;
            strangers_sessions(desk).await;
        }
    }
}

/// This process dies, of which there are two cases: a quick run has them too.
async fn own_death<DB: Backend + Recommended>(desk: &Desk) {
    let goals = [Goal::R1, Goal::R2];
    let is_wanted = goals.iter().any(|goal| desk.selection.has(*goal));
    if !is_wanted || !desk.selection.reaches("client-killed/") {
        return;
    }
    let mut campaign = Campaign::default();
    match beside("committer") {
        Ok(committer) => {
            run::<DB>(Setup::default(), async |db| {
                client::kills(&mut campaign, &committer, db).await;
            })
            .await;
        }
        Err(problem) => campaign.note(broken(DB::ENGINE, Goal::R1, "client-killed", &problem)),
    }
    desk.absorb(DB::ENGINE, campaign, None);
}

async fn server_death<DB: Pairs>(desk: &Desk) {
    if !is_asked_for(desk, &[Goal::R1, Goal::R2], "server-killed/") {
        return;
    }
    let mut campaign = Campaign::default();
    let kills = much(desk).kills;
    let size = Size { kills, between: 20 };
    let (directory, seed) = (std::env::temp_dir(), desk.seed.get());
    let engine = DB::ENGINE;
    let remark = match server::kills::<DB>(&mut campaign, &directory, size, seed).await {
        Ok(Some(counts)) => {
            if counts.acknowledged == 0 || counts.failed == 0 {
                campaign.note(broken(
                    engine,
                    Goal::R1,
                    "server-killed",
                    &counts.to_string(),
                ));
            }
            format!("{engine} killed {kills} times: {counts}")
        }
        Ok(None) => format!("{engine} killed: left out, no server is installed"),
        Err(problem) => {
            campaign.note(broken(engine, Goal::R1, "server-killed", &problem));
            format!("{engine} killed: {problem}")
        }
    };
    desk.absorb(engine, campaign, Some(remark));
}

/// Callers go away in mid-statement: a few seconds, in a quick run too.
async fn pool_bound<DB: bound::Waits>(desk: &Desk) {
    if !desk.selection.has(Goal::R19) || !desk.selection.reaches("pool-bound/") {
        return;
    }
    let mut campaign = Campaign::default();
    run::<DB>(Setup::default().limit(LIMIT), async |db| {
        bound::dropped(&mut campaign, db, desk.seed.get()).await;
    })
    .await;
    desk.absorb(DB::ENGINE, campaign, None);
}

/// A COMMIT that waits for a standby, on a server of its own.
async fn waiting_sessions(desk: &Desk) {
    if !is_asked_for(desk, &[Goal::R5], "standby/") {
        return;
    }
    let mut campaign = Campaign::default();
    let engine = Engine::Postgres;
    let (seed, directory) = (desk.seed.get(), std::env::temp_dir());
    if let Err(problem) = standby::waits(&mut campaign, &directory, seed).await {
        campaign.note(broken(engine, Goal::R5, "standby", &problem));
    }
    desk.absorb(engine, campaign, None);
}

async fn strangers_sessions(desk: &Desk) {
    if !is_asked_for(desk, &[Goal::R18], "strangers/") {
        return;
    }
    let mut campaign = Campaign::default();
    let engine = Engine::MySql;
    let (tries, directory) = (much(desk).strangers, std::env::temp_dir());
    let met = strangers::sweep(&mut campaign, &directory, tries, desk.seed.get()).await;
    let remark = match met {
        Ok(Some(times)) => format!("{engine}: the numbers of two sessions met {times} times"),
        Ok(None) => format!("{engine} twice: left out, no server is installed"),
        Err(problem) => {
            campaign.note(broken(engine, Goal::R18, "strangers", &problem));
            problem
        }
    };
    desk.absorb(engine, campaign, Some(remark));
}

/// A sweep that could not ask what it is for.
fn broken(engine: Engine, goal: Goal, stem: &str, problem: &str) -> Try {
    Try {
        goal,
        engine: desk::name(engine),
        case: format!("{stem}/"),
        seed: 0,
        took: Duration::ZERO,
        outcome: Err(format!("it asks nothing: {problem}")),
    }
}
