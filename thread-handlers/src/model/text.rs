//! The rules for a client's texts.

use super::Invalid;

/// Refuses the one character that not every database can store.
pub(super) fn without_nul(field: &'static str, text: &str) -> Result<(), Invalid> {
    if text.contains('\0') {
        return Err(Invalid::Nul { field });
    }
    Ok(())
}
