//! `#[transactional(outermost)]`.

use expect_test::expect;

use super::{FUNCTION, check_difference};

#[test]
fn the_bound_of_the_parameter_is_the_narrower_one() {
    check_difference(
        "outermost",
        FUNCTION,
        &expect![[r#"
        mut tx: impl ::sqlx_transactional::Outermost<
    "#]],
    );
}
