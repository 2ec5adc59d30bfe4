//! Which operations are called.

use std::sync::Arc;

use super::Arguments;
use crate::cli::names::{Names, product};
use crate::nearest::nearest;
use crate::thales::routes::RouteOptions;
use crate::thales::{Catalogue, Operation, Product, Routes};

/// What --all is about.
#[derive(Clone, Debug)]
pub(super) struct Products(Vec<Product>);

/// The word for every product.
const ALL: &str = "all";

/// The names that --all takes: those of the products, and one for all of them.
pub(super) fn products_or_all() -> Names<Products> {
    Names::new([ALL].into_iter().chain(Product::ALL.map(Product::name)), |name| match name {
        ALL => Ok(Products(Product::ALL.to_vec())),
        name => product(name).map(|product| Products(vec![product])),
    })
}

/// The operations that the arguments are about.
///
/// # Errors
/// When they name none, or contradict each other.
pub(super) fn of(arguments: &Arguments) -> Result<Vec<Arc<Operation>>, String> {
    // clap asks for no argument that contradicts one that is there.
    if arguments.hostile && arguments.all.is_none() {
        return Err("--hostile goes with --all PRODUCT".to_owned());
    }
    let of = |product: Product| of_product(product, arguments.base_path.as_deref());
    match (&arguments.all, arguments.product) {
        (Some(Products(products)), _) => {
            if arguments.base_path.is_some() && products.len() > 1 {
                return Err("--base-path is that of one product: name it with --all".to_owned());
            }
            Ok(products.iter().map(|&product| of(product)).collect::<Result<Vec<_>, _>>()?.concat())
        }
        (None, None) => Err("name a product and an operation, or write --all PRODUCT".to_owned()),
        (None, Some(product)) => {
            let known = of(product)?;
            let names = || known.iter().map(|operation| operation.name.as_str());
            let list = || names().collect::<Vec<_>>().join(", ");
            let Some(name) = &arguments.operation else {
                return Err(format!("name an operation of {product} ({}), or write --all {product}", list()));
            };
            match known.iter().find(|operation| operation.name.eq_ignore_ascii_case(name)) {
                Some(operation) => Ok(vec![Arc::clone(operation)]),
                None => Err(match nearest(name, names()) {
                    Some(meant) => format!("{product} has no operation {name:?}: did you mean {meant:?}?"),
                    None => format!("{product} has no operation {name:?}: write one of {}", list()),
                }),
            }
        }
    }
}

/// The operations of a product, below this base path where there is one.
///
/// # Errors
/// When the base path is none.
pub(super) fn of_product(product: Product, base_path: Option<&str>) -> Result<Vec<Arc<Operation>>, String> {
    let base_paths = base_path.map(|base_path| (product, base_path.to_owned())).into_iter().collect();
    let options = RouteOptions { products: vec![product], base_paths, ..RouteOptions::default() };
    Routes::compile(Catalogue::built_in(), &options).map(|routes| routes.operations().to_vec()).map_err(|problems| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ").replace("base_paths", "--base-path")
    })
}
