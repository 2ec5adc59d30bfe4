//! Who shows the admin listener what is not its token.

use std::path::Path;

use crate::support::{Door, QUIET, Setup, door, raw};

use super::history::History;

pub(super) async fn wrong_tokens_are_shown_to_the_admin_listener() -> Vec<History> {
    let table = "[admin]\ntoken = \"token-of-the-administrators\"\n";
    let arrange = |directory: &Path| door::edit(directory, "[admin]\n", table);
    let door = Door::with(Setup { log: QUIET, arrange: Some(&arrange), ..Setup::default() }).await;
    let ask = async |token: &str| {
        let request = format!(
            "GET /status HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let mut stream = tokio::net::TcpStream::connect(door.server.admin()).await.unwrap();
        raw::exchange(&mut stream, request.as_bytes()).await.starts_with(b"HTTP/1.1 200")
    };
    let mut history = History::of(&door.server).await;
    // Who is let in, for an hour, alarms nobody.
    assert!(ask("token-of-the-administrators").await);
    history.goes_on(60, &door.server).await;
    assert!(!ask("token-of-somebody-else-here").await);
    history.goes_on(15, &door.server).await;
    vec![history]
}
