use super::*;

#[test]
fn an_environment_of_one_product_has_every_path() {
    let routes = routes(&[Product::Cof]);
    for path in ["/", "", "/elsewhere", "/issuer/igwapi/v2.0/x", "//", "*"] {
        assert_eq!(attributed(&routes, path), Some(Product::Cof), "{path}");
    }
}

#[test]
fn a_path_belongs_to_the_product_whose_base_path_it_lies_below() {
    let routes = routes(&[Product::Cof, Product::Tsh, Product::D1Ecom]);
    for (path, product) in [
        ("/tsh-cof/notify-something-new", Some(Product::Cof)),
        ("/TSH-Cof", Some(Product::Cof)),
        ("/tsh-cof/", Some(Product::Cof)),
        ("/tsh-cofx/y", None),
        ("/issuer/IGWAPI/v2.0/whatever", Some(Product::Tsh)),
        ("/issuer/igwapi/v3.0/whatever", None),
        ("/merchant-gateways/x", None),
        ("/", None),
        ("", None),
    ] {
        assert_eq!(attributed(&routes, path), product, "{path}");
    }
}

#[test]
fn a_path_that_has_to_be_refused_is_refused_by_the_product_that_was_meant() {
    let routes = routes(&[Product::Cof, Product::Tsh, Product::D1Ecom]);
    for path in [
        "//tsh-cof/x",
        "/tsh-cof//x",
        "/tsh-cof%2fnotify",
        "/tsh-cof%2Fnotify",
        "/tsh-cof%5Cnotify",
        "\\tsh-cof\\notify",
        "/%2f/tsh-cof/x",
        "/tsh-cof/../x",
        "//tsh-cof//notify-token-creation",
    ] {
        assert_eq!(attributed(&routes, path), Some(Product::Cof), "{path}");
    }
    // Below no base path, and still one of its calls.
    assert_eq!(attributed(&routes, "//merchant-gateways/g/merchants/m/tokens/t/notify-update"), Some(Product::D1Ecom));
}

#[test]
fn the_longest_base_path_wins_and_a_shared_one_is_nobody_s() {
    let base_paths = vec![
        (Product::Cof, "/in".to_owned()),
        (Product::Tsh, "/in/tsh".to_owned()),
        (Product::D1Ecom, "/in".to_owned()),
    ];
    let options = RouteOptions {
        products: vec![Product::Cof, Product::Tsh, Product::D1Ecom],
        base_paths,
        ..RouteOptions::default()
    };
    let routes = compile(&options).unwrap();
    assert_eq!(attributed(&routes, "/in/tsh/x"), Some(Product::Tsh));
    assert_eq!(attributed(&routes, "/in/x"), None);
}

#[test]
fn an_operation_with_a_semicolon_in_its_path_is_somebodys_in_disguise_as_well() {
    let file = r#"
product = "tsh"
base_path = "/own;v=1"
[[operation]]
name = "notifySomething"
method = "POST"
path = "/notify;something"
kind = "notification"
"#;
    let catalogue = Catalogue::with_files(&[("own.toml".to_owned(), file.to_owned())]).unwrap();
    let options = RouteOptions { products: vec![Product::Tsh], ..RouteOptions::default() };
    let routes = Routes::compile(&catalogue, &options).unwrap();
    let path = "/own;v=1/notify;something";
    assert_eq!(found(&routes, &Method::POST, path).name, "notifySomething", "control");
    assert!(routes.is_anybodys(path));
    for other in ["/own;v=1/notify;something/", "/own;v=1/other", "/OWN;v=2/notify"] {
        assert!(routes.claims(Product::Tsh, other), "{other}");
    }
    assert!(!routes.is_anybodys("/elsewhere;v=1/notify"), "control");
}
