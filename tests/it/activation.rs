//! Sockets that a supervisor holds and passes on: what systemd's socket activation does, with this process as the supervisor.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use crate::support::{Caller, Door, Refusal, Server, Setup, within};

/// A server that is passed one or two listening sockets, as descriptors 3 and 4.
fn passing(public: &TcpListener, admin: Option<&TcpListener>) -> Command {
    let inherited = |socket: &TcpListener| Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
    // What a child inherits as its own input and output is moved to where it expects sockets.
    let (number, moved) = if admin.is_some() { (2, "4<&1") } else { (1, "") };
    let mut command = Server::shell(&format!(
        "exec 3<&0 {moved} </dev/null >/dev/null; LISTEN_FDS={number} LISTEN_PID=$$ exec \"$@\""
    ));
    command.stdin(inherited(public));
    if let Some(admin) = admin {
        command.stdout(inherited(admin));
    }
    command
}

fn listen_on(socket: &TcpListener) -> String {
    format!("[\"{}\"]", socket.local_addr().unwrap())
}

#[tokio::test]
async fn a_restart_drops_no_connection_attempt_where_a_supervisor_holds_the_socket() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup { listen: Some(&listen_on(&socket)), command: Some(passing(&socket, None)), ..Setup::default() };
    let mut door = Door::with(setup).await;
    assert_eq!(door.server.address(), socket.local_addr().unwrap());
    door.honest().expect_accepted("before the restart").await;

    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    // Nobody runs; the kernel takes the connections.
    let mut waiting = Vec::new();
    for caller in [door.honest(), door.honest().tls12(), door.honest().h2()] {
        let socket = caller.socket().await.unwrap();
        waiting.push(tokio::spawn(async move { answered(&caller, socket).await }));
    }
    door.server = Server::start_as(passing(&socket, None), &door.directory.path().join("issuer-host.toml")).await;
    for call in waiting {
        assert_eq!(within("a call from between two servers", call).await.unwrap(), Ok(200));
    }

    // Control: whoever opens its own socket closes it, too.
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    drop(socket);
    door.server = Server::start(&door.directory.path().join("issuer-host.toml")).await;
    door.honest().expect_accepted("by a server with a socket of its own").await;
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
    assert_eq!(door.honest().call("/between").await.unwrap_err(), Refusal::NotListening);
}

async fn answered(caller: &Caller, socket: tokio::net::TcpStream) -> Result<u16, Refusal> {
    let mut session = caller.session_over(socket).await?;
    let request = crate::support::request("POST", "/between").body("honest".into()).unwrap();
    session.send(request).await.map(|reply| reply.status)
}

#[tokio::test]
async fn the_admin_listener_can_be_passed_as_well() {
    let (public, admin) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let admin_address = admin.local_addr().unwrap();
    let arrange = |directory: &std::path::Path| {
        let other = format!("[admin]\nlisten = \"{admin_address}\"");
        crate::support::door::edit(directory, "[admin]\nlisten = \"127.0.0.1:0\"", &other);
    };
    let door = Door::with(Setup {
        listen: Some(&listen_on(&public)),
        command: Some(passing(&public, Some(&admin))),
        arrange: Some(&arrange),
        ..Setup::default()
    })
    .await;
    assert_eq!(door.server.admin(), admin_address);
    assert_eq!(door.server.admin_fetch("/readyz").await.0, 200);
    door.honest().expect_accepted("over the passed socket").await;
}

#[tokio::test]
async fn a_socket_that_nothing_is_configured_for_is_refused_with_what_to_do() {
    let door = Door::open().await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = passing(&socket, None);
    command.args(["serve", "--config"]).arg(door.directory.path().join("issuer-host.toml"));
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    let ended = within("the server to give up", ended).await.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(78), "{said}");
    let address = socket.local_addr().unwrap().to_string();
    assert!(said.contains(&address) && said.contains("ListenStream="), "{said}");
}

#[tokio::test]
async fn sockets_for_another_process_are_left_alone() {
    let command = Server::shell("LISTEN_FDS=1 LISTEN_PID=1 exec \"$@\"");
    let other = Door::with(Setup { command: Some(command), ..Setup::default() }).await;
    other.honest().expect_accepted("by a server that was passed nothing").await;
}
