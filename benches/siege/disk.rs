//! A disk that is full, for a while, under the inbox.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::time::sleep;

use crate::place::Place;
use crate::program::Error;
use crate::program::backend::Mood;
use crate::program::client::{Call, Http};

/// What is taken away in the beginning, so that it can be given back.
const BALLAST: usize = 4 << 20;
/// After this many refusals in a row the disk is called full.
const REFUSALS: usize = 20;
/// What the deliveries of all that was acknowledged may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file system of 8 MiB, as long as it is held.
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// # Errors
    /// Why there is none: words for the table.
    pub(crate) fn mount() -> Result<Self, String> {
        let directory = TempDir::new().map_err(|error| error.to_string())?;
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(directory.path()).output();
        let mounted = mount.map_err(|error| format!("mount: {error}"))?;
        if !mounted.status.success() {
            return Err(format!("mount: {}", String::from_utf8_lossy(&mounted.stderr).trim()));
        }
        let disk = Self(directory);
        fs::write(disk.ballast(), vec![1; BALLAST]).map_err(|error| error.to_string())?;
        Ok(disk)
    }

    pub(crate) fn inbox(&self) -> PathBuf {
        self.path().join("inbox.db")
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Notifications until none can be kept any more, for `time`; then there is room again, and all that was acknowledged arrives. What was
/// tried, and what went wrong.
pub(crate) async fn fill(place: &Place, disk: &SmallDisk, time: Duration) -> Result<(String, Vec<String>), Error> {
    let begun = Instant::now();
    let mut connection = place.honest(Http::One)?.connect().await?;
    let (mut acknowledged, mut refused, mut in_a_row, mut number) = (BTreeSet::new(), 0, 0, 0_u64);
    let mut wrong = Vec::new();
    while begun.elapsed() < time || in_a_row < REFUSALS {
        if begun.elapsed() > time + PATIENCE {
            return Err("the disk never gets full".into());
        }
        number += 1;
        let operation = format!("{number}-{}", "x".repeat(16 * 1024));
        match connection.call(&notification(number, &operation)).await?.as_u16() {
            204 => {
                acknowledged.insert(operation);
                in_a_row = 0;
            }
            503 => {
                refused += 1;
                in_a_row += 1;
                sleep(Duration::from_millis(20)).await;
            }
            other => wrong.push(format!("a notification was answered with {other}")),
        }
    }
    fs::remove_file(disk.ballast())?;
    let freed = Instant::now();
    let operation = "after-all".to_owned();
    while connection.call(&notification(0, &operation)).await? != 204 {
        if freed.elapsed() > PATIENCE {
            wrong.push("nothing is kept although there is room again".to_owned());
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let again = freed.elapsed();
    acknowledged.insert(operation);
    place.backend.set(Mood::Well);
    let lost = loop {
        let served = place.backend.served();
        let lost = acknowledged.iter().filter(|operation| !served.contains_key(*operation)).count();
        if lost == 0 || freed.elapsed() > PATIENCE {
            break lost;
        }
        sleep(Duration::from_millis(100)).await;
    };
    if lost > 0 {
        wrong.push(format!("{lost} acknowledged notifications never arrived"));
    }
    let (kept, again) = (acknowledged.len(), again.as_secs_f64());
    let tried = format!(
        "{number} notifications of 16 kB: {kept} acknowledged, {refused} answered 503; kept again {again:.1} s after there was room; {lost} lost"
    );
    Ok((tried, wrong))
}

fn notification(number: u64, operation: &str) -> Call {
    Call::notification("ISSUER0001", &format!("card-{number}"), operation)
}
