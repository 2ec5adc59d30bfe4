//! Calls that get no answer: why, and what to do about it.

use super::*;
use crate::support::{Authority, Spec};

const CALL: [&str; 2] = ["tsh", "sendOTP"];

#[tokio::test]
async fn a_caller_without_a_certificate_is_told_to_show_one() {
    let door = door(r#"["tsh"]"#, "", vec![]).await;
    for words in [["--tls", "1.2"], ["--tls", "1.3"], ["--http", "1.1"], ["--http", "2"]] {
        let words = failed(&stranger(&door, &[&CALL[..], &words].concat()).await);
        assert!(words.contains("no answer") && words.contains("--client-certificate FILE"), "{words}");
    }
}

#[tokio::test]
async fn a_caller_of_a_foreign_ca_is_told_that_its_ca_is_not_trusted() {
    let door = door(r#"["tsh"]"#, "", vec![]).await;
    let foreign = Authority::root("Foreign Root").client("foreign");
    door.replace("foreign.pem", foreign.chain_pem());
    door.replace("foreign-key.pem", foreign.key_pem());
    let shown = ["--client-certificate", "foreign.pem", "--client-key", "foreign-key.pem"];
    for version in [["--tls", "1.2"], ["--tls", "1.3"]] {
        let words = failed(&stranger(&door, &[&CALL[..], &shown, &version].concat()).await);
        assert!(words.contains("unknown_ca") && words.contains("client_ca"), "{words}");
        assert!(door.backend.all_arrivals() == 0);
    }
}

#[tokio::test]
async fn a_caller_whose_certificate_has_expired_is_told_so() {
    let door = door(r#"["tsh"]"#, "", vec![]).await;
    let expired = door.pki.issuing.issue(Spec::client("expired").expired());
    door.replace("expired.pem", expired.chain_pem());
    door.replace("expired-key.pem", expired.key_pem());
    let shown = ["--client-certificate", "expired.pem", "--client-key", "expired-key.pem"];
    for version in [["--tls", "1.2"], ["--tls", "1.3"]] {
        let words = failed(&stranger(&door, &[&CALL[..], &shown, &version].concat()).await);
        assert!(words.contains("the client certificate has expired (") && words.contains("successor"), "{words}");
        assert!(!words.contains("client_ca"), "{words}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_is_told_of_with_what_to_do() {
    let door = door(r#"["tsh"]"#, "", vec![]).await;
    door.replace("server-ca.pem", Authority::root("Another Root").pem());
    let words = failed(&call(&door, &CALL).await);
    assert!(!words.contains("UnknownIssuer") && words.contains("does not lead to a CA"), "{words}");
    assert!(words.contains("the file that is named now holds another CA"), "{words}");
    door.replace("server-ca.pem", door.pki.servers.pem());
    let words = failed(&call(&door, &[&CALL[..], &["--server-name", "other.bank.test"]].concat()).await);
    assert!(words.contains("no answer") && words.contains("--server-name"), "{words}");
    door.backend.answer("/issuer/igwapi/v2.0/sendOTP", Answer::Fixed(StatusCode::OK, ""));
    went_well(&call(&door, &CALL).await);
}

#[tokio::test]
async fn a_port_at_which_nobody_listens_is_told_of() {
    let door = door(r#"["tsh"]"#, "", vec![]).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    went_well(&call(&door, &CALL).await);
    let url = format!("127.0.0.1:{port}");
    let arguments = ["call", &url, "tsh", "sendOTP"];
    let finished = tool::run(door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &arguments, "").await;
    assert!(failed(&finished).contains("nothing listens at that port"), "{}", finished.text());
}

#[tokio::test]
async fn arguments_that_make_no_sense_end_with_2_and_call_nobody() {
    let door = door(r#"["tsh"]"#, "", vec![]).await;
    for (words, said) in [
        (&[][..], "--all PRODUCT"),
        (&["tsh", "sendOPT"], "did you mean \"sendOTP\"?"),
        (&["tsh"], "checkCardEligibility"),
        (&["tsch", "sendOTP"], "no product"),
        (&["--all", "everything"], "no product"),
        (&["tsh", "sendOTP", "--all", "tsh"], "cannot be used"),
        (&["tsh", "sendOTP", "--hostile"], "--all"),
        (&["tsh", "sendOTP", "--tls", "1.1"], "1.2"),
        (&["tsh", "sendOTP", "--api-key-file", "api-key.txt"], "only calls of cof"),
        (&["tsh", "sendOTP", "--path-parameter", "cardId=1"], "sendOTP has none"),
        (&["tsh", "sendOTP", "--body", "missing.json"], "missing.json cannot be read"),
        (&["cof", "notifyTokenUpdate", "--api-key-file", "missing.txt"], "missing.txt cannot be read"),
        (&["tsh", "sendOTP", "--header", "nothing"], "NAME:VALUE"),
        (&["tsh", "sendOTP", "--header", "a b: c"], "no name of a header"),
        (&["tsh", "sendOTP", "--rotate", "caller.pem"], "write CHAIN:KEY"),
        (&["tsh", "sendOTP", "--rotate", "missing.pem:caller-key.pem"], "missing.pem cannot be read"),
        (&["tsh", "sendOTP", "--rotate", "caller.pem:api-key.txt"], "api-key.txt"),
        (
            &["d1", "getToken", "--token-client", "a", "--token-secret-file", "missing.txt"],
            "missing.txt cannot be read",
        ),
        (&["tsh", "sendOTP", "--mode", "handshake", "--body", "missing.json"], "missing.json cannot be read"),
    ] {
        let finished = call(&door, words).await;
        assert_eq!(finished.code(), Some(2), "{words:?}: {}", finished.text());
        assert!(finished.words().contains(said), "{said}: {}", finished.text());
    }
    let url = format!("https://{HOST}:{}", door.server.address().port());
    for (words, said) in [
        (["--issuer-id", "a\nb"], "no header can hold it"),
        (["--server-ca", "missing.pem"], "missing.pem cannot be read"),
        (["--server-ca", "api-key.txt"], "api-key.txt"),
        (["--server-name", "no name"], "--server-name"),
    ] {
        let words = [&["call", &url, "--connect", "127.0.0.1", "tsh", "sendOTP"][..], &words].concat();
        let finished = tool::run(door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &words, "").await;
        assert_eq!(finished.code(), Some(2), "{}", finished.text());
        assert!(finished.words().contains(said), "{said}: {}", finished.text());
    }
    assert_eq!(door.backend.all_arrivals(), 0);
}

#[tokio::test]
async fn who_calls_with_the_id_of_the_examples_is_told_to_name_an_own_one() {
    const ADVICE: &str = "name your id with --issuer-id";
    let door = door(r#"["tsh", "d1"]"#, "", vec![]).await;
    let url = format!("https://{HOST}:{}", door.server.address().port());
    let common = ["call", &url, "--connect", "127.0.0.1", "--server-ca", "server-ca.pem"];
    let shown = ["--client-certificate", "caller.pem", "--client-key", "caller-key.pem"];
    for operation in [["tsh", "sendOTP"], ["d1", "notifyCardOperations"]] {
        for (id, advised) in [(&[][..], true), (&["--issuer-id", "NOTOURS001"], false)] {
            let words = [&common[..], &shown, &operation, id].concat();
            let finished = tool::run(door.directory.path(), env!("CARGO_BIN_EXE_issuer-host"), &words, "").await;
            let words = failed(&finished);
            assert!(words.contains("not as Thales expects"), "{words}");
            assert_eq!(words.contains(ADVICE), advised, "{operation:?} {id:?}: {words}");
            assert_eq!(words.contains("compare --issuer-id with its customer_id"), !advised, "{words}");
        }
    }
}
