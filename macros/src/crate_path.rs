//! Where the expansion finds the runtime crate.

use syn::{LitStr, Path, Result, parse::ParseStream};

use crate::errors::{ensure, typed, wrong};

/// Reads the value of `crate = ::path`.
///
/// A relative path would name another thing in another module, and a macro that
/// writes the attribute does not know which module that is.
pub(crate) fn parse(input: ParseStream<'_>) -> Result<Path> {
    if let Ok(text) = input.fork().parse::<LitStr>() {
        return Err(wrong(&text, "path in quotes", &[&text.value()]));
    }
    let path = input.call(Path::parse_mod_style)?;
    let first = &path.segments[0].ident;
    let is_absolute = path.leading_colon.is_some() || first == "crate" || first == "$crate";
    let written = typed(&path);
    let written = written.trim_start_matches("self::").trim_start_matches("super::");
    ensure(is_absolute, &path, "relative path", &[&written, &written])?;
    Ok(path)
}
