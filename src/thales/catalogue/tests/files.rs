//! Files of an operator's own.

use super::*;
use crate::thales::Evidence;

const ROW: &str = r#"
[[operation]]
name = "notifyStandInProcess"
method = "POST"
path = "/notifyStandInProcess"
kind = "notification"
"#;

fn with(files: &[(&str, &str)]) -> Result<Catalogue, Vec<CatalogueProblem>> {
    let files: Vec<_> = files.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    Catalogue::with_files(&files)
}

fn problems(text: &str) -> Vec<CatalogueProblem> {
    with(&[("own.toml", text)]).unwrap_err()
}

#[test]
fn a_row_that_nobody_has_is_added_and_is_no_longer_without_a_path() {
    let unresolved = |catalogue: &Catalogue| {
        catalogue.unresolved().iter().any(|unresolved| unresolved.name == "notifyStandInProcess")
    };
    assert!(unresolved(Catalogue::built_in()));
    let catalogue = with(&[("own.toml", &format!("product = \"tsh\"\nbase_path = \"/own\"{ROW}"))]).unwrap();
    assert_eq!(catalogue.operations().len(), 35);
    let row = catalogue.operations().last().unwrap();
    assert_eq!((row.full_path().as_str(), row.evidence), ("/own/notifyStandInProcess", Evidence::Operator));
    assert_eq!(row.acknowledgement.status, 200, "as tsh wants it");
    assert!(!unresolved(&catalogue));
}

#[test]
fn a_row_of_the_same_product_name_and_api_takes_the_place_of_ours() {
    let row = |api: &str| {
        format!(
            "product = \"d1\"\n{api}\n[[operation]]\nname = \"getcardcredentials\"\nmethod = \"GET\"\npath = \"/own\"\nkind = \"query\""
        )
    };
    let paths = |catalogue: &Catalogue| -> Vec<String> {
        let rows = catalogue.operations().iter().filter(|row| row.name.eq_ignore_ascii_case("getCardCredentials"));
        rows.map(Operation::full_path).collect()
    };
    let ours = "/cms/api/v1/issuers/{issuerId}/cards/{cardId}/credentials";
    assert_eq!(paths(Catalogue::built_in()), [ours, ours]);
    let one = with(&[("own.toml", &row("api = \"Outbound Card API 2.0\""))]).unwrap();
    assert_eq!(paths(&one), [ours, "/own"]);
    let all = with(&[("own.toml", &row(""))]).unwrap();
    assert_eq!(paths(&all), ["/own"]);
    let other = with(&[("own.toml", &row("api = \"Outbound Card API 3.0\""))]).unwrap();
    assert_eq!(paths(&other), [ours, ours, "/own"]);
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let problem = &problems("product = \"tsh\"\n\n[[operation]\n")[0];
    assert_eq!((problem.file.as_str(), problem.line), ("own.toml", Some(3)));
}

#[test]
fn a_key_that_is_unknown_missing_or_of_another_type_is_told_with_its_line() {
    for (row, line, word) in [
        (ROW.replace("method", "metod"), 4, "metod"),
        (ROW.replace("method = \"POST\"\n", ""), 2, "method"),
        (format!("{ROW}status = \"200\"\n"), 7, "200"),
    ] {
        let found = problems(&format!("product = \"tsh\"{row}"));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].line, Some(line), "{}", found[0]);
        assert!(found[0].problem.contains(word), "{}", found[0]);
    }
}

#[test]
fn everything_else_that_is_wrong_is_told_at_once_for_all_files() {
    let first = r#"product = "tsh"
[[operation]]
name = "a b"
method = "FETCH"
path = "cards"
kind = "event"
status = 302
evidence = "sure"
deduplication = ["header:authorization"]
deduplication_owner = "us"
ordering = []
issuer_id = "cookie:id"
correlation = "a b"
base_path = "/a/"
secrets = [{ side = "both" }]
headers = { te = "trailers" }
token_endpoint = { expires_in = "number" }
[[unresolved]]
name = "x"
kind = "event"
known = ""
missing = ""
"#;
    let found = with(&[("one.toml", first), ("two.toml", "product = \"thales\"")]).unwrap_err();
    for field in [
        "name",
        "method",
        "path",
        "kind",
        "status",
        "evidence",
        "deduplication",
        "deduplication_owner",
        "ordering",
        "issuer_id",
        "correlation",
        "base_path",
        "secrets",
        "headers",
        "token_endpoint",
    ] {
        let of_field = found.iter().filter(|problem| problem.problem.starts_with(&format!("{field}: ")));
        assert!(of_field.clone().count() >= 1, "{field}: {found:#?}");
        assert!(of_field.clone().all(|problem| problem.file == "one.toml" && !problem.remedy.is_empty()), "{field}");
    }
    assert!(found.iter().any(|problem| problem.line == Some(18)), "the unresolved one: {found:#?}");
    let last = found.last().unwrap();
    assert_eq!((last.file.as_str(), last.line), ("two.toml", Some(1)));
    assert!(last.problem.contains("thales"), "{last}");
}

#[test]
fn a_product_that_is_nearly_one_is_recognized() {
    let found = problems("product = \"tsh-auxillary\"");
    assert_eq!(found[0].remedy, "did you mean \"tsh-auxiliary\"?");
}

#[test]
fn a_row_cannot_stand_twice_in_files_of_one_s_own() {
    let text = format!("product = \"tsh\"{ROW}");
    let found = with(&[("one.toml", &text), ("two.toml", &text)]).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].file.as_str(), found[0].line), ("two.toml", Some(2)));
    assert!(found[0].problem.contains("line 2 of one.toml"), "{}", found[0]);
    let other_api = text.replace("method", "api = \"other\"\nmethod");
    assert!(with(&[("one.toml", &text), ("two.toml", &other_api)]).is_ok());
}

#[test]
fn an_operation_may_do_without_what_its_file_has() {
    let text = format!("product = \"d1\"\ncorrelation = \"x-correlation-id\"\nissuer_id = \"path:issuerId\"{ROW}");
    assert!(problems(&text)[0].problem.contains("no parameter {issuerId}"));
    let catalogue = with(&[("own.toml", &format!("{text}issuer_id = \"none\"\ncorrelation = \"none\""))]).unwrap();
    let row = catalogue.operations().last().unwrap();
    assert_eq!((&row.issuer_id, &row.correlation), (&None, &None));
}
