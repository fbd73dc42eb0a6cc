//! Lifetimes in the type of the handle.

use std::mem;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    GenericParam, Ident, Lifetime, Signature, Type, TypeReference,
    visit_mut::{self, VisitMut},
};

/// `handle` with `name` in place of every lifetime.
///
/// The signature names the handle with `'static`, so that the access type behind
/// it depends on no lifetime; one that stayed would make the future "not general
/// enough" for `tokio::spawn`. The body names it with `'_`, because there the
/// handle is a local of the new function.
pub(crate) fn replaced(handle: &Type, name: &'static str) -> Type {
    let mut handle = handle.clone();
    Replace(name).visit_type_mut(&mut handle);
    handle
}

struct Replace(&'static str);

impl VisitMut for Replace {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        *lifetime = Lifetime::new(self.0, lifetime.span());
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let elided = Lifetime::new(self.0, reference.and_token.span);
        reference.lifetime.get_or_insert(elided);
        visit_mut::visit_type_reference_mut(self, reference);
    }
}

/// Takes out the lifetime parameters that only the input at `index` uses, which
/// clippy would call unused in the rewritten signature. `body` may name them too.
pub(crate) fn remove_orphans(sig: &mut Signature, index: usize, body: &TokenStream) {
    let (mut own, mut all) = (Vec::new(), Vec::new());
    collect(sig.inputs[index].to_token_stream(), &mut own);
    collect(quote!(#sig #body), &mut all);
    let is_orphan = |param: &GenericParam| match param {
        GenericParam::Lifetime(param) => {
            let name = &param.lifetime.ident;
            let [own, all] = [&own, &all].map(|names| names.iter().filter(|n| *n == name).count());
            // The one that is left is the parameter itself.
            own > 0 && all == own + 1
        }
        _ => false,
    };
    let params = mem::take(&mut sig.generics.params).into_iter();
    sig.generics.params = params.filter(|param| !is_orphan(param)).collect();
}

/// Adds the names of all lifetimes (and labels) in `tokens`.
fn collect(tokens: TokenStream, names: &mut Vec<Ident>) {
    let mut after_quote = false;
    for token in tokens {
        let is_quote = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
        match token {
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Ident(name) if after_quote => names.push(name),
            _ => {}
        }
        after_quote = is_quote;
    }
}
