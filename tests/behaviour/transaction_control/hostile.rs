//! Texts that hide the end of a transaction, and texts that only look like it, as
//! the engines themselves read them: through plain sqlx, and then through a handle.

use sqlx::{Connection, Executor, SqlSafeStr};
use sqlx_transactional::transaction;
use sqlx_transactional_tests::{Backend, Engine, TestDb, for_each_engine, for_engines};

use crate::{
    app::AppError,
    expect::own,
    sql::{ids, insert, run},
};

/// For every engine. In those that do not read a text so, it is an error.
const TEXTS: &[&str] = &[
    "select 1; commit",
    "select ';'; commit",
    "select 1; rollback; begin",
    "select 1; commit; begin",
    "select 'it''s; commit'; select 2",
    "select 'a' /* ; commit */; select 2 -- ; commit",
    "select 1 -- a\r; commit",
    "select 1 --1; commit\n",
    "select 1; --\ncommit",
    "select 1; # a\ncommit",
    "select 1 # ; commit\n",
    "select 1; /* a /* b */ commit",
    "select 1; /* a /* b */ c */ commit",
    "select 1; /*/**/commit",
    "select 1; /*/ */commit",
    "select 1; /*! commit */",
    "select 1; /*!50000 commit */",
    "select 1; /*M!100000 commit */",
    "select 1; /*!99999 ' */; commit; -- '",
    "select 1; /*!99999 /* */ ' */; commit; -- '",
    "select 1 /*! ; commit; */",
    "select 1 /*! ' */; commit; -- '",
    "select 1; /*+ */ commit",
    "select /*+ qb_name(`*/'`) */ 1; commit; -- '",
    "select 1; \u{feff}commit",
    "select 1; \u{a0}commit",
    "select 1; \u{b}commit",
    "select 1; \u{c}commit",
    "select '\\'; commit; -- '",
    "select '\\''; commit; -- '",
    "select \"\\\"; commit; -- \"",
    "select '\\\\'; commit",
    "select e'\\'; commit; -- '",
    "select e'\\''; commit; -- '",
    "select E'a'\n'\\'; commit; --'",
    "select e'a' -- b\n'\\'; commit; --'",
    "select 1e'\\'; commit; -- '",
    "select xe'\\'; commit; -- '",
    "select U&'\\'; commit; -- '",
    "select n'\\'; commit; -- '",
    "select b'; commit; -- '",
    "select $$; commit; $$",
    "select $a$; commit; $a$",
    "select $a$; commit; $b$",
    "select $a$ $a; $$ ; $a$; commit; -- $a$",
    "select 1 as a$b$; commit; -- $b$",
    "select 1 as \u{e9}$b$; commit; -- $b$",
    "select $\u{e9}$; commit; -- $\u{e9}$",
    "select $1$; commit; -- $1$",
    "select `; commit; -- `",
    "select [; commit; -- ]",
    "select 1 as [']; commit; -- ']",
    "select 1 as [a]]; commit; -- ]",
    "select 1 as \"a\"\";\"; commit",
    "select $a('); commit; --'",
    "select @a::b('); commit; --'",
    "select :a('); commit; --'",
    "select $a(';commit)",
    "select (1; commit)",
    "select 1); commit; --",
    "create table other (a int); commit",
    "create trigger r after insert on notes begin select 1; end; commit",
    "create trigger r after insert on notes begin delete from probes; end; select 2",
    "create temp trigger r after insert on notes begin select 1; end /* */; commit",
    "explain create trigger r after insert on notes begin select 1; end; commit",
    "explain query plan create trigger r after insert on notes begin select 1; end; end",
    "create trigger r after insert on notes begin select case when 1 then 2 end; end; commit",
    "create trigger r after insert on notes begin select 1 as [end]; end; commit",
    "create rule r as on update to notes do also (delete from probes; delete from probes); commit",
    "create rule r as on update to notes do also (delete from probes; delete from probes)",
    "create function f() returns int begin atomic select 1; end; commit",
    "create function f() returns int begin atomic select 1; select 2; end; select 1",
    "create function f() returns int begin atomic select case when true then 1 end; end; commit",
    "create function f() returns int begin atomic select 1 as case; end; commit; select 1 as end",
    "create function f() returns int begin atomic select 1 case; end; commit; select 1 end",
    "create function begin() returns int return 1; commit",
    "create function f(begin int) returns int return 1; commit",
    "create function f() returns int language sql as 'select 1; select 2'; commit",
    "create procedure p() begin select 1; commit; end",
    "create procedure p() select 1; commit",
    "create or replace procedure p() begin declare x int; set x = 1; end",
    "begin not atomic commit; end",
    "if 1 then commit; end if",
    "a: loop commit; leave a; end loop",
    "do $$ begin commit; end $$",
    "do $$ begin perform 1; end $$; select 2",
    "prepare p as select 1; execute p",
    "select 1; prepare p from 'commit'; execute p",
    "select 1; execute immediate 'commit'",
    "savepoint a; select 1; rollback to a; release savepoint a",
    "savepoint a; rollback work to savepoint a",
    "select 1; abort",
    "select 1; end",
    "select 1; rollback transaction",
    "select 1; end transaction",
    "select 1; prepare transaction 'x'",
    "set transaction read only; commit and chain",
    "explain commit",
    "select 1; explain select 2",
];

