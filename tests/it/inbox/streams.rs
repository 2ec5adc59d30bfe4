//! Deliveries to NATS.

use std::process::{Child, Command, Stdio};

use async_nats::jetstream::{self, stream};
use futures_util::StreamExt as _;
use tempfile::TempDir;

use crate::support::{Door, eventually};

use super::database::free_port;
use super::recorder::{SQLITE, notification};

/// A server of a test's own, which it may kill.
struct Nats {
    program: String,
    directory: TempDir,
    port: u16,
    child: Child,
}

impl Nats {
    fn start() -> Self {
        let program =
            std::env::var("ISSUER_HOST_TEST_NATS_BIN").expect("scripts/services.sh says where nats-server is");
        let (directory, port) = (TempDir::new().unwrap(), free_port());
        let child = Self::run(&program, &directory, port);
        Self { program, directory, port, child }
    }

    fn run(program: &str, directory: &TempDir, port: u16) -> Child {
        let mut command = Command::new(program);
        command.args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]).arg(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn up(&mut self) {
        self.child = Self::run(&self.program, &self.directory, self.port);
    }

    async fn client(&self) -> jetstream::Context {
        for _ in 0..400 {
            if let Ok(client) = async_nats::connect(format!("127.0.0.1:{}", self.port)).await {
                return jetstream::new(client);
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("nats-server does not start");
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn send(door: &Door, operation: &str) {
    let reply = door.honest().session().await.unwrap().send(notification("card", operation)).await.unwrap();
    assert_eq!(reply.status, 204, "{reply:?}");
}

#[tokio::test]
#[ignore = "needs nats-server: scripts/test.sh starts one and runs it"]
async fn a_stream_gets_each_notification_once_and_in_order_although_its_server_is_killed_in_between() {
    let mut nats = Nats::start();
    let config = stream::Config {
        name: "events".into(),
        subjects: vec!["thales.>".into()],
        storage: stream::StorageType::File,
        ..stream::Config::default()
    };
    nats.client().await.create_stream(config).await.unwrap();
    let events = format!("events_url = \"nats://127.0.0.1:{}\"", nats.port);
    let door = super::recorder::open_signed(SQLITE, &events).await;
    send(&door, "1").await;
    eventually("the first delivery", async || {
        door.server.metric("issuer_host_inbox_received_total").await > 0.5 && nothing_pending(&door)
    })
    .await;
    nats.kill();
    send(&door, "2").await;
    send(&door, "3").await;
    eventually("an attempt that fails", async || !door.server.events("delivery_failed").is_empty()).await;
    nats.up();
    let client = nats.client().await;
    let stream = client.get_stream("events").await.unwrap();
    let count = async || stream.get_info().await.unwrap().state.messages;
    eventually("all of them", async || count().await >= 3).await;
    eventually("all to be settled", async || nothing_pending(&door)).await;
    assert_eq!(count().await, 3);
    let consumer = stream.create_consumer(jetstream::consumer::pull::Config::default()).await.unwrap();
    let mut messages = consumer.fetch().max_messages(3).messages().await.unwrap();
    let mut operations = Vec::new();
    while let Some(message) = messages.next().await {
        let message = message.unwrap();
        assert_eq!(message.subject.as_str(), "thales.preprod.d1.notifyCardOperationV1");
        let headers = message.headers.as_ref().unwrap();
        assert_eq!(headers.get("ce-id"), headers.get("Nats-Msg-Id"));
        let body: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        operations.push(body["operationId"].as_str().unwrap().to_owned());
    }
    assert_eq!(operations, ["1", "2", "3"]);
}

fn nothing_pending(door: &Door) -> bool {
    let output = Command::new(env!("CARGO_BIN_EXE_issuer-host"))
        .current_dir(door.directory.path())
        .args(["inbox", "list", "--state", "pending", "--format", "json", "--config", "issuer-host.toml"])
        .output()
        .unwrap();
    output.status.success() && output.stdout.is_empty()
}
