//! `#[transactional(retry)]` and `idempotent`.

use expect_test::{Expect, expect};

use super::{FUNCTION, check, check_difference, check_difference_from, check_errors};

/// Compares the lines that are not in the expansion with `retry` alone.
#[track_caller]
fn changed(options: &str, item: &str, expected: &Expect) {
    check_difference_from("retry", options, item, expected);
}

#[test]
fn the_body_is_in_a_loop_and_each_attempt_gets_clones() {
    check(
        "retry(attempts = 5)",
        "async fn rename(tx: &mut DbTx<'_>, id: &str, title: String) -> Result<u64, AppError> { update(tx, id, title).await }",
        &expect![[r#"
            async fn rename(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<DbTx<'static>>,
                >,
                id: &str,
                title: String,
            ) -> Result<u64, AppError> {
                let __options = ::sqlx_transactional::__private::Options::new(
                        ::core::concat!(::core::module_path!(), "::rename"),
                    )
                    .retry()
                    .attempts(5u32);
                let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
                loop {
                    let mut __handle = ::sqlx_transactional::__private::begin::<
                        ::sqlx_transactional::AccessOf<DbTx<'static>>,
                        _,
                    >(&mut tx, __attempts.options());
                    let mut __bounds = ::sqlx_transactional::__private::bounds::<
                        ::sqlx_transactional::AccessOf<DbTx<'static>>,
                    >(&mut __handle, __options);
                    let __ran = {
                        let tx: &mut DbTx<'_> = &mut __handle;
                        let id = ::sqlx_transactional::__private::again(&id);
                        let title = ::sqlx_transactional::__private::again(&title);
                        ::sqlx_transactional::__private::run(
                                &mut __bounds,
                                ::core::pin::pin!(async move {
                                    if false {
                                        return ::sqlx_transactional::__private::declared::<
                                            Result<u64, AppError>,
                                        >();
                                    }
                                    '__body: { update(tx, id, title).await }
                                }),
                            )
                            .await
                    };
                    let __ended = __attempts
                        .end::<
                            ::sqlx_transactional::AccessOf<DbTx<'static>>,
                            _,
                        >(__handle, &mut __bounds, __ran)
                        .await;
                    if let ::core::option::Option::Some(__returned) = __ended {
                        break __returned;
                    }
                }
            }
        "#]],
    );
}

#[test]
fn its_limits_follow_in_the_order_they_are_written() {
    check_difference(
        "retry",
        FUNCTION,
        &expect![[r#"
            .retry();
            let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
            loop {
            >(&mut tx, __attempts.options());
            let __ended = __attempts
            .end::<
            .await;
            if let ::core::option::Option::Some(__returned) = __ended {
            break __returned;
        "#]],
    );
    changed(
        "timeout = \"1m\", retry(cap = \"500ms\", attempts = 4294967295, base = \"5ms\", deadline = \"10s\",), savepoint",
        FUNCTION,
        &expect![[r#"
            .timeout(60000u64)
            .retry()
            .cap(500u64)
            .attempts(4294967295u32)
            .base(5u64)
            .deadline(10000u64)
            .savepoint();
        "#]],
    );
}

#[test]
fn the_same_pause_each_time() {
    changed(
        "retry(base = \"5ms\", cap = \"5ms\")",
        FUNCTION,
        &expect![[r#"
        .retry()
        .base(5u64)
        .cap(5u64);
    "#]],
    );
}

#[test]
fn idempotent_is_an_option_of_the_run_time() {
    changed(
        "retry, idempotent",
        FUNCTION,
        &expect![[r#"
        .retry()
        .idempotent();
    "#]],
    );
    check_errors(
        "savepoint, idempotent",
        FUNCTION,
        &expect![[r#"
        idempotent => `idempotent` has no effect without `retry`, because it lets a retry follow an outcome that is not known: write `#[transactional(retry, savepoint, idempotent)]`, or leave `idempotent` out
    "#]],
    );
    check_errors(
        "retry = 5, idempotent",
        FUNCTION,
        &expect![[r#"
        retry = 5 => write `retry` alone, or as in `retry(attempts = 5)`
    "#]],
    );
    check_errors(
        "retry, idempotent = true",
        FUNCTION,
        &expect![[r#"
        = true => `idempotent` takes no value: write `idempotent` alone, or leave it out
    "#]],
    );
}

#[test]
fn with_a_place_the_place_is_made_once() {
    changed(
        "on = app.pool, retry",
        "async fn f(tx: &mut Tx<'_, Db>, State(app): State<App>) -> R { Ok(()) }",
        &expect![[r#"
            async fn f(State(app): State<App>) -> R {
            let __place = &(app.pool);
            let mut __place = ::sqlx_transactional::__private::on(__place).place();
            >(&mut __place, __attempts.options());
            let app = ::sqlx_transactional::__private::again(&app);
        "#]],
    );
}

#[test]
fn with_a_key_and_settings_each_attempt_makes_them_again() {
    changed(
        "retry, key = order.id, settings(\"app.user_id\" = order.user)",
        "async fn f(tx: &mut Tx<'_, Db>, order: Order) -> R { Ok(()) }",
        &expect![[r#"
            order: Order,
            ::sqlx_transactional::__private::set::<
            >(&mut __handle, "app.user_id", &(order.user));
            let __key = ::sqlx_transactional::__private::key(&(order.id));
            let __lent = &mut __handle;
            let order = ::sqlx_transactional::__private::again(&order);
            if let ::core::option::Option::Some(__failed) = ::sqlx_transactional::__private::claim::<
            R,
            >(&mut *__lent, __key)
            {
            return __failed;
            let tx: &mut Tx<'_, Db> = __lent;
        "#]],
    );
}

#[test]
fn with_rules_each_attempt_is_judged() {
    changed(
        "retry, rollback_on(Ok(0)), commit_on(Err(AppError::Full))",
        FUNCTION,
        &expect![[r#"
            let __ran = ::sqlx_transactional::__private::judge::<
            >(
            &mut __handle,
            __ran,
            |__returned: &R| match __returned {
            Ok(0) => ::sqlx_transactional::__private::Verdict::RollBack,
            Err(AppError::Full) => ::sqlx_transactional::__private::Verdict::Commit,
            _ => ::sqlx_transactional::__private::Verdict::Usual,
            },
            );
        "#]],
    );
}
