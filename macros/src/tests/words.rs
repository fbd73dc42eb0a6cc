//! Words from other transaction libraries.

use expect_test::expect;

#[test]
fn each_has_its_own_answer() {
    let words = [
        "propagation = \"REQUIRED\"",
        "requires_new",
        "nested",
        "mandatory",
        "never",
        "not_supported",
        "supports",
        "readonly",
        "read_only = true",
        "readOnly",
        "rollback_for = Error",
        "no_rollback_for = Error",
        "isolation_level = serializable",
        "serializable",
        "read_committed",
        "READ_UNCOMMITTED",
        "repeatable_read",
        "snapshot",
        "dontRollbackOn = Error",
        "rollback_if = Error",
        "commit_if = Error",
        "pool",
        "pool = app.pool",
        "db = db",
        "conn",
        "connection = \"main\"",
        "executor",
        "durable",
        "atomic",
        "transaction_manager = \"orders\"",
        "timeout_ms = 50",
        "timeout = 5",
        "retries = 3",
        "attempts = 3",
        "max_attempts = 3",
        "maxRetries = 3",
        "backoff(delay = 100)",
        "mode = immediate",
        "transaction_mode = \"exclusive\"",
        "set(\"app.user_id\" = 1)",
        "set_local = \"a\"",
        "guc",
        "config",
        "rls",
    ];
    let mut answers = String::new();
    for word in words {
        let (_, errors) = super::transactional(word, super::FUNCTION);
        assert_eq!(errors.lines().count(), 1, "{errors}");
        answers += &errors;
    }
    expect![[r#"
        propagation => unknown option `propagation`: the parameter says it: with `tx: &mut Tx` a function joins its caller's transaction, or begins one on a pool; add `savepoint` to nest, or `outermost` to refuse a call inside a transaction
        requires_new => unknown option `requires_new`: a transaction of its own is one that begins on a pool: pass `&pool` to the call, or write `on = self.pool`
        nested => unknown option `nested`: write `savepoint`
        mandatory => unknown option `mandatory`: remove the attribute: a plain function that takes `tx: &mut Tx` can only be called inside a transaction
        never => unknown option `never`: remove the attribute and take the pool: without a handle there is no transaction
        not_supported => unknown option `not_supported`: remove the attribute and take the pool: without a handle there is no transaction
        supports => unknown option `supports`: remove the attribute and take `impl sqlx::Executor`: given `&mut *tx` the function runs inside the transaction, given `&pool` in none
        readonly => unknown option `readonly`: the parameter says it: write `tx: &mut ReadTx` for `tx: &mut Tx`
        read_only => unknown option `read_only`: the parameter says it: write `tx: &mut ReadTx` for `tx: &mut Tx`
        readOnly => unknown option `readOnly`: the parameter says it: write `tx: &mut ReadTx` for `tx: &mut Tx`
        rollback_for => unknown option `rollback_for`: every `Err` rolls back, whatever its type; to roll back on an `Ok`, write `rollback_on(Ok(pattern))`
        no_rollback_for => unknown option `no_rollback_for`: every `Err` rolls back, whatever its type; to commit on one, write `commit_on(Err(pattern))`
        isolation_level => unknown option `isolation_level`: write `isolation = serializable`, or another level
        serializable => unknown option `serializable`: write `isolation = serializable`
        read_committed => unknown option `read_committed`: write `isolation = read_committed`
        READ_UNCOMMITTED => unknown option `READ_UNCOMMITTED`: write `isolation = read_uncommitted`
        repeatable_read => unknown option `repeatable_read`: write `isolation = repeatable_read`
        snapshot => unknown option `snapshot`: write `isolation = repeatable_read`
        dontRollbackOn => unknown option `dontRollbackOn`: every `Err` rolls back, whatever its type; to commit on one, write `commit_on(Err(pattern))`
        rollback_if => unknown option `rollback_if`: every `Err` rolls back, whatever its type; to roll back on an `Ok`, write `rollback_on(Ok(pattern))`
        commit_if => unknown option `commit_if`: every `Err` rolls back, whatever its type; to commit on one, write `commit_on(Err(pattern))`
        pool => unknown option `pool`: pass the place to begin to the call, as in `rename(&pool, ..)`, or write `on = pool` to take the parameter out of the signature
        pool => unknown option `pool`: pass the place to begin to the call, as in `rename(&pool, ..)`, or write `on = app.pool` to take the parameter out of the signature
        db => unknown option `db`: pass the place to begin to the call, as in `rename(&pool, ..)`, or write `on = db` to take the parameter out of the signature
        conn => unknown option `conn`: pass the place to begin to the call, as in `rename(&pool, ..)`, or write `on = conn` to take the parameter out of the signature
        connection => unknown option `connection`: pass the place to begin to the call, as in `rename(&pool, ..)`, or write `on = self.pool` to take the parameter out of the signature
        executor => unknown option `executor`: pass the place to begin to the call, as in `rename(&pool, ..)`, or write `on = executor` to take the parameter out of the signature
        durable => unknown option `durable`: write `outermost`: such a function returns `Ok` only after its COMMIT
        atomic => unknown option `atomic`: leave it out, every transactional function is atomic; to undo one part alone, put `savepoint` on the function of that part
        transaction_manager => unknown option `transaction_manager`: the place to begin says it: pass the right `&pool` to the call, or write `on = self.pool`
        timeout_ms => unknown option `timeout_ms`: write `timeout = "5s"`, or another time in quotes
        5 => write a time in quotes: "250ms", "5s", "1m" or "2h"
        retries => unknown option `retries`: write `retry`, or with any of its limits `retry(attempts = 5, deadline = "10s", base = "5ms", cap = "500ms")`; what is retried is what the engine asks to have retried
        attempts => unknown option `attempts`: write `retry`, or with any of its limits `retry(attempts = 5, deadline = "10s", base = "5ms", cap = "500ms")`; what is retried is what the engine asks to have retried
        max_attempts => unknown option `max_attempts`: write `retry`, or with any of its limits `retry(attempts = 5, deadline = "10s", base = "5ms", cap = "500ms")`; what is retried is what the engine asks to have retried
        maxRetries => unknown option `maxRetries`: write `retry`, or with any of its limits `retry(attempts = 5, deadline = "10s", base = "5ms", cap = "500ms")`; what is retried is what the engine asks to have retried
        backoff => unknown option `backoff`: write `retry`, or with any of its limits `retry(attempts = 5, deadline = "10s", base = "5ms", cap = "500ms")`; what is retried is what the engine asks to have retried
        mode => unknown option `mode`: on SQLite, write `immediate`, `deferred` or `exclusive`; the level is `isolation`, and whether it writes says the parameter
        transaction_mode => unknown option `transaction_mode`: on SQLite, write `immediate`, `deferred` or `exclusive`; the level is `isolation`, and whether it writes says the parameter
        set => unknown option `set`: write `settings("app.user_id" = user.id)`
        set_local => unknown option `set_local`: write `settings("app.user_id" = user.id)`
        guc => unknown option `guc`: write `settings("app.user_id" = user.id)`
        config => unknown option `config`: write `settings("app.user_id" = user.id)`
        rls => unknown option `rls`: write `settings("app.user_id" = user.id)`
    "#]].assert_eq(&answers);
}