/// What the engine does with a text inside a transaction.
#[derive(Debug, PartialEq, Eq)]
enum Does {
    /// The transaction it was sent in is not open any more.
    Ends,
    /// It is open still, and the text was answered well.
    Runs,
    Fails,
}

for_each_engine! {
    /// Asks the engine itself, on a connection of its own.
    async fn does(db: &TestDb<DB>, text: &str) -> Does {
        let mut connection = <DB as sqlx::Database>::Connection::connect(db.direct_url()).await.unwrap();
        connection.execute("begin").await.unwrap();
        insert(&mut connection, 1).await.unwrap();
        let ran = run(&mut connection, text).await;
        // Where it cannot be read, PostgreSQL has aborted the transaction.
        let lost = ids(&mut connection).await.is_ok_and(|ids| !ids.contains(&1));
        let _ = insert(&mut connection, 2).await;
        let _ = run(&mut connection, "rollback").await;
        connection.close().await.unwrap();
        let stored = db.rows().await;
        clear(db).await;
        match ran {
            _ if lost || !stored.is_empty() => Does::Ends,
            Ok(()) => Does::Runs,
            Err(_) => Does::Fails,
        }
    }

    async fn clear(db: &TestDb<DB>) {
        for sql in ["delete from notes", "drop table if exists other"] {
            run(&db.observer, sql).await.unwrap();
        }
        let created = match db.engine() {
            Engine::Postgres => [
                "drop rule if exists r on notes",
                "drop function if exists f",
                "drop function if exists begin",
            ],
            Engine::MySql => ["drop procedure if exists p", "drop function if exists f", "do 0"],
            Engine::Sqlite => ["drop trigger if exists r", "select 1", "select 1"],
        };
        for sql in created {
            let _ = run(&db.observer, sql).await;
        }
    }

    /// Whatever ends it is refused or told, and nothing else is refused.
    #[test]
    async fn out_10_texts_are_read_as_the_engine_reads_them(db: &TestDb<DB>) {
        let (mut ended_it, mut ran) = (0, 0);
        for text in TEXTS {
            let does = does(db, text).await;
            ended_it += u32::from(does == Does::Ends);
            ran += u32::from(does == Does::Runs);
            let mut refused = None;
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, 1).await?;
                refused = run(&mut *tx, text).await.err();
                Ok::<_, AppError>(())
            });
            let ended = ended.await;
            match does {
                Does::Ends => assert!(ended.is_err(), "{text}"),
                Does::Runs => ended.unwrap_or_else(|error| panic!("{text}: {error:?}")),
                // Nothing was ended, so nothing but the engine's word matters.
                Does::Fails => {}
            }
            db.assert_whole().await;
            clear(db).await;
        }
        assert!(ended_it > 20 && ran > 10, "{ended_it} end it, {ran} run");
    }
}

mod on_postgres {
    use super::*;

    for_engines! {
        [postgres]

        /// What the protocol has prepared, EXECUTE runs by its name, COMMIT as well.
        #[test]
        async fn out_10_execute_of_a_prepared_commit_is_told(db: &TestDb<DB>) {
            let mut lent = db.pool.acquire().await.unwrap();
            lent.prepare("commit".into_sql_str()).await.unwrap();
            let names = "select name from pg_prepared_statements where statement = 'commit'";
            let name = DB::texts(&mut lent, names).await.unwrap().concat();
            let ended = transaction(&mut lent, async |tx| {
                insert(&mut *tx, 1).await?;
                run(&mut *tx, &format!("execute {name}")).await?;
                Ok::<_, AppError>(())
            });
            let error = ended.await.unwrap_err();
            assert!(own(&error).is_ended_early(), "{error:?}");
            assert_eq!(db.rows().await, [1]);
        }
    }
}
