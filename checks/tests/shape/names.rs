//! Functions with their lengths.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, ImplItemFn, ItemFn, Meta, Signature, Stmt};

/// Functions of more lines than this, but those that are one list.
pub(crate) fn long_functions(text: &str, limit: usize) -> Vec<(String, usize)> {
    let parsed = syn::parse_file(text).expect("a source file is Rust");
    let mut reader = Reader { limit, found: Vec::new() };
    reader.visit_file(&parsed);
    reader.found
}

struct Reader {
    limit: usize,
    found: Vec<(String, usize)>,
}

impl Reader {
    fn look(&mut self, attributes: &[Attribute], signature: &Signature, block: &Block) {
        let lines = block.span().end().line - signature.span().start().line + 1;
        if lines > self.limit && !is_list(block) && !is_table(attributes) {
            self.found.push((signature.ident.to_string(), lines));
        }
    }
}

/// Whether a function's body ends in one expression that lists things: a match, an array, `vec!`.
fn is_list(block: &Block) -> bool {
    let lists = |expression: &Expr| {
        matches!(expression, Expr::Match(_) | Expr::Array(_) | Expr::Macro(_) | Expr::Struct(_))
    };
    let last = match block.stmts.last() {
        Some(Stmt::Expr(last, None)) => last,
        _ => return false,
    };
    let length = |span: Span| span.end().line - span.start().line;
    let most = 2 * length(last.span()) > length(block.span());
    most && match last {
        Expr::Call(call) => call.args.iter().any(lists),
        other => lists(other),
    }
}

/// Whether a function says of itself that it is long, as a table.
fn is_table(attributes: &[Attribute]) -> bool {
    let text = |attribute: &Attribute| match &attribute.meta {
        Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    };
    attributes.iter().any(|attribute| text(attribute).contains("too_many_lines"))
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.look(&item.attrs, &item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.look(&item.attrs, &item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}
