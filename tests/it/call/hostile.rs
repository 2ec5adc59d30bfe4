//! Calls that no server may take for one of Thales'.

use super::*;

#[tokio::test]
async fn a_server_that_refuses_what_it_must_passes() {
    let cof = door(r#"["cof"]"#, API_KEYS, vec![]).await;
    for operation in ["token-creation", "token-update", "binding-creation", "binding-update", "merchant-update"] {
        cof.backend.answer(&format!("/tsh-cof/notify-{operation}"), Answer::Fixed(StatusCode::NO_CONTENT, ""));
    }
    for version in ["1.2", "1.3"] {
        let words = [&["--all", "cof", "--hostile", "--tls", version][..], &WITH_KEY].concat();
        let words = went_well(&call(&cof, &words).await);
        assert!(words.contains("without a client certificate"), "{words}");
        assert!(words.contains("with a wrong second key") && words.contains("12 of 12"), "{words}");
    }
}

#[tokio::test]
async fn a_server_that_admits_another_issuer_is_found_out() {
    let open = "issuer_ids = [\"ISSUER0001\", \"NOTOURS001\"]\n";
    for (environment, good) in [("", true), (open, false)] {
        let tsh = door(r#"["tsh-auxiliary"]"#, environment, vec![]).await;
        tsh.backend.answer("/notifyVirtualCardChange", Answer::Fixed(StatusCode::OK, ""));
        let finished = call(&tsh, &["--all", "tsh-auxiliary", "--hostile"]).await;
        assert_eq!(finished.succeeded(), good, "{}", finished.text());
        assert_eq!(finished.text().contains("NOT REFUSED"), !good, "{}", finished.text());
    }
}

#[tokio::test]
async fn a_server_that_refuses_everybody_proves_nothing() {
    let door = door(r#"["tsh-auxiliary", "cof"]"#, API_KEYS, vec![]).await;
    door.backend.answer("/notifyVirtualCardChange", Answer::Fixed(StatusCode::SERVICE_UNAVAILABLE, ""));
    let url = format!("https://{HOST}:{}", door.server.address().port());
    let common = ["call", &url, "--connect", "127.0.0.1", "--server-ca", "server-ca.pem", "--hostile"];
    let shown = ["--client-certificate", "caller.pem", "--client-key", "caller-key.pem"];
    for (what, own) in [
        ("a backend that fails", &["--all", "tsh-auxiliary", "--issuer-id", ISSUER][..]),
        ("an id that is not served", &["--all", "tsh-auxiliary"]),
        ("a wrong key", &["--all", "cof", "--api-key-file", "wrong-key.txt"]),
    ] {
        for format in ["text", "json"] {
            let words = [&common[..], &shown, own, &["--format", format]].concat();
            let finished = tool::run(door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &words, "").await;
            let words = failed(&finished);
            let said = if format == "text" { "nothing is proven" } else { "\"not_proven\"" };
            assert!(words.contains(said), "{what}: {words}");
            assert!(!words.contains("without a client certificate"), "{what}: {words}");
        }
    }
}
