//! `issuer-host explain`, as an integrator reads it.

use super::{Command, Output};

fn explain(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_issuer-host")).arg("explain").args(arguments).output().unwrap()
}

fn told(arguments: &[&str]) -> String {
    let output = explain(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn without_a_product_there_is_a_line_for_each() {
    insta::assert_snapshot!(told(&[]));
}

#[test]
fn a_product_of_notifications_is_told_on_a_screen_a_topic() {
    insta::assert_snapshot!(told(&["cof"]));
}

#[test]
fn a_product_with_secrets_and_calls_that_nobody_has_seen_is_told_with_them() {
    insta::assert_snapshot!(told(&["tsh"]));
}

#[test]
fn a_program_gets_the_same_as_json() {
    let products: serde_json::Value = serde_json::from_str(&told(&["--format", "json"])).unwrap();
    let operations = products.as_array().unwrap().iter().flat_map(|product| product["operations"].as_array().unwrap());
    assert_eq!(operations.count(), 34);
    let cof: serde_json::Value = serde_json::from_str(&told(&["cof", "--format", "json"])).unwrap();
    assert_eq!(cof[0]["operations"][1]["deduplication"][1], "body:tokenId");
    assert_eq!(cof[0]["problems"][0]["status"], 503);
}

#[test]
fn an_unknown_product_is_refused_with_the_nearest() {
    let output = explain(&["tsh-auxilary"]);
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("did you mean \"tsh-auxiliary\"?"), "{words}");
    assert!(output.stdout.is_empty());
}
