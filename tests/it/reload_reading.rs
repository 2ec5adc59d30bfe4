//! What stands in the place of a file may be none, or may never be read: the server says so, keeps what is in force, and ends when
//! it is told to.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use issuer_host::app::ConfigurationSource;
use issuer_host::{App, AppOptions, EnvironmentOptions};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::support::door::{replace, write};
use crate::support::{Door, Pki, QUIET, Setup, within};

/// Something that is put in the place of a file: its name, how it is told, how it is made.
type Intruder = (&'static str, &'static str, fn(&Path));

const INTRUDERS: &[Intruder] = &[
    ("a pipe", "a pipe", |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success())),
    ("a directory", "a directory", |path| std::fs::create_dir(path).unwrap()),
    ("a device", "a device", |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()),
    ("a huge file", "MiB", |path| std::fs::File::create(path).unwrap().set_len(1 << 40).unwrap()),
];

#[tokio::test]
async fn what_is_no_file_is_told_at_once_and_what_is_in_force_stays() {
    let pki = Pki::new();
    let setup = Setup {
        log: QUIET,
        backend: "ca = \"backend-ca.pem\"",
        backend_url: Some("https://127.0.0.1:1".to_owned()),
        files: vec![("backend-ca.pem", pki.servers.pem().into_bytes())],
        ..Setup::default()
    };
    let mut door = Door::behind(pki, setup).await;
    let at = |name: &str| door.directory.path().join(name);
    assert_eq!(door.server.try_reload().await.0, 200, "control");
    for file in ["client-ca.pem", "server-key.pem", "backend-ca.pem", "issuer-host.toml"] {
        for (name, told, intrude) in INTRUDERS {
            std::fs::rename(at(file), at("put-aside")).unwrap();
            intrude(&at(file));
            let (status, report) = within("the report", door.server.try_reload()).await;
            let report = report.to_string();
            assert_eq!(status, 422, "{name} as {file}: {report}");
            assert!(report.contains(told) && report.contains(file), "{name} as {file}: {report}");
            assert_eq!(door.server.epoch().await, 1, "{name} as {file}");
            let removed =
                if at(file).symlink_metadata().unwrap().is_dir() { std::fs::remove_dir } else { std::fs::remove_file };
            removed(at(file)).unwrap();
            std::fs::rename(at("put-aside"), at(file)).unwrap();
            assert_eq!(door.server.try_reload().await.0, 200, "{name} as {file}: healed");
        }
    }
    // The end is not waited for either.
    replace_by_pipe(door.directory.path(), "client-ca.pem");
    assert_eq!(door.server.try_reload().await.0, 422);
    door.server.terminate();
    assert_eq!(door.server.exit_code().await, Some(0));
}

fn replace_by_pipe(directory: &Path, name: &str) {
    std::fs::remove_file(directory.join(name)).unwrap();
    assert!(Command::new("mkfifo").arg(directory.join(name)).status().unwrap().success());
}

#[tokio::test]
async fn a_configuration_that_is_gone_or_says_nothing_changes_nothing() {
    let door = Door::with(Setup { log: QUIET, server: "max_connections = 77", ..Setup::default() }).await;
    let directory = door.directory.path();
    let good = std::fs::read_to_string(directory.join("issuer-host.toml")).unwrap();
    for (name, broken) in [("gone", None), ("empty", Some("")), ("a comment", Some("# [server]\n"))] {
        std::fs::remove_file(directory.join("issuer-host.toml")).unwrap();
        if let Some(text) = broken {
            write(directory, "issuer-host.toml", text);
        }
        let (status, report) = door.server.try_reload().await;
        assert_eq!((status, &report["configuration"]["outcome"]), (422, &"kept".into()), "{name}: {report}");
        assert_eq!(report["environments"]["preprod"]["outcome"], "unchanged", "{name}: {report}");
        door.honest().expect_accepted("an honest client while the configuration is broken").await;
        replace(directory, "issuer-host.toml", &good);
        let (status, report) = door.server.try_reload().await;
        assert_eq!((status, &report["configuration"]["outcome"]), (200, &"applied".into()), "{name}: {report}");
    }
}

#[tokio::test]
async fn a_reload_that_never_ends_does_not_keep_the_server_from_ending() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    write(directory.path(), "ca.pem", &pki.clients.pem());
    write(directory.path(), "chain.pem", &pki.server.chain_pem());
    write(directory.path(), "key.pem", &pki.server.key_pem());
    let file = |name: &str| issuer_host::tls::MaterialSource::File(directory.path().join(name));
    let environment = EnvironmentOptions::new(
        "preprod",
        file("ca.pem"),
        file("chain.pem"),
        file("key.pem"),
        issuer_host::handler::Handler::from(axum::Router::new()),
    );
    let mut options = AppOptions { environments: vec![environment], ..AppOptions::default() };
    options.server.listen = vec!["127.0.0.1:0".parse().unwrap()];
    options.admin = None;

    // Reading blocks as a file on a disk that does not answer does, until `release` is dropped.
    let (release, released) = mpsc::channel::<()>();
    let (reading, begun) = oneshot::channel();
    let mut reading = Some(reading);
    let source = ConfigurationSource::new(Vec::new(), move || {
        if let Some(reading) = reading.take() {
            reading.send(()).unwrap();
        }
        let _ = released.recv();
        Err("released".to_owned())
    });
    let app = App::bind(options).await.unwrap().with_configuration(source);
    let reloader = app.reloader();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(app.run(async { stopped.await.unwrap() }));
    let report = tokio::spawn(async move { reloader.reload().await });
    within("the reload to begin", begun).await.unwrap();
    assert!(!report.is_finished(), "control: the reload is under way");
    stop.send(()).unwrap();
    within("the end", running).await.unwrap();
    within("the answer", report).await.unwrap().unwrap_err();
    drop(release);
}
