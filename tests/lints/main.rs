//! What the attribute writes is as clean as the code it was made from.
//!
//! Every lint that a user could have turned on is forbidden here, of the
//! compiler and, when clippy looks at this target, of clippy: a forbidden lint
//! cannot even be allowed by what a macro writes. That lints do see through the
//! attribute is what the programs `ui/fail/body/denied_*.rs` show.
#![forbid(
    warnings,
    unused,
    nonstandard_style,
    let_underscore,
    refining_impl_trait,
    future_incompatible,
    keyword_idents,
    rust_2018_idioms,
    rust_2021_compatibility,
    rust_2024_compatibility,
    absolute_paths_not_starting_with_crate,
    ambiguous_negative_literals,
    dead_code,
    deprecated_in_future,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    impl_trait_redundant_captures,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    non_ascii_idents,
    redundant_imports,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unsafe_code,
    unused_extern_crates,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]
#![forbid(
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::as_conversions,
    clippy::as_underscore,
    clippy::clone_on_ref_ptr,
    clippy::dbg_macro,
    clippy::default_numeric_fallback,
    clippy::empty_drop,
    clippy::exit,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::infinite_loop,
    clippy::let_underscore_must_use,
    clippy::let_underscore_untyped,
    clippy::mem_forget,
    clippy::panic,
    clippy::redundant_type_annotations,
    clippy::ref_patterns,
    clippy::same_name_method,
    clippy::semicolon_inside_block,
    clippy::todo,
    clippy::undocumented_unsafe_blocks,
    clippy::unimplemented,
    clippy::unnecessary_self_imports,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::used_underscore_binding,
    clippy::wildcard_enum_match_arm
)]

pub mod forbidden;
pub mod reachable;

use sqlx::Sqlite;
use sqlx_transactional::pool;
use tokio::runtime::Builder;

/// Not `#[tokio::test]`, because what that writes allows some lints.
#[test]
fn clean_code_runs() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let pool = pool::connect::<Sqlite>("sqlite::memory:").await?;
        let notes = forbidden::Notes::new(pool.clone());
        assert_eq!(forbidden::everything(&pool, &notes).await?, 17);
        assert_eq!(forbidden::injected(&pool).await?, 1);
        assert_eq!(reachable::load(&pool).await?, 1);
        Ok(())
    })
}
