//! A key is looked for where and as whom it was written.

use super::resolved::cut;
use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::{AssertSqlSafe, Error, MySql, PgConnection, Pool, Postgres};
use sqlx_transactional::{Limits, Resolution, Source, Tx, keys, on, transactional};
use sqlx_transactional_tests::{Action, Point, Setup, TestDb, for_engines};
use std::time::Duration;

/// With one connection, so that none is left through which to ask while the server
/// refuses others.
fn setup() -> Setup {
    Setup::wired()
}

fn found(error: &Error) -> &sqlx_transactional::Error {
    sqlx_transactional::Error::find(error).unwrap_or_else(|| panic!("not ours: {error:?}"))
}

async fn run_text<'e, DB: Notes>(
    on: impl sqlx::Executor<'e, Database = DB>,
    sql: &str,
) -> Result<(), Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(on).await.map(drop)
}

/// A place that says this at the beginning of each of its transactions.
#[derive(Debug)]
struct Tenant<DB: Notes> {
    pool: Pool<DB>,
    says: String,
}

impl Source<Postgres> for Tenant<Postgres> {
    fn pool(&self) -> &Pool<Postgres> {
        &self.pool
    }

    fn limits(&self) -> Limits {
        Limits::new().timeout(Duration::from_secs(2))
    }

    async fn after_begin(&self, connection: &mut PgConnection) -> Result<(), Error> {
        run_text(connection, &self.says).await
    }
}

impl Source<MySql> for Tenant<MySql> {
    fn pool(&self) -> &Pool<MySql> {
        &self.pool
    }

    fn limits(&self) -> Limits {
        Limits::new().timeout(Duration::from_secs(2))
    }

    async fn after_begin(&self, connection: &mut sqlx::MySqlConnection) -> Result<(), Error> {
        run_text(connection, &self.says).await
    }
}

#[transactional(key = run.id(0))]
async fn keyed<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(tx, run.id(1)).await
}

/// The call on `place`, whose COMMIT meets `point`, after which the server is away
/// for as long as the call lasts.
async fn unknown<DB: Notes, S: Source<DB>>(
    db: &TestDb<DB>,
    place: &S,
    point: Point,
    run: &Run,
) -> Error {
    db.wire().arm(point, Action::Cut);
    let limits = Limits::new().timeout(Duration::from_millis(600));
    let call = on(place)
        .key(run.id(0).to_string())
        .limits(limits)
        .run(async |tx| {
            DB::insert(tx, run.id(1)).await?;
            db.wire().refuse_connections(true);
            Ok(())
        });
    let error = call.await.unwrap_err();
    db.wire().refuse_connections(false);
    assert!(found(&error).is_outcome_unknown(), "{error:?}");
    error
}

mod postgres {
    use super::*;

    /// A schema with a table of keys of its own; that of everybody is in sight too.
    async fn a_schema_of_its_own(db: &TestDb<Postgres>) {
        run_text(&db.observer, keys::table::<Postgres>())
            .await
            .unwrap();
        let own = keys::table::<Postgres>().replace("exists ", "exists \"Its own\".");
        let sql = format!("create schema \"Its own\"; {own}");
        run_text(&db.observer, &sql).await.unwrap();
    }

    const KEYS: &str = "select count(*) from \"Its own\".sqlx_transactional_keys";
    const ITS_OWN: &str = "\"Its own\", public";

