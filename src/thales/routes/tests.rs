use super::*;

fn compile(products: &[Product]) -> Routes {
    let options = RouteOptions { products: products.to_vec(), ..RouteOptions::default() };
    Routes::compile(Catalogue::built_in(), &options).unwrap()
}

#[test]
fn the_products_one_by_one_have_33_routes() {
    let routes = Product::ALL.map(|product| compile(&[product]).operations().len());
    assert_eq!(routes.iter().sum::<usize>(), 33);
}
