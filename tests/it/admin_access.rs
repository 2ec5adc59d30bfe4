//! Who is an administrator: told by what the listener is bound to and what is shown, and never by where a caller seems to come from.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpStream;

use crate::support::{Door, QUIET, Setup, door, raw};

const TOKEN: &str = "token-of-the-administrators";
const OTHER: &str = "token-of-somebody-else-here";

/// A door with more in its table of admin.
async fn open(admin: &str, files: Vec<(&str, Vec<u8>)>) -> Door {
    let arrange =
        |directory: &Path| door::edit(directory, "[admin]\nlisten = \"127.0.0.1:0\"", &format!("[admin]\n{admin}"));
    Door::with(Setup { log: QUIET, files, arrange: Some(&arrange), ..Setup::default() }).await
}

/// The status that a caller from 127.0.0.1 gets.
async fn ask(door: &Door, method: &str, path: &str, token: Option<&str>) -> u16 {
    let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nissuer-host-admin: 1\r\n{bearer}connection: close\r\n\r\n"
    );
    let loopback = SocketAddr::from(([127, 0, 0, 1], door.server.admin().port()));
    let mut stream = TcpStream::connect(loopback).await.unwrap();
    assert!(stream.local_addr().unwrap().ip().is_loopback());
    let answer = String::from_utf8(raw::exchange(&mut stream, request.as_bytes()).await).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_caller_from_loopback_is_nobody_special_to_a_listener_that_others_reach() {
    for admin in ["listen = \"0.0.0.0:0\"".to_owned(), format!("listen = \"0.0.0.0:0\"\ntoken = \"{TOKEN}\"")] {
        let door = open(&admin, Vec::new()).await;
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(ask(&door, "GET", path, None).await, 200, "{admin} {path}");
        }
        // Without TLS a token is not even compared.
        for token in [None, Some(TOKEN), Some(OTHER)] {
            for (method, path) in [("GET", "/status"), ("GET", "/inbox"), ("POST", "/reload"), ("POST", "/session")] {
                assert_eq!(ask(&door, method, path, token).await, 403, "{admin} {method} {path} {token:?}");
            }
        }
        assert_eq!(door.server.reloads("unchanged").await, 0);
    }
    let control = open("listen = \"127.0.0.1:0\"", Vec::new()).await;
    assert_eq!(ask(&control, "GET", "/status", None).await, 200);
    assert_eq!(ask(&control, "POST", "/reload", None).await, 200);
    assert_eq!(control.server.reloads("unchanged").await, 1);
}

#[tokio::test]
async fn a_token_that_cannot_be_read_at_a_reload_leaves_the_one_before_in_force() {
    let admin = "listen = \"127.0.0.1:0\"\ntoken_file = \"admin-token\"";
    let door = open(admin, vec![("admin-token", TOKEN.into())]).await;
    let asked = async |token| ask(&door, "GET", "/status", token).await;
    assert_eq!((asked(None).await, asked(Some(TOKEN)).await, asked(Some(OTHER)).await), (401, 200, 401));
    let file = door.directory.path().join("admin-token");
    let missing = || std::fs::remove_file(&file).unwrap();
    let empty = || door.replace("admin-token", "");
    let binary = || door.replace("admin-token", [0xff; 40]);
    let directory = || {
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
    };
    let harms: [(&str, &dyn Fn()); 4] = [
        ("empty", &empty),
        ("binary", &binary),
        ("missing", &missing),
        ("a directory", &|| {
            door.replace("admin-token", TOKEN);
            directory();
        }),
    ];
    for (harm, harming) in harms {
        harming();
        assert_eq!(ask(&door, "POST", "/reload", Some(TOKEN)).await, 422, "{harm}");
        assert_eq!((asked(None).await, asked(Some(TOKEN)).await), (401, 200), "{harm}");
    }
    std::fs::remove_dir(&file).unwrap();
    door.replace("admin-token", OTHER);
    assert_eq!(ask(&door, "POST", "/reload", Some(TOKEN)).await, 200);
    assert_eq!((asked(None).await, asked(Some(TOKEN)).await, asked(Some(OTHER)).await), (401, 401, 200), "control");
    // Nor does a token that is gone from the configuration with something else wrong in it open the door.
    door.edit("token_file = \"admin-token\"\n", "misspelt = 1\n");
    assert_eq!(ask(&door, "POST", "/reload", Some(OTHER)).await, 422);
    assert_eq!((asked(None).await, asked(Some(OTHER)).await), (401, 200));
}
