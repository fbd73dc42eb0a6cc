//! A savepoint in which the connection is given away, and that is dropped somewhere.

use std::{thread, time::Duration};

use sqlx_transactional::transaction;
use sqlx_transactional_tests::{TestDb, for_engines, poll_k_then_drop};

use crate::{
    app::AppError,
    expect::own,
    sql::{ids, insert},
};

for_engines! {
    [sqlite]

    /// Whether what marks the transaction went with it is not known then, so that a mark
    /// that is missing tells nothing.
    #[test]
    async fn one_that_is_dropped_is_not_taken_for_the_end_of_all(db: &TestDb<DB>) {
        let (mut kept, mut lost) = (0, 0);
        let mut connection = db.pool.acquire().await.unwrap();
        let mut handle = connection.lock_handle().await.unwrap();
        handle.set_progress_handler(1, || {
            // Otherwise most answers are there before the first poll.
            thread::sleep(Duration::from_micros(50));
            true
        });
        drop(handle);
        drop(connection);
        for goes_on in [false, true] {
            for k in 0..24 {
                let ended = transaction(&db.pool, async |tx| {
                    insert(&mut *tx, 1).await?;
                    let part = tx.savepoint(async |tx| {
                        // So that the mark is set inside of it.
                        insert(&mut *tx, 2).await?;
                        ids(tx.connection().await?).await?;
                        Err::<(), _>(AppError::Refused(1))
                    });
                    drop(poll_k_then_drop(part, k).await);
                    if goes_on {
                        insert(tx, 3).await?;
                    }
                    Ok::<_, AppError>(())
                });
                let ended = ended.await;
                db.assert_whole().await;
                let mut expected = Vec::new();
                match ended {
                    Ok(()) => {
                        kept += 1;
                        expected.push(1);
                        expected.extend(goes_on.then_some(3));
                    }
                    Err(error) => {
                        lost += 1;
                        assert!(!own(&error).is_ended_early(), "{k}: {error}");
                    }
                }
                assert_eq!(db.rows().await, expected, "{k}");
                sqlx::query("delete from notes").execute(&db.observer).await.unwrap();
            }
        }
        assert!(kept > 0 && lost > 0, "{kept} are kept and {lost} lost");
    }
}
