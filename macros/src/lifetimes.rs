//! Lifetimes in the type of the handle.

use std::{collections::BTreeSet, mem};

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    GenericParam, Ident, Lifetime, ParenthesizedGenericArguments, Signature, TraitBound, Type,
    TypeFnPtr, TypeReference,
    visit_mut::{self, VisitMut},
};

/// The handle's type as the signature names it: every lifetime `'static`, so
/// that the access type behind it depends on none. A lifetime that stayed would
/// make the future "not general enough" for `tokio::spawn`.
pub(crate) fn fixed(handle: &Type) -> Type {
    replaced(handle, "'static")
}

/// The handle's type as the body names it: every lifetime is the compiler's to
/// find, because the handle is a local of the new function.
pub(crate) fn inferred(handle: &Type) -> Type {
    replaced(handle, "'_")
}

fn replaced(handle: &Type, by: &'static str) -> Type {
    let mut handle = handle.clone();
    Replace { by }.visit_type_mut(&mut handle);
    handle
}

struct Replace {
    by: &'static str,
}

impl VisitMut for Replace {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        *lifetime = Lifetime::new(self.by, lifetime.span());
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let span = reference.and_token.span;
        reference
            .lifetime
            .get_or_insert_with(|| Lifetime::new(self.by, span));
        visit_mut::visit_type_reference_mut(self, reference);
    }

    // In these three a lifetime can be bound where it stands (`for<'a> ..`, or
    // by being left out), and that one is not the handle's.
    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {
    }

    fn visit_trait_bound_mut(&mut self, bound: &mut TraitBound) {
        if bound.lifetimes.is_none() {
            visit_mut::visit_trait_bound_mut(self, bound);
        }
    }
}

/// Takes out the lifetime parameters that only the input at `index` uses;
/// clippy would call them unused in the rewritten signature.
///
/// `body` is whatever else may name them.
pub(crate) fn remove_orphans(sig: &mut Signature, index: usize, body: TokenStream) {
    let Some(input) = sig.inputs.get(index) else {
        return;
    };
    let suspects = named(input.to_token_stream());
    let others = sig.inputs.iter().enumerate();
    let others = others.filter_map(|(at, input)| (at != index).then_some(input));
    let (output, clause) = (&sig.output, &sig.generics.where_clause);
    let mut used = named(quote!(#(#others)* #output #clause));
    used.append(&mut named(body));
    for param in &sig.generics.params {
        used.append(&mut match param {
            GenericParam::Lifetime(param) => named(param.bounds.to_token_stream()),
            other => named(other.to_token_stream()),
        });
    }
    let params = mem::take(&mut sig.generics.params).into_iter();
    let is_orphan = |name: &Ident| suspects.contains(name) && !used.contains(name);
    sig.generics.params = params
        .filter(|param| match param {
            GenericParam::Lifetime(param) => !is_orphan(&param.lifetime.ident),
            _ => true,
        })
        .collect();
}

/// The names of all lifetimes (and labels) in `tokens`, at any depth.
fn named(tokens: TokenStream) -> BTreeSet<Ident> {
    let mut names = BTreeSet::new();
    let mut quoted = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => names.append(&mut named(group.stream())),
            TokenTree::Ident(ident) if quoted => {
                names.insert(ident);
            }
            TokenTree::Punct(punct) => {
                quoted = punct.as_char() == '\'';
                continue;
            }
            _ => {}
        }
        quoted = false;
    }
    names
}
