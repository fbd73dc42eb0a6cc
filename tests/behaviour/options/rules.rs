//! Results that commit, or roll back, in spite of what they are.

use sqlx_transactional::{Tx, on, testing::watch, transaction, transactional};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};

use crate::{
    app::AppError,
    diary::Diary,
    expect::doomed,
    sql::{insert, run},
    wire_text::assert_sent,
};

for_each_engine! {
    /// Stores a note and ends as `end` says: 1 is to be kept, 2 is not.
    #[transactional(
        commit_on(Err(AppError::Refused(1 | 3..=5))),
        rollback_on(Ok(2) | Err(AppError::Refused(3)))
    )]
    async fn store(
        tx: &mut Tx<'_, DB>,
        id: i64,
        diary: &Diary,
        end: Result<u32, u32>,
    ) -> Result<u32, AppError> {
        tx.after_commit(diary.hook("committed"));
        tx.after_rollback(diary.hook("rolled back"));
        insert(tx, id).await?;
        end.map_err(AppError::Refused)
    }

    #[test(Setup::wired())]
    async fn rule_02_an_err_that_matches_is_returned_after_commit(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = store(&db.pool, 1, &diary, Err(1)).await;
        assert!(ended.unwrap_err().is_refused(1));
        assert_sent(db, "BEGIN; insert 1; COMMIT");
        assert_eq!((db.rows().await, diary.read()), (vec![1], "committed".to_owned()));
        // Another one is an error like any other.
        let ended = store(&db.pool, 2, &diary, Err(9)).await;
        assert!(ended.unwrap_err().is_refused(9));
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn an_ok_that_matches_is_returned_after_rollback(db: &TestDb<DB>) {
        let diary = Diary::default();
        assert_eq!(store(&db.pool, 1, &diary, Ok(2)).await.unwrap(), 2);
        assert_sent(db, "BEGIN; insert 1; ROLLBACK");
        assert_eq!((db.rows().await, diary.read()), (vec![], "rolled back".to_owned()));
        assert_eq!(store(&db.pool, 1, &diary, Ok(1)).await.unwrap(), 1);
        assert_eq!(db.rows().await, [1]);
        db.assert_whole().await;
    }

    #[test]
    async fn rule_04_where_both_match_it_is_rolled_back(db: &TestDb<DB>) {
        let ended = store(&db.pool, 1, &Diary::default(), Err(3)).await;
        assert!(ended.unwrap_err().is_refused(3));
        assert_eq!(db.rows().await, [0; 0]);
    }

    /// The `Err` alone would say that it was stored.
    #[test]
    async fn rule_03_what_cannot_commit_says_so(db: &TestDb<DB>) {
        let ended = on(&db.pool)
            .commit_on(|ended: &Result<(), AppError>| ended.is_err())
            .run(async |tx| {
                let part = on(&mut *tx).run(async |tx| {
                    insert(tx, 1).await?;
                    Err::<(), _>(AppError::Refused(9))
                });
                part.await.unwrap_err();
                Err(AppError::Refused(1))
            });
        let error = ended.await.unwrap_err().into_database();
        assert!(doomed(&error).to_string().contains("joined"), "{error}");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    /// A joined function's `Err` that is to be kept dooms nothing.
    #[test]
    async fn in_a_joined_function_they_speak_for_its_part(db: &TestDb<DB>) {
        let diary = Diary::default();
        let ended = transaction(&db.pool, async |tx| {
            assert!(store(&mut *tx, 1, &diary, Err(1)).await.unwrap_err().is_refused(1));
            insert(tx, 2).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        let ended = transaction(&db.pool, async |tx| {
            assert_eq!(store(&mut *tx, 3, &diary, Ok(2)).await?, 2);
            insert(tx, 4).await?;
            Ok::<_, AppError>("as asked")
        });
        assert_eq!(ended.await.unwrap(), "as asked");
        assert_eq!(db.rows().await, [1, 2]);
    }

    #[test]
    async fn in_a_savepoint_they_speak_for_the_savepoint(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            let part = on(&mut *tx)
                .savepoint()
                .rollback_on(|ended: &Result<u32, AppError>| matches!(ended, Ok(0)))
                .run(async |tx| insert(tx, 1).await.map(|()| 0).map_err(AppError::from));
            part.await?;
            let part = on(&mut *tx)
                .savepoint()
                .commit_on(|ended: &Result<u32, AppError>| ended.is_err())
                .run(async |tx| {
                    insert(tx, 2).await?;
                    Err(AppError::Refused(1))
                });
            part.await.unwrap_err();
            insert(tx, 3).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [2, 3]);
    }

    #[test]
    async fn rule_05_nothing_found_can_be_a_reason_to_roll_back(db: &TestDb<DB>) {
        let ended = on(&db.pool)
            .rollback_on(|found: &Result<Option<u32>, AppError>| matches!(found, Ok(None)))
            .run(async |tx| {
                insert(tx, 1).await?;
                Ok::<Option<u32>, AppError>(None)
            });
        let (ended, seen) = watch(ended).await;
        assert_eq!(ended.unwrap(), None);
        assert_eq!((seen.len(), db.rows().await), (1, vec![]));
    }

    #[test]
    async fn what_no_rule_of_a_block_matches_ends_as_ever(db: &TestDb<DB>) {
        let call = async |id, end: Result<u32, u32>| {
            let block = on(&db.pool)
                .commit_on(|ended: &Result<u32, AppError>| {
                    ended.as_ref().is_err_and(|error| error.is_refused(1))
                })
                .rollback_on(|ended: &Result<u32, AppError>| matches!(ended, Ok(2)));
            let ended = block.run(async |tx| {
                insert(tx, id).await?;
                end.map_err(AppError::Refused)
            });
            ended.await.is_ok()
        };
        assert!(call(1, Ok(1)).await);
        assert!(!call(2, Err(2)).await);
        assert_eq!(db.rows().await, [1]);
        // Those that match.
        assert!(call(3, Ok(2)).await);
        assert!(!call(4, Err(1)).await);
        assert_eq!(db.rows().await, [1, 4]);
    }

    #[test]
    async fn a_doom_is_stronger_than_a_rule(db: &TestDb<DB>) {
        let ended = on(&db.pool)
            .commit_on(|ended: &Result<(), AppError>| ended.is_err())
            .run(async |tx| {
                insert(&mut *tx, 1).await?;
                run(&mut *tx, "COMMIT").await.unwrap_err();
                Err(AppError::Refused(1))
            });
        let error = ended.await.unwrap_err().into_database();
        assert!(crate::expect::own(&error).is_transaction_control());
        assert_eq!(db.rows().await, [0; 0]);
    }
}
