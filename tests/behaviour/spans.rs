//! What a transaction tells through `tracing`, and what it keeps to itself.

use std::{future::pending, time::Duration};

use sqlx_transactional::{Tx, on, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};
use tokio::time::timeout;
use tracing::Level;

use crate::{
    app::AppError,
    sql::{bound, ids, insert},
    traces::{Entry, Traces},
};

/// What no trace may contain.
const SECRET: &str = "s3cr3t-7f1d";

/// The fields of a span that a test can foretell, as text.
fn told(span: &Entry) -> String {
    let field = |name| span.field(name);
    format!(
        "{} {} {} statements={} rows={}",
        field("kind"),
        field("name").rsplit("::").next().unwrap_or_default(),
        field("outcome"),
        field("statements"),
        field("rows"),
    )
}

for_each_engine! {
    #[transactional]
    async fn store(tx: &mut Tx<'_, DB>, id: i64) -> Result<(), AppError> {
        insert(tx, id).await?;
        Ok(())
    }

    #[transactional(name = "transfer")]
    async fn store_two(tx: &mut Tx<'_, DB>, end: Result<(), u32>) -> Result<(), AppError> {
        store(&mut *tx, 1).await?;
        insert(&mut *tx, 2).await?;
        ids(tx).await?;
        end.map_err(AppError::Refused)
    }

    #[test]
    async fn obs_01_one_span_for_a_transaction_and_its_outcome(db: &TestDb<DB>) {
        let (traces, ended) = Traces::of(store_two(&db.pool, Ok(()))).await;
        ended.unwrap();
        let spans = traces.spans();
        assert_eq!(spans.len(), 2, "{spans:#?}");
        assert_eq!(told(&spans[0]), "begun transfer committed statements=3 rows=4");
        assert!(spans.iter().all(|span| span.name == "transaction"));
        assert_eq!(spans[0].level, Level::INFO);
        let engine = match db.engine() {
            Engine::Postgres => "postgres",
            Engine::MySql => "mysql",
            Engine::Sqlite => "sqlite",
        };
        assert_eq!(spans[0].field("engine"), engine);
        assert!(spans[0].field("held_us").parse::<u64>().unwrap() > 0);
        // The joined one is told with less noise, inside the other.
        assert_eq!(told(&spans[1]), "joined store ok statements= rows=");
        assert_eq!(spans[1].level, Level::DEBUG);
        assert_eq!(traces.parent(&spans[1]).unwrap().field("kind"), "begun");
        assert_eq!(traces.messages(), "begin, commit");
    }

    #[test]
    async fn the_events_of_a_transaction_are_inside_its_span(db: &TestDb<DB>) {
        let (traces, ended) = Traces::of(store_two(&db.pool, Ok(()))).await;
        ended.unwrap();
        for event in traces.events() {
            assert_eq!(event.level, Level::DEBUG);
            assert!(event.field("elapsed_us").parse::<u64>().is_ok(), "{event:?}");
            let kind = if event.field("message") == "begin" { "joined" } else { "begun" };
            assert_eq!(traces.parent(&event).unwrap().field("kind"), kind, "{event:?}");
        }
        // sqlx tells of its statements there as well, on SQLite from a thread
        // of its own.
        assert_eq!(traces.count("sqlx::query") >= 3, db.engine() != Engine::Sqlite);
    }

    #[test]
    async fn obs_07_each_way_to_roll_back_is_told(db: &TestDb<DB>) {
        let (traces, ended) = Traces::of(store_two(&db.pool, Err(1))).await;
        assert!(ended.is_err());
        assert_eq!(told(&traces.spans()[0]), "begun transfer rolled_back statements=3 rows=4");
        assert_eq!(traces.messages(), "begin, rolled back, rollback");

        let asked = on(&db.pool).name("asked").run(async |tx| {
            tx.roll_back();
            store(tx, 1).await
        });
        let (traces, ended) = Traces::of(asked).await;
        ended.unwrap();
        assert_eq!(told(&traces.spans()[0]), "begun asked rolled_back statements=1 rows=1");

        let endless = transaction(&db.pool, async |tx| {
            store(tx, 1).await?;
            pending::<Result<(), AppError>>().await
        });
        let (traces, dropped) = Traces::of(timeout(Duration::from_millis(200), endless)).await;
        assert!(dropped.is_err());
        assert_eq!(told(&traces.spans()[0]), "begun transaction rolled_back statements=1 rows=1");

        let (traces, nothing) =
            Traces::of(transaction(&db.pool, async |_: &mut Tx<'_, DB>| Ok::<_, AppError>(()))).await;
        nothing.unwrap();
        let spans = traces.spans();
        assert_eq!(told(&spans[0]), "begun transaction committed statements=0 rows=0");
        assert_eq!(spans[0].field("held_us"), "0");
        assert_eq!(traces.messages(), "");
        db.assert_whole().await;
    }

    #[test]
    async fn a_doom_is_a_warning_with_its_cause(db: &TestDb<DB>) {
        let swallowed = transaction(&db.pool, async |tx| {
            store(&mut *tx, 1).await?;
            let _ = store(&mut *tx, 1).await;
            Ok::<_, AppError>(())
        });
        let (traces, ended) = Traces::of(swallowed).await;
        ended.unwrap_err();
        let events = traces.events();
        let dooms: Vec<_> = events.iter().filter(|event| event.field("message") == "doomed").collect();
        assert_eq!(dooms.len(), 1, "{events:#?}");
        assert_eq!(dooms[0].level, Level::WARN);
        let code = match db.engine() {
            Engine::Postgres => "23505",
            Engine::MySql => "23000",
            Engine::Sqlite => "1555",
        };
        assert!(dooms[0].field("cause").starts_with(code), "{dooms:?}");
        assert_eq!(told(&traces.spans()[0]), "begun transaction rolled_back statements=2 rows=1");
    }

    #[test]
    async fn obs_05_a_savepoint_has_a_span_with_its_outcome(db: &TestDb<DB>) {
        let nested = transaction(&db.pool, async |tx| {
            tx.savepoint(async |tx| store(tx, 1).await).await?;
            let failed = on(&mut *tx).savepoint().name("failed").run(async |tx| {
                insert(tx, 2).await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(failed.await.is_err());
            Ok::<_, AppError>(())
        });
        let (traces, ended) = Traces::of(nested).await;
        ended.unwrap();
        let spans: Vec<_> = traces.spans().iter().map(told).collect();
        assert_eq!(
            spans,
            [
                "begun transaction committed statements=2 rows=2",
                "savepoint savepoint released statements= rows=",
                "joined store ok statements= rows=",
                "savepoint failed rolled_back statements= rows=",
            ]
        );
        assert_eq!(
            traces.messages(),
            "begin, savepoint, release, savepoint, rollback to savepoint, commit"
        );
    }

    #[test]
    async fn the_default_name_is_the_functions_path(db: &TestDb<DB>) {
        let (traces, ended) = Traces::of(store(&db.pool, 1)).await;
        ended.unwrap();
        let name = traces.spans()[0].field("name").to_owned();
        assert_eq!(name, concat!(module_path!(), "::store"));
    }

    /// A statement's parameter, also where the engine repeats it in its error.
    #[test]
    async fn no_trace_holds_a_parameter(db: &TestDb<DB>) {
        let repeats = match db.engine() {
            Engine::Postgres => "select cast(cast(? as text) as bigint)",
            Engine::MySql => "insert into notes (id, body) values (?, 'no number')",
            Engine::Sqlite => "select json_extract('{}', ?)",
        };
        let query = |sql: &str| sqlx::query(bound::<DB>(sql)).bind(SECRET);
        let fail = async |tx: &mut Tx<'_, DB>| {
            let error = query(repeats).fetch_all(tx).await.map(drop).unwrap_err();
            let told = error.to_string();
            assert!(told.contains(SECRET), "the engine's own error names it: {told}");
            Err::<(), _>(AppError::from(error))
        };
        let swallowed = transaction(&db.pool, async |tx| {
            query("insert into notes (id, body) values (1, ?)").execute(&mut *tx).await?;
            query("select id from notes where body = ?").fetch_all(&mut *tx).await?;
            let _ = tx.savepoint(fail).await;
            let _ = transaction(&mut *tx, fail).await;
            let _ = query("select ?").fetch_all(&mut *tx).await;
            Ok::<_, AppError>(())
        });
        let (traces, ended) = Traces::of(swallowed).await;
        ended.unwrap_err();
        assert!(traces.messages().contains("doomed"));
        if db.engine() != Engine::Sqlite {
            assert!(traces.count("sqlx::query") > 0, "sqlx's own events are searched, too");
        }
        let text = traces.text();
        assert!(!text.contains(SECRET), "{text}");
        db.assert_whole().await;
    }
}

mod behind_a_wire {
    use super::*;
    use sqlx::pool::PoolOptions;
    use sqlx_transactional_tests::{Action, Point, for_engines, inspect};

    for_engines! {
        [postgres, mysql]

        #[test(Setup::wired())]
        async fn obs_07_an_unknown_outcome_and_a_closed_connection_are_told(db: &TestDb<DB>) {
            db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
            let (traces, ended) = Traces::of(store_one(&db.pool)).await;
            ended.unwrap_err();
            assert!(told(&traces.spans()[0]).starts_with("begun store_one unknown "));
            let events = traces.events();
            let level = |message: &str| {
                let event = events.iter().find(|event| event.field("message") == message);
                event.unwrap_or_else(|| panic!("{message}: {events:#?}")).level
            };
            assert_eq!(level("outcome unknown"), Level::ERROR);
            assert_eq!(level("connection closed"), Level::WARN);
            db.assert_whole().await;
        }

        /// The connection is pinged on its way back, which is nobody's business.
        #[test(Setup::wired())]
        async fn span_ends_when_the_call_returns(db: &TestDb<DB>) {
            let options = PoolOptions::new().max_connections(1).test_before_acquire(false);
            let pool = db.pool_with(options).await;
            inspect::settle(&pool).await;
            db.wire().arm(Point::reply_to("PING"), Action::Hold);
            let (traces, ended) = Traces::of(store_one(&pool)).await;
            ended.unwrap();
            db.wire().wait_until_held().await;
            let spans = traces.spans();
            assert!(!spans.is_empty() && spans.iter().all(|span| span.is_closed), "{spans:#?}");
            db.wire().release();
            inspect::assert_whole(db, &pool).await;
        }

        #[transactional]
        async fn store_one(tx: &mut Tx<'_, DB>) -> Result<(), AppError> {
            insert(tx, 1).await?;
            Ok(())
        }
    }
}
