//! Lines that come slowly, fast, and while nobody reads.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use super::{LIMIT, Outlet, Torn};
use crate::telemetry::json::testing::Kept;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says when it was come to, and writes to `to` once it may.
struct Gate {
    reached: Sender<()>,
    open: Receiver<()>,
    to: Kept,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.reached.send(());
        // Who is gone lets everything pass.
        let _ = self.open.recv();
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_of_many_threads_come_out_whole_and_in_each_one_s_order() {
    let kept = Kept::default();
    let outlet = Outlet::to(kept.clone()).unwrap();
    thread::scope(|scope| {
        for writer in 0..4 {
            let mut outlet = outlet.clone();
            scope.spawn(move || (0..5000).for_each(|line| writeln_at_once(&mut outlet, &format!("{writer} {line}"))));
        }
    });
    assert!(outlet.flush(PATIENCE));
    let lines = kept.texts();
    assert_eq!(lines.len(), 20_000);
    for writer in 0..4 {
        let of: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix(&format!("{writer} "))).collect();
        let expected: Vec<_> = (0..5000).map(|line| line.to_string()).collect();
        assert_eq!(of, expected);
    }
}

#[test]
fn a_line_after_a_silence_needs_nobody_who_hurries() {
    let (arrived, arrivals) = mpsc::channel();
    let mut outlet = Outlet::to(Told(arrived)).unwrap();
    for line in ["first", "second", "third"] {
        writeln_at_once(&mut outlet, line);
        assert_eq!(arrivals.recv_timeout(PATIENCE).unwrap(), format!("{line}\n").into_bytes());
    }
}

#[test]
fn a_reader_that_stalls_stops_nobody_and_what_is_lost_for_it_is_told() {
    let ((reached, arrivals), (opened, open), kept) = (mpsc::channel(), mpsc::channel(), Kept::default());
    let outlet = Outlet::to(Gate { reached, open, to: kept.clone() }).unwrap();
    let line = "x".repeat(1023);
    let lines = 3 * LIMIT / 1024;
    writeln_at_once(&mut outlet.clone(), &line);
    arrivals.recv_timeout(PATIENCE).unwrap();
    // Would never end if it waited.
    (1..lines).for_each(|_| writeln_at_once(&mut outlet.clone(), &line));
    assert!(!outlet.flush(Duration::ZERO));
    let lost = outlet.state().lost;
    assert!(lost > 0 && outlet.state().lines.len() <= LIMIT);

    drop(opened);
    assert!(outlet.flush(PATIENCE));
    let kept = kept.texts();
    assert!(kept.iter().all(|kept| *kept == line), "no line is cut");
    assert_eq!(kept.len() as u64 + lost, lines as u64);
    assert_eq!(outlet.state().lost, 0, "taken to be told");
}

#[test]
fn a_pipe_that_does_not_block_loses_nothing() {
    /// Takes a byte at every third time.
    struct Reluctant(Kept, usize);
    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            match self.1 % 3 {
                0 => self.0.write(&bytes[..1]),
                1 => Err(io::ErrorKind::Interrupted.into()),
                _ => Err(io::ErrorKind::WouldBlock.into()),
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let kept = Kept::default();
    let mut outlet = Outlet::to(Reluctant(kept.clone(), 0)).unwrap();
    writeln_at_once(&mut outlet, "whole");
    assert!(outlet.flush(PATIENCE));
    assert_eq!(kept.texts(), ["whole"]);
}

#[test]
fn whoever_reads_no_more_keeps_nobody() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut outlet = Outlet::to(Closed).unwrap();
    for _ in 0..3 {
        writeln_at_once(&mut outlet, "for nobody");
        assert!(outlet.flush(PATIENCE));
    }
}

#[test]
fn lines_that_a_full_disk_does_not_take_are_counted_and_the_next_one_begins_anew() {
    /// Takes as many bytes as there is room for.
    struct Disk<'r>(&'r mut usize, Vec<u8>);
    impl Write for Disk<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(*self.0);
            *self.0 -= taken;
            self.1.extend_from_slice(&bytes[..taken]);
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut torn = Torn::default();
    let mut round = |mut room: usize, lines: &str| {
        let mut disk = Disk(&mut room, Vec::new());
        let lost = torn.write(&mut disk, lines.as_bytes());
        (lost, String::from_utf8(disk.1).unwrap())
    };
    assert_eq!(round(100, "first\nsecond\n"), (0, "first\nsecond\n".into()));
    assert_eq!(round(9, "third\nfourth\nfifth\n"), (2, "third\nfou".into()));
    assert_eq!(round(0, "sixth\n"), (1, String::new()));
    assert_eq!(round(100, "seventh\n"), (0, "\nseventh\n".into()));
    assert_eq!(round(8, "eighth\nninth\n"), (1, "eighth\nn".into()));
    assert_eq!(round(1, "tenth\n"), (1, "\n".into()), "room for the end of the torn line alone");
    assert_eq!(round(100, "eleventh\n"), (0, "eleventh\n".into()));
    assert_eq!(round(0, "twelfth\n"), (1, String::new()), "nothing of it came out");
    assert_eq!(round(100, "last\n"), (0, "last\n".into()));
}

/// Sends on what it is given.
struct Told(Sender<Vec<u8>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As events are written: a line in one piece.
fn writeln_at_once(outlet: &mut Outlet, line: &str) {
    outlet.write_all(format!("{line}\n").as_bytes()).unwrap();
}
