//! Options that are wrong.

use expect_test::{Expect, expect};

use super::{FUNCTION, check_errors, check_fallback, transactional};

#[track_caller]
fn refused(options: &str, expected: &Expect) {
    check_errors(options, FUNCTION, expected);
}

#[test]
fn an_unknown_name() {
    refused(
        "frobnicate = 3",
        &expect![[r#"
            frobnicate => unknown option `frobnicate`: the options are `on`, `savepoint`, `outermost`, `isolation`, `deferrable`, `immediate`, `deferred`, `exclusive`, `timeout`, `statement_timeout`, `lock_timeout`, `idle_timeout`, `settings`, `retry`, `idempotent`, `commit_on`, `rollback_on`, `key`, `resolvable`, `name` and `crate`
        "#]],
    );
}

#[test]
fn a_misspelled_name() {
    refused(
        "save_point",
        &expect![[r#"
        save_point => unknown option `save_point`: did you mean `savepoint`?
    "#]],
    );
    refused(
        "Savepoint",
        &expect![[r#"
        Savepoint => unknown option `Savepoint`: did you mean `savepoint`?
    "#]],
    );
    refused(
        "outmost",
        &expect![[r#"
        outmost => unknown option `outmost`: did you mean `outermost`?
    "#]],
    );
    refused(
        "nmae = \"x\"",
        &expect![[r#"
        nmae => unknown option `nmae`: did you mean `name`?
    "#]],
    );
    refused(
        "no = pool",
        &expect![[r#"
        no => unknown option `no`: did you mean `on`?
    "#]],
    );
    refused(
        "isolaton = serializable",
        &expect![[r#"
        isolaton => unknown option `isolaton`: did you mean `isolation`?
    "#]],
    );
    refused(
        "deferable",
        &expect![[r#"
        deferable => unknown option `deferable`: did you mean `deferrable`?
    "#]],
    );
    refused(
        "deffered",
        &expect![[r#"
        deffered => unknown option `deffered`: did you mean `deferred`?
    "#]],
    );
    refused(
        "setting_s",
        &expect![[r#"
        setting_s => unknown option `setting_s`: did you mean `settings`?
    "#]],
    );
    refused(
        "retry_",
        &expect![[r#"
        retry_ => unknown option `retry_`: did you mean `retry`?
    "#]],
    );
    refused(
        "commitOn(Err(_))",
        &expect![[r#"
        commitOn => unknown option `commitOn`: did you mean `commit_on`?
    "#]],
    );
    refused(
        "rollback_in(Err(_))",
        &expect![[r#"
        rollback_in => unknown option `rollback_in`: did you mean `rollback_on`?
    "#]],
    );
    refused(
        "krate = ::x",
        &expect![[r#"
        krate => unknown option `krate`: did you mean `crate`?
    "#]],
    );
}

#[test]
fn a_second_time() {
    refused(
        "savepoint, savepoint",
        &expect![[r#"
        savepoint => `savepoint` is given twice: remove one
    "#]],
    );
    refused(
        "outermost, outermost",
        &expect![[r#"
        outermost => `outermost` is given twice: remove one
    "#]],
    );
    refused(
        "name = \"a\", name = \"b\"",
        &expect![[r#"
        name => `name` is given twice: remove one
    "#]],
    );
    refused(
        "on = a, on = b",
        &expect![[r#"
        on => `on` is given twice: remove one
    "#]],
    );
    refused(
        "crate = ::a, crate = ::b",
        &expect![[r#"
        crate => `crate` is given twice: remove one
    "#]],
    );
}

#[test]
fn a_value_that_does_not_belong() {
    refused(
        "savepoint = true",
        &expect![[r#"
        = true => `savepoint` takes no value: write `savepoint` alone, or leave it out
    "#]],
    );
    refused(
        "savepoint = false",
        &expect![[r#"
        = false => `savepoint` takes no value: write `savepoint` alone, or leave it out
    "#]],
    );
    refused(
        "outermost(always)",
        &expect![[r#"
        (always) => `outermost` takes no value: write `outermost` alone, or leave it out
    "#]],
    );
}

#[test]
fn a_missing_value() {
    refused(
        "on",
        &expect![[r#"
        on => write a value: `on = self.pool`
    "#]],
    );
    refused(
        "on =",
        &expect![[r#"
        = => write a value: `on = self.pool`
    "#]],
    );
    refused(
        "on(self.pool)",
        &expect![[r#"
        on => write a value: `on = self.pool`
    "#]],
    );
    refused(
        "name",
        &expect![[r#"
        name => write a value: `name = "transfer"`
    "#]],
    );
    refused(
        "name =, savepoint",
        &expect![[r#"
        = => write a value: `name = "transfer"`
    "#]],
    );
    refused(
        "crate",
        &expect![[r#"
        crate => write a value: `crate = ::sqlx_transactional`
    "#]],
    );
}

#[test]
fn a_name_that_is_no_string_or_says_nothing() {
    refused(
        "name = transfer",
        &expect![[r#"
        transfer => write the name in quotes
    "#]],
    );
    refused(
        "name = \"\"",
        &expect![[r#"
        "" => an empty name says nothing in a trace: write one, or leave `name` out to get the path of the function
    "#]],
    );
}

#[test]
fn something_between_two_options() {
    refused(
        "on = a b, savepoint",
        &expect![[r#"
        b => expected `,` and the next option
    "#]],
    );
    refused(
        "name = \"a\" \"b\"",
        &expect![[r#"
        "b" => expected `,` and the next option
    "#]],
    );
}

#[test]
fn the_place_to_begin_without_its_name() {
    refused(
        "self.pool",
        &expect![[r#"
        self.pool => expected the name of an option; to begin the transaction here, write `on = self.pool`
    "#]],
    );
    refused(
        "pool.clone(), savepoint",
        &expect![[r#"
        pool.clone() => expected the name of an option; to begin the transaction here, write `on = pool.clone()`
    "#]],
    );
    refused(
        "crate::POOL",
        &expect![[r#"
        crate::POOL => expected the name of an option; to begin the transaction here, write `on = crate::POOL`
    "#]],
    );
    refused(
        "&pool",
        &expect![[r#"
        &pool => expected the name of an option; to begin the transaction here, write `on = &pool`
    "#]],
    );
    refused(
        "\"transfer\"",
        &expect![[r#"
            "transfer" => expected an option; they are `on`, `savepoint`, `outermost`, `isolation`, `deferrable`, `immediate`, `deferred`, `exclusive`, `timeout`, `statement_timeout`, `lock_timeout`, `idle_timeout`, `settings`, `retry`, `idempotent`, `commit_on`, `rollback_on`, `key`, `resolvable`, `name` and `crate`
        "#]],
    );
    refused(
        "=> x",
        &expect![[r#"
            => x => expected an option; they are `on`, `savepoint`, `outermost`, `isolation`, `deferrable`, `immediate`, `deferred`, `exclusive`, `timeout`, `statement_timeout`, `lock_timeout`, `idle_timeout`, `settings`, `retry`, `idempotent`, `commit_on`, `rollback_on`, `key`, `resolvable`, `name` and `crate`
        "#]],
    );
}

#[test]
fn savepoint_and_on() {
    refused(
        "on = self.pool, savepoint, name = \"a\"",
        &expect![[r#"
        savepoint => `savepoint` conflicts with `on`: such a function begins a transaction of its own, so there is none to set a savepoint in; write `#[transactional(on = self.pool, name = "a")]`, or `#[transactional(savepoint, name = "a")]` to run inside the caller's
    "#]],
    );
}

#[test]
fn savepoint_and_outermost() {
    refused(
        "savepoint, outermost",
        &expect![[r#"
        savepoint => `savepoint` conflicts with `outermost`: such a function is never called inside a transaction, so there is none to set a savepoint in; write `#[transactional(outermost)]`, or `#[transactional(savepoint)]` to run inside the caller's
    "#]],
    );
    refused(
        "savepoint, outermost, on = pool",
        &expect![[r#"
        savepoint => `savepoint` conflicts with `on`: such a function begins a transaction of its own, so there is none to set a savepoint in; write `#[transactional(outermost, on = pool)]`, or `#[transactional(savepoint)]` to run inside the caller's
    "#]],
    );
}

#[test]
fn the_function_is_emitted_as_if_the_option_were_absent() {
    let (function, errors) = transactional("savepoint = true, propagation = nested", FUNCTION);
    assert_eq!(errors.lines().count(), 2);
    let (plain, _) = transactional("", FUNCTION);
    assert_eq!(function.to_string(), plain.to_string());
}

#[test]
fn without_a_place_that_can_be_read_the_parameter_is_taken_out_all_the_same() {
    check_fallback(
        "on = ",
        FUNCTION,
        &expect![[r#"
        async fn f() -> R {
            let tx: &mut Tx<'_, Db> = ::sqlx_transactional::__private::declared();
            '__body: { Ok(()) }
        }
    "#]],
    );
}
