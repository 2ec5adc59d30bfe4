//! What operators write, and what is called: configurations, operations, targets.

use std::fs;
use std::path::Path;

use crate::Seed;

pub fn make(repository: &Path) -> Vec<Seed> {
    let mut seeds = Vec::new();
    let config = repository.join("config");
    let text = |name: &str| without_comments(&fs::read_to_string(config.join(name)).expect("a configuration"));

    let mut settings = |name: &str, text: String| seeds.push(("settings", name.to_owned(), text.into_bytes()));
    let minimal = text("example-minimal.toml");
    for name in ["default.toml", "example-minimal.toml", "example-two-environments.toml", "example-load-balancer.toml"]
    {
        settings(name, text(name));
    }
    settings("default-and-minimal.toml", text("default.toml") + &minimal);
    let variables = "ISSUER_HOST__SERVER__LISTEN=127.0.0.1:8443\nISSUER_HOST__LOG__LEVEL=debug\nISSUER_HOST__ENVIRONMENTS__PREPROD__BACKEND__URL=https://b.example\n";
    settings("with-variables", format!("{minimal}--- variables\n{variables}"));
    let assets = "ISSUER_HOST=tsh.bank.example\nCUSTOMER_ID=0012345678\nPRODUCT=tsh,d1\nBACKEND_URL=http://127.0.0.1:8080\nCUSTOMER_TLS_SERVER_CERTIFICATE_CHAIN=../certs-sample/server-chain.pem\nCUSTOMER_TLS_SERVER_PRIVATE_KEY=../certs-sample/server-key.pem\nTHALES_CLIENT_CA=../certs-sample/thales-client-ca.pem\n";
    settings("assets-alone", format!("--- variables\n{assets}"));
    settings("second-keys", format!("{}\n{SECOND_KEYS}", minimal.replace("\"tsh\"", "[\"cof\", \"d1\"]")));
    settings(
        "inbox",
        format!("{minimal}events_url = \"nats://nats.example:4222\"\nevents_subject = \"thales.{{product}}\"\n{INBOX}"),
    );
    settings("broken", "[server]\nlisten = [\"0.0.0.0:8443\"\nworkers = 2\n".into());

    for product in ["tsh", "tsh-auxiliary", "tsp", "d1-ecom", "cof", "transit"] {
        let file = text(&format!("products/{product}.toml"));
        // The first few rows show every key.
        let rows: Vec<&str> = file.split("[[operation]]").take(4).collect();
        let calls =
            "/tsh-cof/notify-token-creation\n/issuer/igwapi/v2.0/notifyVirtualCardChange\n/tsh-cof//x\n/a/b/c\n";
        let text = format!("{}--- calls\n{calls}", rows.join("[[operation]]"));
        seeds.push(("products", format!("{product}.toml"), text.into_bytes()));
    }
    seeds.push(("products", "parameters".into(), PARAMETERS.into()));

    for (name, target) in [
        ("notification", "/issuer/igwapi/v2.0/notifyVirtualCardChange"),
        ("query", "/a/b?x=1&y=%2F"),
        ("encoded", "/caf%C3%A9/a%20b/%7Btoken%7D"),
        ("disguised", "/%74sh-cof/notify-token-creation"),
        ("dots", "/a/%2e%2e/b"),
        ("parameters", "/a;b=c/..;/d"),
        ("empty-segment", "//a"),
        ("slash-encoded", "/a%2fb"),
        ("overlong", "/%c0%af"),
        ("absolute", "https://issuer.bank.example/a/b"),
        ("asterisk", "*"),
        ("authority", "issuer.bank.example:443"),
        ("blanks", "/tsh-cof/notify-token-creation%20/"),
    ] {
        seeds.push(("path", name.to_owned(), target.into()));
    }
    seeds
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

const SECOND_KEYS: &str = r#"
[environments.preprod.api_keys.first]
key_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
expires = "2031-01-01T00:00:00Z"
[environments.preprod.base_paths]
d1 = "/gateway"
[environments.preprod.operations.notifySomethingNew]
product = "d1"
method = "POST"
path = "/something/{id}"
kind = "notification"
deadline = "5s"
"#;

const INBOX: &str = r#"
[inbox]
url = "sqlite:///tmp/inbox.db"
retention = "7d"
deduplication_window = "72h"
[inbox.delivery]
max_in_flight = 8
first_backoff = "1s"
max_backoff = "5m"
"#;

const PARAMETERS: &str = r#"product = "d1"
base_path = "/x"
[[operation]]
name = "one"
method = "GET"
path = "/a/{id}/b/{other}"
kind = "query"
issuer_id = "path:id"
[[operation]]
name = "two"
method = "PUT"
path = "/a/{id}/b/literal"
kind = "notification"
deduplication = ["path:id", "digest"]
ordering = ["path:id"]
headers = { "x-a" = "b" }
--- calls
/x/a/1/b/2
/X/A/1/b/literal
/x/a//b/literal
/x/a/1/b/literal/
"#;
