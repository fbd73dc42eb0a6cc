//! `#[transactional(name = "..")]`, and the name without it.

use expect_test::expect;

use super::{FUNCTION, check_difference};

#[test]
fn the_literal_replaces_the_path_of_the_function() {
    check_difference(
        "name = \"transfer\"",
        FUNCTION,
        &expect![[r#"
            let __options = ::sqlx_transactional::__private::Options::new("transfer");
        "#]],
    );
    check_difference(
        "name = r\"a \\ path\"",
        FUNCTION,
        &expect![[r#"
            let __options = ::sqlx_transactional::__private::Options::new(r"a \ path");
        "#]],
    );
}

#[test]
fn a_raw_identifier_is_named_without_its_prefix() {
    check_difference(
        "",
        "async fn r#move(tx: &mut Tx<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            async fn r#move(
            ::core::concat!(::core::module_path!(), "::move"),
        "#]],
    );
}
