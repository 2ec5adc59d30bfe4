//! The process as Linux sees it, read when somebody asks. What cannot be read is not told.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::registry::Told;
use super::table;

const PROC: &str = "/proc";
/// A tick of the clock that `/proc` counts in: a hundredth of a second on every architecture that this runs on (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// What was read last. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Process {
    cpu: Reading,
    memory: Reading,
    open_fds: Reading,
    max_fds: Reading,
    started: Reading,
    threads: Reading,
    /// When it was begun to measure, which is next to the start: for where the system's own clock cannot be read.
    begun: SystemTime,
}

impl Process {
    pub(super) fn begin(now: SystemTime) -> Self {
        let [cpu, memory, open_fds, max_fds, started, threads] = Default::default();
        Self { cpu, memory, open_fds, max_fds, started, threads, begun: now }
    }

    pub(super) fn tell(&self, told: &mut Told) {
        told.tell(table::PROCESS_CPU, Total(self.cpu.clone()));
        told.tell(table::PROCESS_MEMORY, self.memory.clone());
        told.tell(table::PROCESS_OPEN_FDS, self.open_fds.clone());
        told.tell(table::PROCESS_MAX_FDS, self.max_fds.clone());
        told.tell(table::PROCESS_START_TIME, self.started.clone());
        told.tell(table::PROCESS_THREADS, self.threads.clone());
    }

    /// Open file descriptors, and how many there may be, as they were read last.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers far below the limit")]
    pub(super) fn file_descriptors(&self) -> Option<(u64, u64)> {
        Some((self.open_fds.value()? as u64, self.max_fds.value()? as u64))
    }

    /// Reads everything again.
    pub(super) fn look(&self) {
        self.look_at(Path::new(PROC));
    }

    fn look_at(&self, proc: &Path) {
        let stat = fs::read_to_string(proc.join("self/stat")).ok();
        let stat = stat.as_deref().and_then(Stat::parse);
        let seconds = |ticks: u64| TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX)).as_secs_f64();
        self.cpu.set(stat.as_ref().map(|stat| seconds(stat.cpu)));
        self.threads.set(stat.as_ref().map(|stat| stat.threads));
        if self.started.is_unknown() {
            // A service that sees nothing but processes (systemd's `ProcSubset=pid`) has no such file.
            let booted = fs::read_to_string(proc.join("stat")).ok();
            let told = stat.as_ref().and_then(|stat| started(booted.as_deref()?, seconds(stat.started)));
            let begun = self.begun.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.started.set(Some(told.unwrap_or(begun.as_secs_f64())));
        }
        let status = fs::read_to_string(proc.join("self/status")).ok();
        self.memory.set(status.as_deref().and_then(|text| field(text, "VmRSS:")).map(|kib| kib * 1024.0));
        self.open_fds.set(open_fds(&proc.join("self/fd")));
        let limits = fs::read_to_string(proc.join("self/limits")).ok();
        self.max_fds.set(limits.as_deref().and_then(|text| field(text, "Max open files")));
    }
}

/// The fields of `/proc/self/stat` (`proc_pid_stat(5)`) that are told.
struct Stat {
    /// User and system, in ticks.
    cpu: u64,
    threads: f64,
    /// Since the machine was booted, in ticks.
    started: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program stands in brackets, and may hold blanks and brackets itself. Behind it is the third field.
        let (_, behind) = text.rsplit_once(')')?;
        let fields: Vec<&str> = behind.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let threads = u32::try_from(number(20)?).ok()?;
        Some(Self { cpu: number(14)?.saturating_add(number(15)?), threads: threads.into(), started: number(22)? })
    }
}

/// The first number behind `name` on the line that begins with it.
fn field(text: &str, name: &str) -> Option<f64> {
    let behind = text.lines().find_map(|line| line.strip_prefix(name))?;
    behind.split_ascii_whitespace().next()?.parse().ok()
}

/// When the process was started, in seconds since 1970: so many seconds after the machine, of which `/proc/stat` tells.
fn started(stat: &str, after: f64) -> Option<f64> {
    field(stat, "btime").map(|booted| booted + after)
}

fn open_fds(directory: &Path) -> Option<f64> {
    // Newer kernels tell their number as the size of the directory; older ones say 0.
    let told = fs::metadata(directory).ok().map(|found| found.len()).filter(|length| *length > 0);
    // The directory that is being read is one of them.
    let counted = || fs::read_dir(directory).ok().map(|all| (all.count() as u64).saturating_sub(1));
    Some(f64::from(u32::try_from(told.or_else(counted)?).ok()?))
}

/// A number, where it is known.
#[derive(Clone, Debug, Default)]
struct Reading(Arc<Mutex<Option<f64>>>);

impl Reading {
    fn set(&self, value: Option<f64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    fn value(&self) -> Option<f64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_unknown(&self) -> bool {
        self.value().is_none()
    }
}

impl EncodeMetric for Reading {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        self.value().map_or(Ok(()), |value| encoder.encode_gauge(&value))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// A reading that only grows.
#[derive(Clone, Debug)]
struct Total(Reading);

impl EncodeMetric for Total {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.value().map_or(Ok(()), |value| encoder.encode_counter::<NoLabelSet, _, f64>(&value, None))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_does_not_shift_the_fields_behind_it() {
        let text =
            "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 12345 1000 200 18446744073709551615";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.cpu, stat.threads, stat.started), (300, 9.0, 12345));
        assert!(Stat::parse("7 (a) S 1").is_none());
    }

    /// As systemd's `ProcSubset=pid` has it.
    #[test]
    fn where_nothing_but_processes_can_be_seen_the_start_is_when_it_was_begun_to_measure() {
        let proc = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/proc/self", proc.path().join("self")).unwrap();
        let begun = || Process::begin(SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000));
        let process = begun();
        process.look_at(proc.path());
        assert_eq!(process.started.value(), Some(1.9e9));
        assert!(process.memory.value().is_some() && process.open_fds.value().is_some(), "the rest is told as ever");

        // Control: with the file, by what stands there.
        fs::write(proc.path().join("stat"), "cpu 1 2 3\nbtime 1700000000\nprocesses 7\n").unwrap();
        process.look_at(proc.path());
        assert_eq!(process.started.value(), Some(1.9e9), "a start does not change");
        let process = begun();
        process.look_at(proc.path());
        assert!((1.7e9..1.8e9).contains(&process.started.value().unwrap()));
    }

    #[test]
    fn this_process_is_told_as_it_is() {
        let process = Process::begin(SystemTime::UNIX_EPOCH);
        assert_eq!(process.memory.value(), None);
        process.look();
        let before = process.open_fds.value().unwrap();
        let files: Vec<_> = (0..20).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        process.look();
        // Other tests open and close files meanwhile.
        assert!(process.open_fds.value().unwrap() > 3.0 && before > 3.0, "{before}");
        drop(files);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - process.started.value().unwrap();
        assert!((-2.0..3600.0).contains(&age), "{age} s old");
        assert!(process.memory.value().unwrap() > 1e6 && process.threads.value().unwrap() >= 1.0);
        assert!(process.max_fds.value().unwrap() >= process.open_fds.value().unwrap());
        assert!(process.cpu.value().unwrap() < 1e6);
    }
}
