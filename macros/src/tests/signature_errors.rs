//! Functions that cannot be a transaction.

use expect_test::expect;

use super::{check_errors, check_fallback};

#[test]
fn not_async() {
    let item = "fn f(tx: &mut Tx<'_, Db>) -> R { run(tx).await }";
    check_errors(
        "",
        item,
        &expect![[r#"
        fn => a transaction is awaited, so it must be an `async fn`: write `async fn f`
    "#]],
    );
    check_fallback(
        "",
        item,
        &expect![[r#"
        async fn f(
            mut tx: impl ::sqlx_transactional::Begin<
                ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
            >,
        ) -> R {
            let _ = &mut tx;
            let tx: &mut Tx<'_, Db> = ::sqlx_transactional::__private::declared();
            '__body: { run(tx).await }
        }
    "#]],
    );
}

#[test]
fn a_future_by_hand_is_not_made_async_as_well() {
    let item = "fn f(tx: &mut Tx<'_, Db>) -> impl Future<Output = R> { async { Ok(()) } }";
    check_errors(
        "",
        item,
        &expect![[r#"
        fn => a transaction is awaited, so it must be an `async fn`: write `async fn f`
    "#]],
    );
    check_fallback(
        "",
        item,
        &expect![[r#"
        fn f(
            mut tx: impl ::sqlx_transactional::Begin<
                ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
            >,
        ) -> impl Future<Output = R> {
            let _ = &mut tx;
            let tx: &mut Tx<'_, Db> = ::sqlx_transactional::__private::declared();
            '__body: { async { Ok(()) } }
        }
    "#]],
    );
}

#[test]
fn no_transaction() {
    check_errors(
        "",
        "async fn f() -> R { Ok(()) }",
        &expect![[r#"
        f => `f` has no transaction for its body to use: write `async fn f(tx: &mut Tx<'_, DB>)`, with your database for `DB`
    "#]],
    );
    check_errors(
        "",
        "async fn f(&self) -> R { Ok(()) }",
        &expect![[r#"
        f => `f` has no transaction for its body to use: write `async fn f(&self, tx: &mut Tx<'_, DB>)`, with your database for `DB`
    "#]],
    );
    check_errors(
        "on = self.pool",
        "async fn f(self: Arc<Self>) -> R { Ok(()) }",
        &expect![[r#"
            f => `f` has no transaction for its body to use: write `async fn f(self: Arc<Self>, tx: &mut Tx<'_, DB>)`, with your database for `DB`
        "#]],
    );
    check_fallback(
        "",
        "async fn f() -> R { Ok(()) }",
        &expect![[r#"
        async fn f() -> R {
            Ok(())
        }
    "#]],
    );
}

#[test]
fn a_shared_reference() {
    let item = "async fn f(tx: &Tx<'_, Db>, id: u8) -> R { run(tx).await }";
    check_errors(
        "",
        item,
        &expect![[r#"
        &Tx<'_, Db> => the body borrows its transaction, because the commit comes after it: write `tx: &mut Tx<'_, Db>`
    "#]],
    );
    check_fallback(
        "",
        item,
        &expect![[r#"
        async fn f(
            mut tx: impl ::sqlx_transactional::Begin<
                ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
            >,
            id: u8,
        ) -> R {
            let _ = &mut tx;
            let tx: &mut Tx<'_, Db> = ::sqlx_transactional::__private::declared();
            '__body: { run(tx).await }
        }
    "#]],
    );
}

#[test]
fn a_handle_by_value() {
    check_errors(
        "",
        "async fn f(&self, tx: app::ReadTx<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            app::ReadTx<'_, Db> => the body borrows its transaction, because the commit comes after it: write `tx: &mut app::ReadTx<'_, Db>`
        "#]],
    );
    check_errors(
        "",
        "async fn f(mut tx: sqlx::Transaction<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            sqlx::Transaction<'_, Db> => the body borrows its transaction, because the commit comes after it: write `mut tx: &mut sqlx::Transaction<'_, Db>`
        "#]],
    );
}

#[test]
fn another_first_parameter() {
    check_errors(
        "",
        "async fn f(pool: &PgPool) -> R { Ok(()) }",
        &expect![[r#"
            &PgPool => the first parameter must be the transaction, a `&mut`: write `tx: &mut Tx<'_, DB>` before `pool`, with your database for `DB`; callers pass `&pool` or `&mut *tx` there
        "#]],
    );
    check_errors(
        "",
        "async fn f(State(app): State<App>) -> R { Ok(()) }",
        &expect![[r#"
            State<App> => the first parameter must be the transaction, a `&mut`: write `tx: &mut Tx<'_, DB>` before `State(app)`, with your database for `DB`; callers pass `&pool` or `&mut *tx` there
        "#]],
    );
    check_fallback(
        "",
        "async fn f(pool: &PgPool) -> R { Ok(()) }",
        &expect![[r#"
            async fn f(pool: &PgPool) -> R {
                Ok(())
            }
        "#]],
    );
}

#[test]
fn the_transaction_in_another_place() {
    let item = "async fn f(&self, id: &str, n: u8, tx: &mut Tx<'_, Db>) -> R { Ok(()) }";
    check_errors(
        "",
        item,
        &expect![[r#"
        &str => the first parameter must be the transaction, a `&mut`: move `tx: &mut Tx<'_, Db>` before `id`
    "#]],
    );
}

#[test]
fn a_handle_of_an_unnamed_type() {
    check_errors(
        "",
        "async fn f(tx: &mut impl Handle) -> R { Ok(()) }",
        &expect![[r#"
            &mut impl Handle => name the type of the handle, because it says which database and whether to write: `&mut Tx<'_, DB>`, where `DB` can be a generic parameter
        "#]],
    );
}

#[test]
fn no_result() {
    let item = "async fn f(tx: &mut Tx<'_, Db>) { run(tx).await; }";
    check_errors(
        "",
        item,
        &expect![[r#"
        f => `f` returns nothing, so it cannot say whether to commit or to roll back: write `-> Result<(), sqlx::Error>`, or a `Result` with another error that is `From<sqlx::Error>`
    "#]],
    );
    check_fallback(
        "",
        item,
        &expect![[r#"
        async fn f(
            mut tx: impl ::sqlx_transactional::Begin<
                ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
            >,
        ) {
            let _ = &mut tx;
            let tx: &mut Tx<'_, Db> = ::sqlx_transactional::__private::declared();
            '__body: {
                run(tx).await;
            }
        }
    "#]],
    );
}

#[test]
fn const_extern_and_variadic() {
    check_errors(
        "",
        "const fn f(tx: &mut Tx<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            const => a `const fn` cannot wait for a database: remove `const`
            fn => a transaction is awaited, so it must be an `async fn`: write `async fn f`
        "#]],
    );
    check_errors(
        "",
        "async extern \"C\" fn f(tx: &mut Tx<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            extern "C" => no foreign caller can await a transaction: remove `extern`, and call this function from an `extern` one that waits for it
        "#]],
    );
    let item = "async unsafe extern fn f(tx: &mut Tx<'_, Db>, args: ...) -> R { Ok(()) }";
    check_errors(
        "",
        item,
        &expect![[r#"
        extern => no foreign caller can await a transaction: remove `extern`, and call this function from an `extern` one that waits for it
        ... => variadic arguments cannot be kept in a future: take a slice instead
    "#]],
    );
    check_fallback(
        "",
        item,
        &expect![[r#"
        async unsafe fn f(
            mut tx: impl ::sqlx_transactional::Begin<
                ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
            >,
        ) -> R {
            let _ = &mut tx;
            let tx: &mut Tx<'_, Db> = ::sqlx_transactional::__private::declared();
            '__body: { Ok(()) }
        }
    "#]],
    );
}

#[test]
fn the_attribute_twice() {
    let item =
        "#[inline] #[db::transactional(savepoint)] async fn f(tx: &mut Tx<'_, Db>) -> R { Ok(()) }";
    check_errors(
        "",
        item,
        &expect![[r#"
        #[db::transactional(savepoint)] => `#[transactional]` is given twice: remove one
    "#]],
    );
    check_fallback(
        "",
        item,
        &expect![[r#"
        #[inline]
        async fn f(
            mut tx: impl ::sqlx_transactional::Begin<
                ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
            >,
        ) -> R {
            let _ = &mut tx;
            let tx: &mut Tx<'_, Db> = ::sqlx_transactional::__private::declared();
            '__body: { Ok(()) }
        }
    "#]],
    );
}

#[test]
fn what_async_trait_made_of_a_method() {
    let item = "fn f<'life0, 'life1, 'life2, 'async_trait>(
            &'life0 self,
            tx: &'life1 mut Tx<'life2, Db>,
        ) -> ::core::pin::Pin<Box<
            dyn ::core::future::Future<Output = R> + ::core::marker::Send + 'async_trait,
        >>
        where
            'life0: 'async_trait,
            'life1: 'async_trait,
            'life2: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async move { Ok(()) })
        }";
    check_errors(
        "",
        item,
        &expect![[r#"
        f => `#[async_trait]` has already made of this method one that returns a boxed future: the attribute of a whole trait or implementation runs before those inside it. Remove `#[async_trait]`, because a trait can have an `async fn` without it; or move the body into a free function or an inherent method with `#[transactional]`, and call that here
    "#]],
    );
    let (function, _) = super::transactional("", item);
    assert_eq!(function.to_string(), super::tokens(item).to_string());
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    check_errors(
        "savepoint, savepoint, isolation_level = 3, name",
        "const fn f(tx: Tx<'_, Db>) { }",
        &expect![[r#"
            savepoint => `savepoint` is given twice: remove one
            isolation_level => unknown option `isolation_level`: write `isolation = serializable`, or another level
            name => write a value: `name = "transfer"`
            const => a `const fn` cannot wait for a database: remove `const`
            fn => a transaction is awaited, so it must be an `async fn`: write `async fn f`
            f => `f` returns nothing, so it cannot say whether to commit or to roll back: write `-> Result<(), sqlx::Error>`, or a `Result` with another error that is `From<sqlx::Error>`
            Tx<'_, Db> => the body borrows its transaction, because the commit comes after it: write `tx: &mut Tx<'_, Db>`
        "#]],
    );
}
