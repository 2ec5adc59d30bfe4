mod attribution;
mod compiling;
mod matching;

use super::*;

/// The routes of these products as the catalogue has them.
fn routes(products: &[Product]) -> Routes {
    compile(&RouteOptions { products: products.to_vec(), ..RouteOptions::default() }).unwrap()
}

fn compile(options: &RouteOptions) -> Result<Routes, Vec<RouteProblem>> {
    Routes::compile(Catalogue::built_in(), options)
}

/// The operation of a call that is known.
fn found(routes: &Routes, method: &Method, path: &str) -> Arc<Operation> {
    match routes.find(method, path) {
        Found::Operation(matched) => matched.operation,
        other => panic!("{method} {path}: {other:?}"),
    }
}

/// Whose a path is that nobody knows.
fn attributed(routes: &Routes, path: &str) -> Option<Product> {
    match routes.find(&Method::POST, path) {
        Found::Unknown { product } => product,
        other => panic!("{path}: {other:?}"),
    }
}
