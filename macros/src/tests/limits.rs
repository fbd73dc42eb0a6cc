//! The time limits.

use expect_test::{Expect, expect};

use super::{FUNCTION, check_difference, check_errors};

#[test]
fn they_are_milliseconds_in_the_order_they_are_written() {
    check_difference(
        "lock_timeout = \"250ms\", timeout = \"5s\", statement_timeout = \"1m\"",
        FUNCTION,
        &expect![[r#"
            .lock_timeout(250u64)
            .timeout(5000u64)
            .statement_timeout(60000u64);
        "#]],
    );
}

#[test]
fn the_pause_asks_for_a_database_that_can() {
    check_difference(
        "idle_timeout = \"2h\"",
        FUNCTION,
        &expect![[r#"
        .idle_timeout::<
        <::sqlx_transactional::AccessOf<
        Tx<'static, Db>,
        > as ::sqlx_transactional::Access>::Database,
        >(7200000u64);
    "#]],
    );
}

#[track_caller]
fn refused(value: &str, expected: &Expect) {
    check_errors(&format!("timeout = {value}"), FUNCTION, expected);
}

#[test]
fn a_time_that_cannot_be_read() {
    refused(
        "5",
        &expect![[r#"
        5 => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
    refused(
        "LIMIT",
        &expect![[r#"
        LIMIT => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
    refused(
        "\"5\"",
        &expect![[r#"
        "5" => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
    refused(
        "\"s\"",
        &expect![[r#"
        "s" => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
    refused(
        "\"5 s\"",
        &expect![[r#"
        "5 s" => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
    refused(
        "\"5sec\"",
        &expect![[r#"
        "5sec" => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
    refused(
        "\"0s\"",
        &expect![[r#"
        "0s" => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
    refused(
        "\"1.5s\"",
        &expect![[r#"
        "1.5s" => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
    refused(
        "\"99999999999s\"",
        &expect![[r#"
        "99999999999s" => write a time in quotes: "250ms", "5s", "1m" or "2h"
    "#]],
    );
}

#[test]
fn the_same_twice() {
    refused(
        "\"5s\", timeout = \"6s\"",
        &expect![[r#"
        timeout => `timeout` is given twice: remove one
    "#]],
    );
}
