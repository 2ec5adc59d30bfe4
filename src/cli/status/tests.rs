use serde_json::json;

use super::report::lines;

#[test]
fn what_is_wrong_is_told_with_what_to_do_and_each_environment_with_what_ends_next() {
    let report = json!({
        "problems": [{
            "severity": "page", "environment": "preprod", "title": "preprod: a\u{1b}[31m", "detail": "one\ntwo",
            "to_do": "Mend it.", "runbook": "docs/runbook/IssuerHostErrorsHigh.md"
        }],
        "environments": [{
            "name": "preprod", "epoch": 3, "live_connections": 1,
            "anchors": [{"subject": "CN=CA", "not_after": "2030-01-01T00:00:00Z"}],
            "crls": [{"issuer": "CN=CA", "next_update": "2026-12-01T00:00:00Z"}],
            "api_keys": [{"name": "main", "expires": null}]
        }]
    });
    let told = lines(&report);
    let expected = [
        "1 thing is wrong:",
        "",
        "page    preprod: a [31m",
        "        one",
        "        two",
        "        To do: Mend it.",
        "        Runbook: docs/runbook/IssuerHostErrorsHigh.md",
        "",
        "preprod: epoch 3, 1 connection, next end 2026-12-01T00:00:00Z (revocation list CN=CA)",
    ];
    assert_eq!(told, expected);
    let well = lines(&json!({"problems": [], "environments": []}));
    assert_eq!(well, ["Nothing is wrong."], "control");
}
