//! Operations as an operator wants them: said in the configuration, in force with the next reload, without a restart.

use http::StatusCode;

use super::example::OUR_ID;
use super::served::{API_KEY, API_KEYS, TOKENS, ask, bearer, callers, door};
use super::told::{Cause, Told, header};
use crate::support::{Answer, Backend, Door, Reply, eventually};

const BACKEND: &str = "[environments.preprod.backend]";
const ID: (&str, &str) = ("x-issuer-id", OUR_ID);
const OTP: &str = "/issuer/igwapi/v2.0/sendOTP";

/// Puts a table into the configuration of the running server.
async fn say(door: &Door, table: &str) {
    door.edit(BACKEND, &format!("{table}\n\n{BACKEND}"));
    let (status, report) = door.server.try_reload().await;
    assert_eq!((status, &report["configuration"]["outcome"]), (200, &"applied".into()), "{report}");
    assert_eq!(report["environments"]["preprod"]["outcome"], "unchanged", "{report}");
}

async fn post(door: &Door, path: &str, headers: &[(&str, &str)]) -> Reply {
    ask(&door.honest(), ("POST", path), headers, "honest").await
}

/// Operation and kind as the log has them of the last of `count` calls.
async fn last_of(door: &Door, count: usize) -> (String, String) {
    eventually("the log to tell of it", async || door.server.events("request").len() >= count).await;
    let event = door.server.events("request")[count - 1].clone();
    (event["operation"].as_str().unwrap().to_owned(), event["kind"].as_str().unwrap_or("none").to_owned())
}

#[tokio::test]
async fn a_base_path_of_one_s_own_takes_the_place_of_thales() {
    let door = door("\"cof\"", API_KEYS).await;
    let key = format!("APIKEY {API_KEY}");
    let mut kept = door.honest().h2().session().await.unwrap();
    let mut call = async |path: &str| {
        let call = crate::support::request("POST", path).header("authorization", &key).body("".into()).unwrap();
        kept.send(call).await.unwrap().status
    };
    assert_eq!(call("/tsh-cof/notify-token-update").await, 204);
    assert_eq!(last_of(&door, 1).await, ("notifyTokenUpdate".into(), "notification".into()));
    say(&door, "[environments.preprod.base_paths]\ncof = \"/Gateway/tsh-cof\"").await;
    // On the same connection.
    assert_eq!(call("/gateway/TSH-cof/notify-token-update").await, 204);
    assert_eq!(last_of(&door, 2).await, ("notifyTokenUpdate".into(), "notification".into()));
    assert_eq!(call("/tsh-cof/notify-token-update").await, 204);
    assert_eq!(last_of(&door, 3).await, ("unknown".into(), "none".into()), "what was known is no more");
}

#[tokio::test]
async fn verb_and_path_of_one_operation_change_and_its_siblings_stay() {
    let door = door("\"tsh\"", "").await;
    assert_eq!(post(&door, OTP, &[ID]).await.status, 200);
    assert_eq!(last_of(&door, 1).await, ("sendOTP".into(), "command".into()));
    say(&door, "[environments.preprod.operations.SENDotp]\nmethod = \"PUT\"\npath = \"/otp/{channel}\"").await;
    let moved = "/issuer/igwapi/v2.0/OTP/Sms-1";
    for caller in callers(&door) {
        assert_eq!(ask(&caller, ("PUT", moved), &[ID], "").await.status, 200);
        let reply = ask(&caller, ("POST", moved), &[ID], "").await;
        Told::of("tsh", Cause::MethodNotAllowed).expect_in(&reply, "the old verb");
        assert_eq!(header(&reply, "allow"), Some("PUT"));
        let reply = ask(&caller, ("PUT", moved), &[("x-issuer-id", "ISSUER0002")], "").await;
        Told::of("tsh", Cause::UnknownId).expect_in(&reply, "the second key stays");
    }
    assert_eq!(door.backend.arrivals(moved), 2, "as it was called");
    assert_eq!(last_of(&door, 2).await, ("sendOTP".into(), "command".into()));
    post(&door, OTP, &[ID]).await;
    assert_eq!(last_of(&door, 8).await, ("unknown".into(), "none".into()));
    post(&door, "/issuer/igwapi/v2.0/checkCardEligibility", &[ID]).await;
    assert_eq!(last_of(&door, 9).await, ("checkCardEligibility".into(), "query".into()));
}

#[tokio::test]
async fn kind_and_acknowledgement_change() {
    let door = door("\"tsh\"", "").await;
    let path = "/issuer/igwapi/v2.0/notifyVirtualCardChange";
    let reply = post(&door, path, &[ID]).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    let operation = "[environments.preprod.operations.notifyVirtualCardChange]";
    let own = r#"status = 202
body = '{"ok":true}'
headers = ["content-type: application/json", "x-own: a, b"]"#;
    say(&door, &format!("{operation}\n{own}")).await;
    for caller in callers(&door) {
        let reply = ask(&caller, ("POST", path), &[ID], "").await;
        assert_eq!((reply.status, reply.text().as_str()), (202, "{\"ok\":true}"));
        assert_eq!((header(&reply, "content-type"), header(&reply, "x-own")), (Some("application/json"), Some("a, b")));
        assert!(!reply.headers.contains_key("x-backend"));
    }
    // A query is answered by the backend.
    door.edit(own, "kind = \"query\"");
    door.expect_reload("unchanged").await;
    let reply = post(&door, path, &[ID]).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "received"));
    assert_eq!(last_of(&door, 4).await, ("notifyVirtualCardChange".into(), "query".into()));
}

