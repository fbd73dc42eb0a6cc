//! Inside a transaction of the owner's, where "begin" means a savepoint.

use sqlx::{AssertSqlSafe, Database, SqlSafeStr, SqlStr};
use sqlx_core::transaction::TransactionManager;

use super::{Borrowed, Stage};
use crate::backend;

impl<DB: Database> Borrowed<'_, DB> {
    /// Makes the savepoint's work the owner's.
    ///
    /// sqlx's own way, RELEASE and then one less to count, cannot be dropped in
    /// between. So a new savepoint of the same name is set behind the work, and
    /// going back to that undoes nothing: whenever this future is dropped, the
    /// rollback that is queued then finds either of the two.
    pub(super) async fn keep(&mut self) -> Result<(), sqlx::Error> {
        let backend = backend::of::<DB>();
        let outer = self.outer;
        backend
            .run(self.connection(), nested_sql("SAVEPOINT", outer))
            .await?;
        self.queue_rollback();
        for _ in 0..backend.savepoints_of_a_name() {
            let release = nested_sql("RELEASE SAVEPOINT", outer);
            backend.run(self.connection(), release).await?;
        }
        Ok(())
    }

    /// Undoes what was done since the savepoint, and the savepoint, which sqlx
    /// would leave.
    pub(super) async fn undo(&mut self) -> Result<(), sqlx::Error> {
        let (backend, outer) = (backend::of::<DB>(), self.outer);
        let depth = backend.settled_depth(self.connection()).await?;
        if depth > self.depth() {
            let again = AssertSqlSafe(backend::nested_sql(self.depth()..depth)).into_sql_str();
            backend.run(self.connection(), again).await?;
        }
        self.queue_rollback();
        let release = nested_sql("RELEASE SAVEPOINT", outer);
        backend.run(self.connection(), release).await
    }

    /// Queues the way back to where the owner was, in sqlx's count as well.
    pub(super) fn queue_rollback(&mut self) {
        let outer = self.outer;
        // Once is enough: what follows it only tidies up.
        self.stage = Stage::Closed;
        let connection = self.connection();
        // Counted before: SQLite counts down when its worker gets there.
        for _ in outer..backend::depth::<DB>(connection) {
            <DB::TransactionManager as TransactionManager>::start_rollback(connection);
        }
    }

    /// Sees to it that there is a savepoint for a rollback to find. The one that was set may
    /// be gone, and sqlx counts it until then.
    pub(super) async fn find_savepoint(&mut self) {
        let (backend, outer) = (backend::of::<DB>(), self.outer);
        let back = nested_sql("ROLLBACK TO SAVEPOINT", outer);
        if backend.run(self.connection(), back).await.is_err() {
            let again = nested_sql("SAVEPOINT", outer);
            let _ = backend.run(self.connection(), again).await;
        }
    }
}

/// SQL for the savepoint that sqlx sets at depth `outer`.
fn nested_sql(verb: &str, outer: usize) -> SqlStr {
    AssertSqlSafe(format!("{verb} _sqlx_savepoint_{outer}")).into_sql_str()
}
