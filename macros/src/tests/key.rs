//! `#[transactional(key = expr)]` and `resolvable`.

use expect_test::expect;

use super::{FUNCTION, check_difference, check_errors};

#[test]
fn the_key_is_made_before_the_body_and_written_before_its_statements() {
    check_difference(
        "key = order.id",
        FUNCTION,
        &expect![[r#"
            let __key = ::sqlx_transactional::__private::key(&(order.id));
            let __lent = &mut __handle;
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
fn what_can_be_resolved_is_an_option_of_the_run_time() {
    check_difference(
        "resolvable",
        FUNCTION,
        &expect![[r#"
            .resolvable::<::sqlx_transactional::AccessOf<Tx<'static, Db>>>();
        "#]],
    );
}

#[test]
fn a_key_without_a_value() {
    check_errors(
        "key",
        FUNCTION,
        &expect![[r#"
        key => write a value: `key = order.id`
    "#]],
    );
    check_errors(
        "key = ",
        FUNCTION,
        &expect![[r#"
        = => write a value: `key = order.id`
    "#]],
    );
}
