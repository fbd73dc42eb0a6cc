//! Retries that are wrong.

use expect_test::{Expect, expect};

use super::{FUNCTION, check_errors, check_fallback};

#[track_caller]
fn refused(options: &str, expected: &Expect) {
    check_errors(options, FUNCTION, expected);
}

#[test]
fn something_else_than_parentheses() {
    refused(
        "retry = 5",
        &expect![[r#"
        retry = 5 => write `retry` alone, or as in `retry(attempts = 5)`
    "#]],
    );
    refused(
        "retry()",
        &expect![[r#"
        retry() => write `retry` alone, or as in `retry(attempts = 5)`
    "#]],
    );
    refused(
        "retry(5)",
        &expect![[r#"
        5 => expected an option; they are `attempts`, `deadline`, `base` and `cap`
    "#]],
    );
    refused(
        "retry, retry",
        &expect![[r#"
        retry => `retry` is given twice: remove one
    "#]],
    );
}

#[test]
fn attempts_that_are_no_number_of_them() {
    refused(
        "retry(attempts = 0)",
        &expect![[r#"
        0 => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = 4294967296)",
        &expect![[r#"
        4294967296 => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = -1)",
        &expect![[r#"
        -1 => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = \"5\")",
        &expect![[r#"
        "5" => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = MAX)",
        &expect![[r#"
        MAX => write a number from 1, which means no retry, to 4294967295
    "#]],
    );
    refused(
        "retry(attempts = 2 + 3)",
        &expect![[r#"
        + => expected `,` and the next option
    "#]],
    );
    refused(
        "retry(attempts)",
        &expect![[r#"
        attempts => write a value: `attempts = 5`
    "#]],
    );
    refused(
        "retry(attempts = )",
        &expect![[r#"
        = => write a value: `attempts = 5`
    "#]],
    );
}

#[test]
fn times_that_are_none() {
    refused(
        "retry(deadline = 10, base = \"5\", cap = \"0s\")",
        &expect![[r#"
        10 => write a time in quotes: "250ms", "5s", "1m" or "2h"
        "5" => write a time in quotes: "250ms", "5s", "1m" or "2h"
        "0s" => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
}

#[test]
fn a_first_pause_that_is_longer_than_the_longest() {
    refused(
        "retry(base = \"1s\", deadline = \"1m\", cap = \"500ms\")",
        &expect![[r#"
        base => `base` limits the first pause and `cap` all of them: `base` cannot be the longer
    "#]],
    );
    refused(
        "retry(cap = \"900ms\", base = \"1s\")",
        &expect![[r#"
        base => `base` limits the first pause and `cap` all of them: `base` cannot be the longer
    "#]],
    );
}

#[test]
fn a_part_twice() {
    refused(
        "retry(attempts = 5, attempts = 6)",
        &expect![[r#"
        attempts => `attempts` is given twice: remove one
    "#]],
    );
}

#[test]
fn a_part_that_there_is_not() {
    refused(
        "retry(times = 5, attempt = 3, max_attempts = 7, savepoint, timeout = \"5s\")",
        &expect![[r#"
            times => unknown option `times`: the options are `attempts`, `deadline`, `base` and `cap`
            attempt => unknown option `attempt`: did you mean `attempts`?
            max_attempts => unknown option `max_attempts`: write `retry`, or with any of its limits `retry(attempts = 5, deadline = "10s", base = "5ms", cap = "500ms")`; what is retried is what the engine asks to have retried
            savepoint => unknown option `savepoint`: the options are `attempts`, `deadline`, `base` and `cap`
            timeout => unknown option `timeout`: the options are `attempts`, `deadline`, `base` and `cap`
        "#]],
    );
}

#[test]
fn the_parts_that_are_right_are_kept() {
    check_fallback(
        "retry(attempts = 0, cap = \"1s\")",
        FUNCTION,
        &expect![[r#"
            async fn f(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
            ) -> R {
                let __options = ::sqlx_transactional::__private::Options::new(
                        ::core::concat!(::core::module_path!(), "::f"),
                    )
                    .retry()
                    .cap(1000u64);
                let mut __attempts = ::sqlx_transactional::__private::Attempts::new(__options);
                loop {
                    let mut __handle = ::sqlx_transactional::__private::begin::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                        _,
                    >(&mut tx, __attempts.options());
                    let mut __bounds = ::sqlx_transactional::__private::bounds::<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >(&mut __handle, __options);
                    let __ran = {
                        let tx: &mut Tx<'_, Db> = &mut __handle;
                        ::sqlx_transactional::__private::run(
                                &mut __bounds,
                                ::core::pin::pin!(async move {
                                    if false {
                                        return ::sqlx_transactional::__private::declared::<R>();
                                    }
                                    '__body: { Ok(()) }
                                }),
                            )
                            .await
                    };
                    let __ended = __attempts
                        .end::<
                            ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
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
