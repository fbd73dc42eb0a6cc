//! Where the expansion finds the runtime crate.

use proc_macro2::Span;
use syn::{Error, Ident, Path, parse::ParseStream};

use crate::errors::typed;

/// The path used when the user names none.
pub(crate) fn default(span: Span) -> Path {
    let mut path = Path::from(Ident::new("sqlx_transactional", span));
    path.leading_colon = Some(syn::Token![::](span));
    path
}

/// Reads the value of `crate = ::path`.
///
/// A relative path is refused: it would name another thing in another module,
/// and the attribute is often written by a macro that does not know where.
pub(crate) fn parse(input: ParseStream<'_>) -> syn::Result<Path> {
    if let Ok(text) = input.fork().parse::<syn::LitStr>() {
        let message = format!(
            "a path is written without quotes: `crate = {}`",
            text.value()
        );
        return Err(input.error(message));
    }
    let path = input.call(Path::parse_mod_style)?;
    let first = &path.segments[0].ident;
    if path.leading_colon.is_some() || first == "crate" || first == "$crate" {
        return Ok(path);
    }
    let written = typed(&path);
    let message = format!(
        "the path must be absolute, so that it means the same crate in every module: \
         `crate = ::{written}`, or `crate = crate::{written}` for a re-export of your own"
    );
    Err(Error::new_spanned(path, message))
}
