//! What a process has used of the CPU, as Linux counts it.

use std::fs;
use std::time::Duration;

/// Length of a clock tick in `/proc/PID/stat`: `USER_HZ` is 100 on every Linux architecture that this crate is built for.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of all threads of a process (`None` = this one), user and system, to 10 ms. `None` where the system does not tell: it is not
/// Linux, or there is no such process.
#[must_use]
pub fn cpu_time(pid: Option<u32>) -> Option<Duration> {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may itself hold any character.
    let (_, fields) = stat.rsplit_once(')')?;
    // utime and stime are fields 14 and 15 of proc(5); the rest begins at field 3.
    let mut ticks = fields.split_whitespace().skip(11).map(|field| field.parse::<u32>().ok());
    Some(TICK * ticks.next()??.saturating_add(ticks.next()??))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn work_is_seen_and_a_process_that_is_not_there_has_none() {
        let before = cpu_time(None).unwrap();
        let begun = Instant::now();
        while cpu_time(None).unwrap() == before {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing is counted");
        }
        assert_eq!(cpu_time(Some(u32::MAX)), None);
    }
}
