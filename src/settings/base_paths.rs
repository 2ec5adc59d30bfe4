//! `[environments.NAME.base_paths]`: what Thales was told to put before the paths of a product.

use super::products;
use super::reader::Section;
use super::typed::optional_text;
use crate::thales::Product;

/// Reads a base path for each product that has one. Whether it is one is for those to say who match paths.
pub(super) fn read(section: &mut Section<'_>, products: Option<&[Product]>) -> Option<Vec<(Product, String)>> {
    let mut base_paths = Some(Vec::new());
    for name in section.names() {
        let base_path = section.optional(&name, optional_text).flatten();
        let product = products::among(section, Some(&name), products, &name);
        base_paths = base_paths.zip(product.zip(base_path)).map(|(mut base_paths, base_path)| {
            base_paths.push(base_path);
            base_paths
        });
    }
    base_paths
}
