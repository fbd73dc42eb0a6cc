//! `retry`: the body can run again.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, FnArg, PatIdent, PatType, Receiver, ReceiverKind, Signature, Type, spanned::Spanned,
};

use crate::{errors::Errors, expand::is_lint_level, options::Options};

/// Refuses a receiver that is not there, or not the same, for a second attempt.
pub(crate) fn receiver(receiver: &Receiver, errors: &Errors) {
    let lent = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => Some(mutability),
        ReceiverKind::Typed(_, ty) => match &**ty {
            Type::Reference(reference) => Some(&reference.mutability),
            _ => None,
        },
        _ => None,
    };
    let found = match lent {
        Some(None) => return,
        Some(_) => "find in `self` what the first attempt left there",
        None => "find no `self`, because the first attempt took it",
    };
    errors.say(receiver, "receiver", &[&found]);
}

/// Makes the parameters beside the transaction into what an attempt borrows,
/// and writes the clones that it gets. What is said of a variable in the body,
/// `mut` for one, moves to them.
pub(crate) fn lend(sig: &mut Signature, transaction: usize, options: &Options) -> TokenStream {
    let inputs = sig.inputs.iter_mut().enumerate();
    let others = inputs.filter(|(index, _)| *index != transaction);
    let clones = others.map(|(_, input)| match input {
        FnArg::Typed(parameter) => clones(parameter, options),
        FnArg::Receiver(_) => TokenStream::new(),
    });
    clones.collect()
}

// Output:
//     let mut title = again(&title);
//
// It is the variables that are cloned, and not what a pattern takes apart,
// because `on`, `settings` and `key` can mean them too.
fn clones(parameter: &mut PatType, options: &Options) -> TokenStream {
    struct Variables(Vec<PatIdent>);
    impl VisitMut for Variables {
        fn visit_pat_ident_mut(&mut self, variable: &mut PatIdent) {
            self.0.push(variable.clone());
            // That of `ref mut` is about what the variable refers to.
            variable.mutability.take_if(|_| variable.by_ref.is_none());
            visit_mut::visit_pat_ident_mut(self, variable);
        }
    }
    let mut variables = Variables(Vec::new());
    variables.visit_pat_mut(&mut parameter.pat);
    let is_inner = |attr: &&Attribute| is_lint_level(attr) || attr.path().is_ident("cfg");
    let attrs: Vec<_> = parameter.attrs.iter().filter(is_inner).cloned().collect();
    parameter.attrs.retain(|attr| !is_lint_level(attr));
    // A type that cannot be cloned is to be found in the signature.
    let at = parameter.ty.span();
    let krate = options.krate(at);
    let clones = variables.0.iter().map(|PatIdent { by_ref, mutability, ident, .. }| {
        let mut located = ident.clone();
        located.set_span(ident.span().located_at(at));
        let mutability = mutability.filter(|_| by_ref.is_none());
        quote_spanned!(at=> #(#attrs)* let #mutability #ident = #krate::__private::again(&#located);)
    });
    clones.collect()
}
