//! A future dropped anywhere leaves nothing behind, or everything.

mod aborted;
mod borrowed;
mod controls;
mod everywhere;
mod forms;
mod inner;
mod place;

use everywhere::{Leaves, dropped_everywhere};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};
use std::time::Duration;

/// A pool of one connection behind a wire, where there is one.
fn setup() -> Setup {
    Setup::wired().limit(Duration::from_mins(3))
}

for_each_engine! {
    #[test(setup())]
    async fn annotated(db: &TestDb<DB>) {
        dropped_everywhere(db, "annotated", Leaves::Notes(&[1, 2]), async |pool, run| {
            forms::annotated(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn with_hooks(db: &TestDb<DB>) {
        dropped_everywhere(db, "with hooks", Leaves::Notes(&[1, 2]), async |pool, run| {
            forms::with_hooks(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn joined(db: &TestDb<DB>) {
        dropped_everywhere(db, "joined", Leaves::Notes(&[1, 2, 3]), async |pool, run| {
            forms::joining(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn savepoint_closure(db: &TestDb<DB>) {
        let notes = Leaves::Notes(&[1, 2, 3, 4]);
        dropped_everywhere(db, "savepoint closure", notes, async |pool, run| {
            forms::savepoint_closure(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn savepoint_function(db: &TestDb<DB>) {
        let notes = Leaves::Notes(&[1, 2, 3]);
        dropped_everywhere(db, "savepoint function", notes, async |pool, run| {
            forms::savepoint_function(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn failed_savepoint(db: &TestDb<DB>) {
        dropped_everywhere(db, "failed savepoint", Leaves::Notes(&[1, 3]), async |pool, run| {
            forms::failed_savepoint(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn block(db: &TestDb<DB>) {
        dropped_everywhere(db, "block", Leaves::Notes(&[1, 2]), async |pool, run| {
            forms::block(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn injected(db: &TestDb<DB>) {
        dropped_everywhere(db, "injected", Leaves::Notes(&[1, 2]), async |pool, run| {
            forms::injected(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn reader(db: &TestDb<DB>) {
        dropped_everywhere(db, "reader", Leaves::NothingToTell, async |pool, run| {
            forms::reader(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn connection(db: &TestDb<DB>) {
        let leaves = match db.engine() {
            Engine::MySql => Leaves::Unseen(&[1, 2, 3]),
            Engine::Sqlite | Engine::Postgres => Leaves::Notes(&[1, 2, 3]),
        };
        dropped_everywhere(db, "connection()", leaves, async |pool, run| {
            forms::connection(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn half_read(db: &TestDb<DB>) {
        dropped_everywhere(db, "half-read stream", Leaves::Notes(&[1, 2]), async |pool, run| {
            forms::half_read(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn source(db: &TestDb<DB>) {
        dropped_everywhere(db, "source", Leaves::Notes(&[0, 1, 2]), async |pool, run| {
            forms::with_hooks(&forms::Tenant { pool, run }, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn fails(db: &TestDb<DB>) {
        dropped_everywhere(db, "fails", Leaves::Nothing, async |pool, run| {
            forms::fails(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn swallows(db: &TestDb<DB>) {
        // Only on PostgreSQL is everything lost with one statement.
        let leaves = match db.engine() {
            Engine::Postgres => Leaves::Nothing,
            Engine::MySql | Engine::Sqlite => Leaves::Notes(&[1]),
        };
        dropped_everywhere(db, "swallows", leaves, async |pool, run| {
            forms::swallows(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn swallows_joined(db: &TestDb<DB>) {
        dropped_everywhere(db, "swallows joined", Leaves::Nothing, async |pool, run| {
            forms::swallows_joined(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn rolls_back(db: &TestDb<DB>) {
        dropped_everywhere(db, "rolls back", Leaves::Nothing, async |pool, run| {
            forms::rolls_back(pool, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn on_a_borrowed_connection(db: &TestDb<DB>) {
        dropped_everywhere(db, "borrowed", Leaves::Borrowed(&[1, 2]), async |pool, run| {
            let mut connection = pool.acquire().await?;
            forms::annotated(&mut connection, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn with_hooks_on_a_borrowed_connection(db: &TestDb<DB>) {
        let leaves = Leaves::Borrowed(&[1, 2]);
        dropped_everywhere(db, "borrowed, with hooks", leaves, async |pool, run| {
            let mut connection = pool.acquire().await?;
            forms::with_hooks(&mut connection, run).await
        })
        .await;
    }

    #[test(setup())]
    async fn reader_on_a_borrowed_connection(db: &TestDb<DB>) {
        dropped_everywhere(db, "borrowed, reader", Leaves::Borrowed(&[]), async |pool, run| {
            let mut connection = pool.acquire().await?;
            forms::reader_without_hooks(&mut connection, run).await
        })
        .await;
    }
}
