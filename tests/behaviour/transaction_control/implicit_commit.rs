//! MySQL and MariaDB: many a statement commits without saying so.

use sqlx_transactional::transaction;
use sqlx_transactional_tests::{Setup, TestDb, for_engines};

use crate::{
    app::AppError,
    expect::own,
    sql::{insert, run},
};

for_engines! {
    [mysql]

    /// The manual, "Statements That Cause an Implicit Commit".
    #[test(Setup::wired())]
    async fn out_10_a_statement_that_commits_implicitly_is_told(db: &TestDb<DB>) {
        run(&db.pool, "create table other (id bigint, n int)").await.unwrap();
        for (number, statement) in [
            "create table another (id bigint)",
            "alter table other add column more int",
            "create index by_n on other (n)",
            "drop index by_n on other",
            "rename table another to moved",
            "truncate table moved",
            "drop table moved",
            "create view seen as select * from other",
            "create procedure store() begin commit; end",
            "call store()",
            "lock tables notes write; unlock tables",
            "analyze table other",
            "prepare p from 'commit'; execute p",
            "execute immediate 'commit'",
            "/*! create */ table hidden (id bigint)",
            "/*! create view hidden_too as */ select 1 as one",
        ]
        .into_iter()
        .enumerate()
        {
            let id = i64::try_from(number).unwrap();
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, id).await?;
                run(&mut *tx, statement).await?;
                Ok::<_, AppError>(())
            });
            let Err(error) = ended.await else {
                panic!("{statement}: nothing was told");
            };
            assert!(own(&error).is_ended_early(), "{statement}: {error:?}");
            assert!(db.rows().await.contains(&id), "{statement}");
            db.assert_whole().await;
        }
    }

    #[test(Setup::wired())]
    async fn what_commits_nothing_is_fine(db: &TestDb<DB>) {
        let mut kept = Vec::new();
        for (number, statement) in [
            "create temporary table mine (id bigint)",
            "drop temporary table mine",
            "set @mine = 1",
            "show tables",
            "explain select * from notes",
            "with n as (select 1) select * from n",
            "do sleep(0)",
            "call nothing()",
        ]
        .into_iter()
        .enumerate()
        {
            if statement == "call nothing()" {
                run(&db.pool, "create procedure nothing() select 1").await.unwrap();
            }
            let id = i64::try_from(number).unwrap();
            let ended = transaction(&db.pool, async |tx| {
                insert(&mut *tx, id).await?;
                run(&mut *tx, statement).await
            });
            ended.await.expect(statement);
            kept.push(id);
            assert_eq!(db.rows().await, kept, "{statement}");
        }
        db.assert_whole().await;
    }

    /// What comes after it would be stored at once, and stay.
    #[test(Setup::wired())]
    async fn out_10_what_follows_an_implicit_commit_is_not_sent(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            run(&mut *tx, "create table another (id bigint)").await?;
            let refused = insert(&mut *tx, 2).await.unwrap_err();
            assert!(own(&refused).is_ended_early());
            Ok::<_, AppError>(())
        });
        assert!(own(&ended.await.unwrap_err()).is_ended_early());
        assert_eq!(db.rows().await, [1], "what came before it was committed");
        db.assert_whole().await;
        // An application's error stays the application's.
        let ended = transaction(&db.pool, async |tx| {
            run(&mut *tx, "drop table another").await?;
            Err::<(), _>(AppError::Refused(3))
        });
        assert!(ended.await.unwrap_err().is_refused(3));
        db.assert_whole().await;
    }
}