    for_engines! {
        [postgres]

        #[test(setup())]
        async fn settings_lead_to_the_schema(db: &TestDb<DB>) {
            a_schema_of_its_own(db).await;
            for (number, point, wanted) in [
                (1, Point::reply_to("COMMIT"), Resolution::Committed),
                (2, Point::command("COMMIT"), Resolution::RolledBack),
            ] {
                let run = Run::new(number);
                let call = async {
                    let mut own = db.pool.acquire().await?;
                    let block = on(&mut own).key(run.id(0).to_string());
                    let block = block.setting("search_path", ITS_OWN);
                    block.run(async |tx| DB::insert(tx, run.id(1)).await).await
                };
                let error = cut(db, point, call).await;
                assert_eq!(found(&error).resolve(&db.pool).await.unwrap(), wanted);
            }
            assert_eq!(db.numbers(KEYS).await, [1]);
            db.assert_whole().await;
        }

        #[test(setup())]
        async fn a_place_leads_to_the_schema(db: &TestDb<DB>) {
            a_schema_of_its_own(db).await;
            let place = Tenant {
                pool: db.pool.clone(),
                says: format!("set local search_path = {ITS_OWN}"),
            };
            for (number, point, wanted) in [
                (1, Point::reply_to("COMMIT"), Resolution::Committed),
                (2, Point::command("COMMIT"), Resolution::RolledBack),
            ] {
                let run = Run::new(number);
                let error = unknown(db, &place, point, &run).await;
                assert_eq!(found(&error).resolve(&place).await.unwrap(), wanted);
                // Whatever place it is asked through.
                assert_eq!(found(&error).resolve(&db.pool).await.unwrap(), wanted);
            }
            assert_eq!(db.numbers(KEYS).await, [1]);
            db.assert_whole().await;
        }

        #[test(setup())]
        async fn a_call_asks_by_itself_where_it_wrote(db: &TestDb<DB>) {
            a_schema_of_its_own(db).await;
            let place = Tenant {
                pool: db.pool.clone(),
                says: format!("set local search_path = {ITS_OWN}"),
            };
            let run = Run::new(1);
            db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
            keyed(&place, &run).await.expect("it has committed");
            assert_eq!(run.ran(), (1, 0));
            let run = Run::new(2);
            db.wire().arm(Point::command("COMMIT"), Action::Cut);
            let error = keyed(&place, &run).await.unwrap_err();
            assert!(matches!(error, Error::Io(_)), "{error:?}");
            assert_eq!(run.ran(), (0, 1));
            assert_eq!(db.numbers(KEYS).await, [1]);
            db.assert_whole().await;
        }

        /// Row-level security hides the row from everybody but its tenant.
        #[test(setup())]
        async fn a_row_is_asked_for_as_whom_it_was_written(db: &TestDb<DB>) {
            let role = format!("tenant_{}", uuid::Uuid::now_v7().simple());
            let sql = format!(
                "{}; create role {role}; \
                 alter table sqlx_transactional_keys add tenant text \
                     default current_setting('app.tenant', true); \
                 alter table sqlx_transactional_keys enable row level security; \
                 create policy tenants on sqlx_transactional_keys \
                     using (tenant = current_setting('app.tenant', true)); \
                 grant insert, select on sqlx_transactional_keys, notes to {role}",
                keys::table::<DB>().trim_end().trim_end_matches(';'),
            );
            run_text(&db.observer, &sql).await.unwrap();
            let place = |tenant: &str| Tenant {
                pool: db.pool.clone(),
                says: format!("set local role {role}; set local app.tenant = '{tenant}'"),
            };
            let run = Run::new(1);
            let error = unknown(db, &place("a"), Point::reply_to("COMMIT"), &run).await;
            let asked = found(&error).resolve(&place("a")).await.unwrap();
            assert_eq!(asked, Resolution::Committed);
            // Another may not see whose it is, and says nothing.
            let asked = found(&error).resolve(&place("b")).await.unwrap();
            assert_eq!(asked, Resolution::Unknown);
            db.assert_whole().await;
            let sql = format!("drop owned by {role}; drop role {role}");
            run_text(&db.observer, &sql).await.unwrap();
        }
    }
}

mod mysql {
    use super::*;
    use sqlx_transactional_tests::inspect;

    for_engines! {
        [mysql]

        #[test(setup())]
        async fn a_place_leads_to_the_database(db: &TestDb<DB>) {
            run_text(&db.observer, keys::table::<DB>()).await.unwrap();
            let (_, name) = db.direct_url().rsplit_once('/').unwrap();
            let other = format!("{name}_other");
            let sql = format!(
                "create database {other}; use {other}; {}; use {name}; \
                 create table {other}.notes like notes",
                keys::table::<DB>().trim_end().trim_end_matches(';')
            );
            run_text(&db.observer, &sql).await.unwrap();
            let pool = db.pool.clone();
            let place = Tenant { pool, says: format!("use {other}") };
            let mut asked = Vec::new();
            for (number, point) in
                [(1, Point::reply_to("COMMIT")), (2, Point::command("COMMIT"))]
            {
                let error = unknown(db, &place, point, &Run::new(number)).await;
                asked.push(found(&error).resolve(&db.observer).await);
            }
            let (kept, ran) = (db.numbers("select 0").await, Run::new(3));
            db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
            let own = keyed(&place, &ran).await;
            run_text(&db.observer, &format!("drop database {other}")).await.unwrap();
            assert_eq!(kept, [0]);
            let asked: Vec<_> = asked.into_iter().map(Result::unwrap).collect();
            assert_eq!(asked, [Resolution::Committed, Resolution::RolledBack]);
            own.expect("it has committed");
            assert_eq!(ran.ran(), (1, 0));
        }

        /// A node of a cluster waits for what the others had committed, before the
        /// question's transaction begins; the session is then as it was.
        #[test(setup())]
        async fn a_question_waits_for_the_cluster(db: &TestDb<DB>) {
            run_text(&db.observer, keys::table::<DB>()).await.unwrap();
            let variable = "select count(*) from information_schema.system_variables \
                            where variable_name = 'WSREP_SYNC_WAIT'";
            if db.numbers(variable).await != [1] {
                return;
            }
            let run = Run::new(1);
            db.wire().arm(Point::reply_to("COMMIT"), Action::Cut);
            keyed(&db.pool, &run).await.expect("it has committed");
            inspect::settle(&db.pool).await;
            let sent = db.wire().take_statements();
            let begin = sent.iter().position(|sql| sql.contains("START TRANSACTION; SELECT"));
            let asked = &sent[begin.expect("a question")..];
            assert!(asked[0].contains("SESSION wsrep_sync_wait = 15; START TRANSACTION"), "{sent:?}");
            assert!(asked.iter().any(|sql| sql.starts_with("SET SESSION wsrep_sync_wait = @")));
            let mut connection = db.pool.acquire().await.unwrap();
            let wait = sqlx::query_scalar("select @@session.wsrep_sync_wait");
            let wait: u64 = wait.fetch_one(&mut *connection).await.unwrap();
            assert_eq!(wait, 0);
            drop(connection);
            db.assert_whole().await;
        }
    }
}
