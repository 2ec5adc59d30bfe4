use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::mpsc;

use tempfile::TempDir;

use super::*;

/// What reading comes to, in another thread: what waits for ever is a failure in words and not a test without an end.
fn read_or_give_up(path: &Path) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let (answer, answered) = mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || answer.send(read(&path, 100)));
    answered.recv_timeout(Duration::from_secs(20)).expect("it is waited for")
}

#[test]
fn only_a_regular_file_is_read_and_nothing_is_waited_for() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("file"), "text").unwrap();
    std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
    for name in ["file", "link"] {
        assert_eq!(read_or_give_up(&at(name)).unwrap().as_slice(), b"text", "control: {name}");
    }
    std::fs::create_dir(at("directory")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    let _listener = UnixListener::bind(at("socket")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("device")).unwrap();
    for (name, kind) in
        [("directory", Kind::Directory), ("pipe", Kind::Pipe), ("socket", Kind::Socket), ("device", Kind::Device)]
    {
        match read_or_give_up(&at(name)) {
            Err(Unreadable::NotAFile(found)) if found == kind => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(read_or_give_up(&at("nothing")).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_pipe_that_has_a_writer_is_no_file_either() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let _writer = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    assert!(matches!(read_or_give_up(&path), Err(Unreadable::NotAFile(Kind::Pipe))));
}

#[test]
fn what_is_too_long_is_not_read() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, [b'a'; 100]).unwrap();
    assert_eq!(read(&path, 100).unwrap().len(), 100, "control");
    assert!(matches!(read(&path, 99), Err(Unreadable::TooLong(99))));
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_longer_than_the_system_says_is_not_read_either() {
    let path = Path::new("/proc/self/status");
    assert_eq!(std::fs::metadata(path).unwrap().len(), 0);
    assert!(read(path, 100_000).unwrap().len() > 99, "control");
    assert!(matches!(read(path, 99), Err(Unreadable::TooLong(99))));
}
