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
        "isolation = serializable",
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
        "retry(attempts = 3)",
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
        rollback_for => unknown option `rollback_for`: every `Err` rolls back, whatever its type; to roll back and return `Ok`, call `tx.roll_back()`
        no_rollback_for => unknown option `no_rollback_for`: every `Err` rolls back, whatever its type; to commit and report a failure, return it inside the `Ok`
        isolation_level => unknown option `isolation_level`: it is not offered; a transaction has the isolation level its connection is set to
        isolation => unknown option `isolation`: it is not offered; a transaction has the isolation level its connection is set to
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
        retries => unknown option `retries`: it is not offered; call the function again: on a pool, each call is a new transaction
        retry => unknown option `retry`: it is not offered; call the function again: on a pool, each call is a new transaction
    "#]].assert_eq(&answers);
}
