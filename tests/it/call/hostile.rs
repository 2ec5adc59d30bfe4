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
