//! Whose a path is that no operation has: this decides in which dialect it is refused, and which second key it needs.

use std::sync::Arc;

use crate::thales::{Operation, Product};

/// Base paths and the products below them.
#[derive(Clone, Debug)]
pub(super) struct Attribution {
    /// As [`collapsed`] has them, the longest first. `None` = of several products, and so of none.
    bases: Vec<(String, Option<Product>)>,
}

impl Attribution {
    pub(super) fn of(operations: &[Arc<Operation>]) -> Self {
        let mut bases: Vec<(String, Option<Product>)> = Vec::new();
        for operation in operations.iter().filter(|operation| !operation.base_path.is_empty()) {
            let base = collapsed(&operation.base_path);
            match bases.iter_mut().find(|(other, _)| *other == base) {
                Some((_, product)) => *product = product.filter(|&product| product == operation.product),
                None => bases.push((base, Some(operation.product))),
            }
        }
        bases.sort_by_key(|(base, _)| std::cmp::Reverse(base.len()));
        Self { bases }
    }

    /// The product below whose base path `collapsed` lies.
    pub(super) fn product(&self, collapsed: &str) -> Option<Product> {
        self.bases
            .iter()
            .find(|(base, _)| {
                collapsed.strip_prefix(base.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .and_then(|&(_, product)| product)
    }
}

/// `path` as servers read it that are less strict: in lower case, without path parameters (RFC 3986 section 3.3), with one slash for
/// every row of slashes, backslashes and encodings of either. Most such paths are refused; this is what they were probably meant to be.
pub(super) fn collapsed(path: &str) -> String {
    let lower =
        path.to_ascii_lowercase().replace("%2f", "/").replace("%5c", "/").replace('\\', "/").replace("%3b", ";");
    let mut collapsed = String::with_capacity(lower.len());
    let mut in_parameters = false;
    for character in lower.chars() {
        match character {
            '/' => {
                in_parameters = false;
                if !collapsed.ends_with('/') {
                    collapsed.push('/');
                }
            }
            ';' => in_parameters = true,
            _ if in_parameters => {}
            _ => collapsed.push(character),
        }
    }
    collapsed
}
