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
    let words: Vec<_> = words.split_whitespace().collect();
    assert!(words.join(" ").contains("did you mean \"tsh-auxiliary\"?"), "{words:?}");
    assert!(output.stdout.is_empty());
}

#[test]
fn requirements_are_told_in_a_line_each() {
    insta::assert_snapshot!(told(&["requirement"]));
}

#[test]
fn a_requirement_is_told_with_what_each_family_asks_for() {
    insta::assert_snapshot!(told(&["requirement", "o2"]));
    insta::assert_snapshot!(told(&["requirement", "I4"]));
}

#[test]
fn a_program_gets_requirements_as_json() {
    let all: serde_json::Value = serde_json::from_str(&told(&["requirement", "--format", "json"])).unwrap();
    let numbers: Vec<_> = all.as_array().unwrap().iter().map(|one| one["requirement"].as_str().unwrap()).collect();
    assert_eq!((numbers.len(), numbers[0], numbers[23]), (24, "O1", "I10"));
    let one: serde_json::Value = serde_json::from_str(&told(&["requirement", "O7", "--format", "json"])).unwrap();
    assert_eq!(one[0]["families"]["ecom"], serde_json::Value::Null);
    assert_eq!((&one[0]["direction"], &one[0]["commands"][0]), (&"outbound".into(), &"sign".into()));
}

#[test]
fn the_default_configuration_is_printed_as_it_is_compiled_in() {
    let compiled = include_str!("../../config/default.toml");
    assert_eq!(told(&["settings", "--format", "toml"]).trim_end(), compiled.trim_end());
    let settings: serde_json::Value = serde_json::from_str(&told(&["settings", "--format", "json"])).unwrap();
    let listen = settings.as_array().unwrap().iter().find(|one| one["key"] == "admin.listen").unwrap();
    assert_eq!(listen["variable"], "ISSUER_HOST__ADMIN__LISTEN");
    assert_eq!(listen["change"], "restart");
    let text = told(&["settings"]);
    assert!(text.contains("[server.proxy_protocol]\n"), "{text}");
    for arguments in [&["--format", "toml"][..], &["cof", "--format", "toml"], &["requirement", "--format", "toml"]] {
        let output = explain(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("explain settings --format toml"), "{output:?}");
    }
}

#[test]
fn an_unknown_requirement_is_refused_and_one_in_the_place_of_a_product_is_understood() {
    for (arguments, word) in [
        (["requirement", "O15"], "write O1 to O14 or I1 to I10"),
        (["O6", "--format=text"], "explain requirement O6"),
        (["cof", "requirement"], "not both"),
    ] {
        let output = explain(&arguments);
        assert_eq!(output.status.code(), Some(2));
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.split_whitespace().collect::<Vec<_>>().join(" ").contains(word), "{words}");
    }
}

#[test]
fn metrics_are_told_in_a_line_each_and_one_with_its_labels_and_what_to_do() {
    let all = told(&["metrics"]);
    assert!(all.contains("  counter    issuer_host_handshakes_total\n"), "{all}");
    insta::assert_snapshot!(told(&["metrics", "reload_failing"]));
    let one: serde_json::Value =
        serde_json::from_str(&told(&["metrics", "issuer_host_requests_total", "--format", "json"])).unwrap();
    assert_eq!(
        (one.as_array().unwrap().len(), &one[0]["kind"], &one[0]["labels"][3]["values"][2]),
        (1, &"counter".into(), &"4xx".into())
    );
    let output = explain(&["metrics", "reqests"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}
