//! The `#[transactional]` attribute of the crate `sqlx-transactional`, which
//! re-exports and documents it. Depend on that crate, never on this one.
//!
//! The stages, in the order a call passes them: [`options`] and [`function`]
//! read what the user wrote, [`validate`] finds what is wrong with it,
//! [`expand`] writes the new function, [`errors`] carries every complaint to
//! the end.

use proc_macro::TokenStream;

mod crate_path;
mod errors;
mod expand;
mod function;
mod lifetimes;
mod options;
#[cfg(test)]
mod tests;
mod validate;
mod words;

/// Makes an async function a transaction; documented where it is re-exported,
/// as `sqlx_transactional::transactional`.
#[proc_macro_attribute]
pub fn transactional(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(options.into(), item.into()).into()
}
