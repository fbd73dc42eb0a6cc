//! What compiles and what does not, with the exact words of every refusal.
//!
//! The name of a program is its rule. After a change of a message, or a new
//! compiler: `TRYBUILD=overwrite cargo test -p sqlx-transactional-tests --test ui`,
//! and read the difference.

use trybuild::TestCases;

#[test]
fn refused() {
    TestCases::new().compile_fail("ui/fail/*/*.rs");
}

/// Programs that are accepted also run, and assert what they compute. Built
/// rather than checked, so that what only shows in generated code shows here.
#[test]
fn accepted() {
    let programs = TestCases::new();
    programs.pass("ui/pass/*.rs");
    programs.compile_fail("ui/build_fail/*.rs");
}
