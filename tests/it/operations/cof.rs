//! Merchant tokenization drops an event for good on 400, 401 and 404, and nobody knows what it does on most other statuses.
//! So it sees 204, 429, 500 and 503, whatever is wrong and wherever it is found out.

use super::served::{API_KEY, API_KEYS, ask, callers, door};
use super::told::header;
use crate::support::{HOST, raw};

const PATH: &str = "/tsh-cof/notify-token-update";
/// `anybody:key-of-the-tests-0123456789`, and the same with another key.
const BASIC: &str = "Basic YW55Ym9keTprZXktb2YtdGhlLXRlc3RzLTAxMjM0NTY3ODk=";
const OTHER_BASIC: &str = "Basic YW55Ym9keTpvdGhlci1rZXktMDEyMzQ1Njc4OQ==";

#[tokio::test]
async fn a_malformed_request_is_answered_with_503_wherever_it_is_found_out() {
    let door = door("\"cof\"", API_KEYS).await;
    let fields = format!("host: {HOST}\r\nauthorization: APIKEY {API_KEY}\r\n");
    let long = "x".repeat(70_000);
    let lines = [
        "tsh-cof HTTP/1.1",
        "* HTTP/1.1",
        &format!("https://other.test{PATH} HTTP/1.1"),
        &format!("{PATH}\"x HTTP/1.1"),
        &format!("{PATH}<x> HTTP/1.1"),
        &format!("{PATH}` HTTP/1.1"),
        &format!("{PATH}?\"x\" HTTP/1.1"),
        &format!("{PATH}#x HTTP/1.1"),
        &format!("{PATH}\u{e9} HTTP/1.1"),
        &format!("{PATH}\u{1} HTTP/1.1"),
        &format!("{PATH}%zz HTTP/1.1"),
        &format!("{PATH}/{long} HTTP/1.1"),
        &format!("{PATH} HTTP/3.0"),
        &format!("{PATH} /x HTTP/1.1"),
        PATH,
    ];
    let more = [
        &*format!("x-long: {long}\r\n"),
        &"x-many: 1\r\n".repeat(150),
        "x-blank : 1\r\n",
        "x-folded: 1\r\n 2\r\n",
        ": 1\r\n",
        "x-control: \u{1}\r\n",
        "x-bare: 1\n",
        "host: other.bank.test\r\n",
        "content-length: 1\r\ncontent-length: 2\r\n",
        "content-length: -1\r\n",
        "content-length: 18446744073709551615\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: chunked\r\n\r\nzz\r\n",
        "authorization: APIKEY another\r\n",
    ];
    let heads = lines.iter().map(|line| format!("POST {line}\r\n{fields}"));
    let heads = heads.chain(more.iter().map(|more| format!("POST {PATH} HTTP/1.1\r\n{fields}{more}")));
    let others = ["CONNECT", "TRACE", "PO(ST", "DELETE"].map(|verb| format!("{verb} {PATH} HTTP/1.1\r\n{fields}"));
    let without_host = format!("POST {PATH} HTTP/1.1\r\nauthorization: APIKEY {API_KEY}\r\n");
    for head in heads.chain(others).chain([without_host]) {
        let what = head.chars().take(200).collect::<String>();
        let mut stream = door.honest().connect().await.unwrap();
        let last = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let received = raw::exchange(&mut stream, format!("{last}\r\n").as_bytes()).await;
        assert_eq!(raw::statuses(&received), [503], "{what:?}");
        assert!(!String::from_utf8_lossy(&received).contains("received"), "{what:?} was answered by the backend");
    }
    let good = format!("POST {PATH} HTTP/1.1\r\nconnection: close\r\n{fields}content-length: 0\r\n\r\n");
    let mut stream = door.honest().connect().await.unwrap();
    assert_eq!(raw::statuses(&raw::exchange(&mut stream, good.as_bytes()).await), [204], "control");
}

#[tokio::test]
async fn a_head_of_http2_over_the_limit_is_answered_with_503() {
    let door = door("\"cof\"", API_KEYS).await;
    let caller = door.honest().h2();
    let key = format!("APIKEY {API_KEY}");
    // Each within what one field may have; together over the limit of 64 KiB.
    let long = "x".repeat(4000);
    let names: Vec<String> = (0..20).map(|number| format!("x-long-{number}")).collect();
    for (fields, status) in [(2, 204), (20, 503)] {
        let mut headers = vec![("authorization", key.as_str())];
        headers.extend(names.iter().take(fields).map(|name| (name.as_str(), long.as_str())));
        assert_eq!(ask(&caller, ("POST", PATH), &headers, "").await.status, status, "{fields} long fields");
    }
}

#[tokio::test]
async fn a_wrong_key_is_final_for_whoever_wants_it_so_and_nothing_else_is() {
    let door = door("\"cof\"", &format!("wrong_key = \"503\"\n{API_KEYS}")).await;
    let key = format!("APIKEY {API_KEY}");
    for (setting, wrong) in [("503", 503), ("401", 401)] {
        if setting == "401" {
            door.edit("wrong_key = \"503\"", "wrong_key = \"401\"");
            door.expect_reload("unchanged").await;
        }
        for caller in callers(&door) {
            for shown in ["APIKEY other", "Bearer other", OTHER_BASIC, ""] {
                let reply = ask(&caller, ("POST", PATH), &[("authorization", shown)], "").await;
                assert_eq!((reply.status, reply.body.len()), (wrong, 0), "{setting}: {shown:?}");
                let challenge = (wrong == 401).then_some("APIKEY");
                assert_eq!(header(&reply, "www-authenticate"), challenge, "{setting}: {shown:?}");
            }
            let reply = ask(&caller, ("PUT", PATH), &[("authorization", &key)], "").await;
            assert_eq!(reply.status, 503, "{setting}: another verb");
            assert_eq!(ask(&caller, ("POST", PATH), &[("authorization", &key)], "").await.status, 204, "{setting}");
        }
    }
}

#[tokio::test]
async fn a_key_is_shown_in_either_of_the_published_ways_and_goes_no_further() {
    let door = door("\"cof\"", API_KEYS).await;
    for caller in callers(&door) {
        for shown in [&*format!("apikey  {API_KEY}"), BASIC] {
            assert_eq!(ask(&caller, ("POST", PATH), &[("authorization", shown)], "").await.status, 204, "{shown}");
            assert!(!door.backend.received(PATH).headers.contains_key("authorization"));
        }
        assert_eq!(ask(&caller, ("POST", PATH), &[("authorization", OTHER_BASIC)], "").await.status, 503);
    }
    assert_eq!(door.backend.all_arrivals(), 4);
    assert!(!door.server.log().contains(API_KEY), "the key is in the log");
}
