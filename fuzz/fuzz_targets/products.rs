//! A file of operations, as an operator may add one, and what is called: behind a line `--- calls` each line is a path.
#![no_main]

use http::Method;
use issuer_host::thales::routes::{Found, RouteOptions, Routes};
use issuer_host::thales::{Catalogue, Product};
use issuer_host_fuzz::input::halves;
use issuer_host_fuzz::reference::{assert_clean, matches};
use libfuzzer_sys::fuzz_target;

const SEPARATOR: &[u8] = b"--- calls\n";

fuzz_target!(|input: &[u8]| {
    let (file, calls) = halves(input, SEPARATOR);
    let (Ok(file), Ok(calls)) = (std::str::from_utf8(file), std::str::from_utf8(calls)) else { return };
    let catalogue = match Catalogue::with_files(&[("fuzz.toml".to_owned(), file.to_owned())]) {
        Ok(catalogue) => catalogue,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.problem.is_empty() && !problem.remedy.is_empty(), "{problem}");
                assert!(problem.line.is_none_or(|line| line >= 1 && line <= file.split('\n').count()), "{problem}");
            }
            return;
        }
    };
    let options = RouteOptions { products: Product::ALL.to_vec(), ..RouteOptions::default() };
    let routes = match Routes::compile(&catalogue, &options) {
        Ok(routes) => routes,
        Err(problems) => return assert!(!problems.is_empty()),
    };
    assert!(!routes.operations().is_empty());

    // Each operation can be called, and what is called is matched as the template says.
    for operation in routes.operations() {
        let template = operation.full_path();
        let called: Vec<&str> =
            template.split('/').map(|segment| if segment.starts_with('{') { "~Id.0~" } else { segment }).collect();
        let called = called.join("/");
        assert_clean(&called);
        assert_found(&routes, &operation.method, &called);
        assert!(matches(&template, &called));
        assert!(!matches!(routes.find(&operation.method, &called), Found::Unknown { .. }), "{template}");
    }
    for call in calls.lines().filter(|call| call.starts_with('/')).take(32) {
        for method in [Method::POST, Method::GET] {
            assert_found(&routes, &method, call);
        }
    }
});

/// Holds what is found against every template.
fn assert_found(routes: &Routes, method: &Method, path: &str) {
    let fitting: Vec<_> =
        routes.operations().iter().filter(|operation| matches(&operation.full_path(), path)).collect();
    match routes.find(method, path) {
        Found::Operation(matched) => {
            assert_eq!(matched.operation.method, *method);
            assert!(fitting.contains(&&matched.operation), "{path} is not {}", matched.operation.full_path());
            for (wanted, segment) in matched.operation.full_path().split('/').zip(path.split('/')) {
                if let Some(name) = wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    assert_eq!(matched.parameter(path, name), Some(segment), "{path}");
                }
            }
            assert!(routes.is_anybodys(path));
        }
        Found::MethodNotAllowed { allow, .. } => {
            assert!(!fitting.is_empty() && !allow.is_empty(), "{path}");
            assert!(allow.to_str().unwrap().split(", ").all(|verb| verb != method.as_str()), "{path}");
        }
        Found::Unknown { .. } => assert!(fitting.is_empty(), "{path} is {}", fitting[0].full_path()),
    }
}
