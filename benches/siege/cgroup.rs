//! A memory limit, by a control group of its own (version 1 or 2), as long as it is held.

use std::fs;
use std::path::{Path, PathBuf};

/// What the program may take, in bytes; sockets of the kernel included.
pub(crate) const LIMIT: u64 = 512 << 20;

pub(crate) struct Group(PathBuf);

impl Group {
    /// # Errors
    /// Why there is none: words for the table.
    pub(crate) fn make() -> Result<Self, String> {
        let name = format!("issuer-host-siege-{}", std::process::id());
        let (first, second) = (Path::new("/sys/fs/cgroup/memory"), Path::new("/sys/fs/cgroup"));
        let (parent, limit) = if first.join("memory.limit_in_bytes").exists() {
            (first, "memory.limit_in_bytes")
        } else if second.join("cgroup.controllers").exists() {
            (second, "memory.max")
        } else {
            return Err("there is no memory control group".to_owned());
        };
        let group = Self(parent.join(name));
        fs::create_dir(&group.0).map_err(|error| format!("{}: {error}", group.0.display()))?;
        fs::write(group.0.join(limit), LIMIT.to_string()).map_err(|error| format!("{limit}: {error}"))?;
        Ok(group)
    }

    /// A command that joins the group, and becomes what follows.
    pub(crate) fn prefix(&self) -> Vec<String> {
        let script = format!("echo $$ > '{}/cgroup.procs' && exec \"$@\"", self.0.display());
        ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
    }

    /// The most that it ever took, as the kernel counts it, in bytes.
    pub(crate) fn peak(&self) -> Option<u64> {
        let files = ["memory.max_usage_in_bytes", "memory.peak"];
        files.iter().find_map(|file| fs::read_to_string(self.0.join(file)).ok()?.trim().parse().ok())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its process has ended by then.
        let _ = fs::remove_dir(&self.0);
    }
}