#[tokio::test]
async fn an_operation_has_a_backend_of_its_own() {
    let (door, other) = (door("\"tsh\"", "").await, Backend::http1().await);
    other.answer(OTP, Answer::Fixed(StatusCode::OK, "the other"));
    assert_eq!(post(&door, OTP, &[ID]).await.text(), "received");
    let backend = format!("[backends.otp]\nurl = \"http://{}\"", other.address());
    say(&door, &format!("[environments.preprod.operations.sendOTP]\nbackend = \"otp\"\n\n{backend}")).await;
    for caller in callers(&door) {
        assert_eq!(ask(&caller, ("POST", OTP), &[ID], "").await.text(), "the other");
        let reply = ask(&caller, ("POST", "/issuer/igwapi/v2.0/checkCardEligibility"), &[ID], "").await;
        assert_eq!(reply.text(), "received");
    }
    assert_eq!((door.backend.arrivals(OTP), other.arrivals(OTP), other.all_arrivals()), (1, 2, 2));
    // Its failures are its own.
    other.answer(OTP, Answer::Broken);
    let reply = post(&door, OTP, &[ID]).await;
    Told::of("tsh", Cause::BackendBroken).expect_in(&reply, "the other backend breaks");
}

#[tokio::test]
async fn a_new_operation_has_the_second_key_of_its_product() {
    let door = door("[\"d1\", \"tsh\"]", TOKENS).await;
    let token = bearer(&door, "/authz/d1/v1/oauth2/token").await;
    let shown = [("authorization", &*token)];
    let path = "/notifications/d1/v3/issuers/ISSUER0001/wallets/w-1";
    assert_eq!(post(&door, path, &shown).await.text(), "received", "unknown, and passed on");
    let template = "/notifications/d1/v3/issuers/{issuerId}/wallets/{walletId}";
    let operation = "[environments.preprod.operations.notifyWallet]\nproduct = \"d1\"\nmethod = \"POST\"";
    say(&door, &format!("{operation}\nbase_path = \"\"\npath = \"{template}\"\nkind = \"notification\"\nstatus = 204"))
        .await;
    for caller in callers(&door) {
        let reply = ask(&caller, ("POST", path), &shown, "").await;
        assert_eq!((reply.status, reply.text().as_str()), (204, ""));
        let reply = ask(&caller, ("POST", path), &[], "").await;
        Told::of("d1", Cause::Unauthenticated).expect_in(&reply, "without a token");
        let other = path.replace(OUR_ID, "ISSUER0002");
        Told::of("d1", Cause::UnknownId).expect_in(&ask(&caller, ("POST", &other), &shown, "").await, "another issuer");
    }
    assert_eq!(last_of(&door, 3).await, ("notifyWallet".into(), "notification".into()));
}

#[tokio::test]
async fn a_directory_of_products_adds_and_replaces_operations_and_is_read_again() {
    let door = door("\"tsp\"", "").await;
    let directory = door.directory.path().join("products");
    std::fs::create_dir(&directory).unwrap();
    let head = r#"
product = "tsp"
api = "Own API 1.0"
base_path = "/tsp/trapi/v1.0"
issuer_id = "header:x-issuer-id"
"#;
    let file = |path: &str| {
        format!("{head}[[operation]]\nname = \"getStatus\"\nmethod = \"GET\"\npath = \"{path}\"\nkind = \"query\"\n")
    };
    std::fs::write(directory.join("own.toml"), file("/tokens/{tokenId}/status")).unwrap();
    let status = "/tsp/trapi/v1.0/TOKENS/t-1/status";
    ask(&door.honest(), ("GET", status), &[], "").await;
    assert_eq!(last_of(&door, 1).await, ("unknown".into(), "none".into()), "control");
    door.edit("[log]\n", "products_dir = \"products\"\n[log]\n");
    door.expect_reload("unchanged").await;
    assert_eq!(ask(&door.honest(), ("GET", status), &[ID], "").await.text(), "received");
    assert_eq!(last_of(&door, 2).await, ("getStatus".into(), "query".into()));
    let reply = ask(&door.honest(), ("GET", status), &[], "").await;
    Told::of("tsp", Cause::MissingHeader).expect_in(&reply, "as its file wants it");

    // The file alone changes.
    std::fs::write(directory.join("own.toml"), file("/tokens/{tokenId}/state")).unwrap();
    door.expect_reload("unchanged").await;
    ask(&door.honest(), ("GET", "/tsp/trapi/v1.0/tokens/t-1/state"), &[ID], "").await;
    assert_eq!(last_of(&door, 4).await, ("getStatus".into(), "query".into()));

    // What cannot be read changes nothing.
    std::fs::write(directory.join("own.toml"), "product = \"tsp\"\n[[operation]]\nname = 1\n").unwrap();
    let (code, report) = door.server.try_reload().await;
    assert_eq!(code, 422, "{report}");
    ask(&door.honest(), ("GET", "/tsp/trapi/v1.0/tokens/t-1/state"), &[ID], "").await;
    assert_eq!(last_of(&door, 5).await, ("getStatus".into(), "query".into()));
}
