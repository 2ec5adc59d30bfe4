//! Products of an environment, where other settings name one of them.

use super::reader::Section;
use super::suggestion;
use super::typed::shown;
use crate::thales::Product;

/// `name` as one of the environment's `products`; `at` is the setting of `section` that a problem belongs to. When the products
/// themselves could not be read (`None`), any will do.
pub(super) fn among(
    section: &mut Section<'_>,
    at: Option<&str>,
    products: Option<&[Product]>,
    name: &str,
) -> Option<Product> {
    let Some(product) = Product::ALL.into_iter().find(|product| product.name() == name) else {
        let known = listed(products.unwrap_or(&Product::ALL));
        let remedy = match suggestion::nearest(name, Product::ALL.into_iter().map(Product::name)) {
            Some(nearest) => format!("Did you mean {nearest}? The environment has {known}."),
            None => format!("Write one of {known}."),
        };
        section.report(at, format!("{} is not a product.", shown(name)), remedy);
        return None;
    };
    if let Some(products) = products
        && !products.contains(&product)
    {
        let remedy = format!("Take it out, or add {product} to product.");
        section.report(at, format!("The environment has {}, and not {product}.", listed(products)), remedy);
        return None;
    }
    Some(product)
}

fn listed(products: &[Product]) -> String {
    products.iter().map(|product| product.name()).collect::<Vec<_>>().join(", ")
}
