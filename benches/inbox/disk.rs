//! What the disk can do: small writes, each of them made durable before the next.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Error;

/// Writes of 4 KiB that were made durable one after the other, in a second.
pub(crate) fn fsyncs_per_second(directory: &Path, time: Duration) -> Result<f64, Error> {
    let path = directory.join("fsync");
    let mut file = File::create(&path)?;
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / begun.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}
