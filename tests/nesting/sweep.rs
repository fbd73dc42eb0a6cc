//! Many trees, and the smallest of those that do not do what the model says.

use super::model::{self, Answer, Outcome, steps};
use super::tree::{Line, Step, bodies};
use super::walk::{self, Notes, THERE};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sqlx::Pool;
use sqlx_transactional::pool::options;
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use sqlx_transactional_tests::server::name;
use sqlx_transactional_tests::{TestDb, inspect};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A tree that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many smaller trees are tried when one fails.
const SMALLER: usize = 300;

/// How the trees ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ends {
    committed: usize,
    nothing_stored: usize,
    own: usize,
    duplicate: usize,
    doomed: usize,
    /// The steps of all trees.
    steps: i64,
}

impl Ends {
    fn count(&mut self, outcome: &Outcome, body: &[Step]) {
        self.steps += steps(body);
        match outcome.answer {
            Answer::Ok if outcome.stored.is_empty() => self.nothing_stored += 1,
            Answer::Ok => self.committed += 1,
            Answer::Own => self.own += 1,
            Answer::Duplicate => self.duplicate += 1,
            Answer::Doomed => self.doomed += 1,
            Answer::Other => {}
        }
    }

    /// Whether every end was met.
    pub(crate) fn is_varied(&self) -> bool {
        let all = [
            self.committed,
            self.nothing_stored,
            self.own,
            self.duplicate,
            self.doomed,
        ];
        all.into_iter().all(|number| number > 0)
    }
}

/// Grows so many trees and does them on a pool of one, as far as `wanted` says so
/// of the case's text.
///
/// # Panics
///
/// When the pool cannot be opened.
pub(crate) async fn sweep<DB: Notes>(
    campaign: &mut Campaign,
    db: &TestDb<DB>,
    trees: usize,
    seed: u64,
    wanted: impl Fn(&str) -> bool,
) -> Ends {
    let connect = DB::connect_options(db.url()).expect("the URL of the database");
    let pool = options::<DB>(db.url()).max_connections(1);
    let pool = pool.connect_with(connect).await.expect("a pool");
    there(&pool).await;
    let mut grove = Grove { db, pool, walks: 0 };
    let mut ends = Ends::default();
    for number in 1..=trees {
        let case = format!("nesting/tree/{number}");
        if !wanted(&case) {
            continue;
        }
        let began = Instant::now();
        let mut tree = bodies()
            .new_tree(&mut runner(seed.wrapping_add(number as u64)))
            .expect("a tree can be grown");
        let body = tree.current();
        ends.count(&model::outcome(DB::ENGINE, &body), &body);
        let mut problems = grove.problems(&body).await;
        let took = began.elapsed();
        if !problems.is_empty() {
            problems = grove.smallest(&mut tree, problems).await;
        }
        for goal in [Goal::R7, Goal::R12] {
            let problem = problems.iter().find(|(of, _)| *of == goal);
            campaign.note(Try {
                goal,
                engine: name(DB::ENGINE),
                case: case.clone(),
                seed,
                took,
                outcome: problem.map_or(Ok(()), |(_, problem)| Err(problem.clone())),
            });
        }
    }
    let began = Instant::now();
    let left = inspect::problems(db, &grove.pool).await;
    campaign.note(Try {
        goal: Goal::R9,
        engine: name(DB::ENGINE),
        case: format!("nesting/after/{trees}"),
        seed,
        took: began.elapsed(),
        outcome: if left.is_empty() {
            Ok(())
        } else {
            Err(left.join("; "))
        },
    });
    ends
}

/// What chance decides, from a seed.
fn runner(seed: u64) -> TestRunner {
    let bytes: Vec<u8> = seed.to_le_bytes().repeat(4);
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), random)
}

async fn there<DB: Notes>(pool: &Pool<DB>) {
    let mut connection = pool.acquire().await.expect("a connection");
    let sql = format!("insert into notes (id, body) values ({THERE}, '')");
    let stored = DB::execute(&mut connection, &sql).await;
    stored.expect("a note that is there");
}

/// Where trees are done.
struct Grove<'a, DB: Notes> {
    db: &'a TestDb<DB>,
    pool: Pool<DB>,
    walks: i64,
}

impl<DB: Notes> Grove<'_, DB> {
    /// What one tree did otherwise than the model.
    async fn problems(&mut self, body: &[Step]) -> Vec<(Goal, String)> {
        self.walks += 1;
        let wanted = model::outcome(DB::ENGINE, body);
        let walk = walk::outcome(self.db, &self.pool, self.walks * 10_000, body);
        let Ok(found) = timeout(PATIENCE, walk).await else {
            return vec![(Goal::R7, format!("it hangs: {}", Line(body)))];
        };
        let mut problems = Vec::new();
        if (found.answer, &found.stored) != (wanted.answer, &wanted.stored) {
            problems.push(Goal::R7);
        }
        if found.hooks != wanted.hooks {
            problems.push(Goal::R12);
        }
        let words = || format!("{found:?} instead of {wanted:?} of {}", Line(body));
        problems.into_iter().map(|goal| (goal, words())).collect()
    }

    /// Makes the tree smaller as long as it fails. What the last one did.
    async fn smallest(
        &mut self,
        tree: &mut impl ValueTree<Value = Vec<Step>>,
        mut problems: Vec<(Goal, String)>,
    ) -> Vec<(Goal, String)> {
        let mut more = tree.simplify();
        for _ in 0..SMALLER {
            if !more {
                break;
            }
            let found = self.problems(&tree.current()).await;
            if found.is_empty() {
                more = tree.complicate();
            } else {
                problems = found;
                more = tree.simplify();
            }
        }
        problems
    }
}
