//! What a process has used so far, as Linux counts it.

use std::fs;
use std::time::Duration;

use super::Error;

/// Length of a clock tick in `/proc/PID/stat`: `USER_HZ` is 100 on every Linux architecture that this crate is built for.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of all threads of `pid`, user and system, dead threads included. Its resolution is a tick.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, Error> {
    let stat = read(pid, "stat")?;
    // The second field is the program's name in parentheses, and may itself hold any character.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no program name")?;
    // utime and stime are fields 14 and 15 of proc(5); the rest begins at field 3.
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}

/// Resident memory of `pid` in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64, Error> {
    let status = read(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("/proc/PID/status has no VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024)
}

fn read(pid: u32, file: &str) -> Result<String, Error> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).map_err(|error| format!("process {pid}: {error}").into())
}
