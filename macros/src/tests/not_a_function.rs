//! The attribute on something else.

use expect_test::expect;

use super::{check_errors, check_fallback};

#[test]
fn other_items_are_refused_at_the_word_that_names_them() {
    for (item, at) in [
        ("#[derive(Debug)] pub struct fx;", "struct"),
        ("pub(crate) enum E { A }", "enum"),
        ("union U { a: u8 }", "union"),
        ("unsafe impl S { fn f() {} }", "impl"),
        ("trait T { fn f(); }", "trait"),
        ("mod m { fn f() {} }", "mod"),
        ("type F = fn();", "type"),
        ("use a::b;", "use"),
        ("static S: u8 = 1;", "static"),
        ("const C: u8 = 1;", "const C: u8 = 1;"),
        ("|| 1", "|| 1"),
    ] {
        let (_, errors) = super::transactional("", item);
        assert_eq!(
            errors,
            format!(
                "{at} => only a function can be a transaction: put `#[transactional]` on each \
                 `async fn` that is one\n"
            )
        );
    }
}

#[test]
fn the_item_is_emitted_as_it_was_written() {
    check_fallback(
        "",
        "pub struct S { a: u8 }",
        &expect![[r#"
        pub struct S {
            a: u8,
        }
    "#]],
    );
}

#[test]
fn a_function_that_cannot_be_read_gives_the_parsers_error() {
    check_errors(
        "",
        "async fn f(tx: &mut Tx<'_, Db>,, a: u8) -> R { Ok(()) }",
        &expect![[r#"
            , => expected one of: identifier, `::`, `<`, `_`, literal, `const`, `ref`, `mut`, `&`, parentheses, square brackets, `..`, `const`
        "#]],
    );
    check_errors(
        "",
        "async fn f(tx: &mut Tx<'_, Db>) -> R = 3;",
        &expect![[r#"
            = => expected the body of a function
        "#]],
    );
}
