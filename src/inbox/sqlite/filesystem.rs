//! SQLite's locks and its shared memory do not hold across machines: a store on a network file system is damaged sooner or later
//! (<https://www.sqlite.org/wal.html>, <https://www.sqlite.org/howtocorrupt.html>).

use std::path::Path;

use crate::inbox::store::StoreError;

/// Types of file systems that other machines serve, as Linux names them. `fuse.` ones by what is behind the dot.
const NETWORK: [&str; 24] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "curlftpfs",
    "davfs",
    "gcsfuse",
    "gfs2",
    "glusterfs",
    "gpfs",
    "juicefs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "rclone",
    "s3fs",
    "smb3",
    "smbfs",
    "sshfs",
];

/// Refuses a folder on a network file system. Where the mounts cannot be read, as outside Linux, nothing is known against it.
pub(super) fn refuse_network(folder: &Path) -> Result<(), StoreError> {
    let (Ok(mounts), Ok(folder)) = (std::fs::read_to_string("/proc/self/mountinfo"), folder.canonicalize()) else {
        return Ok(());
    };
    match type_of(&mounts, &folder) {
        Some(kind) if is_network(&kind) => Err(StoreError::Rejected(format!(
            "{} is on a network file system ({kind}), where SQLite's locks do not hold; use a local disk, or PostgreSQL",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// The type of the file system that holds `path`, after `/proc/self/mountinfo` (proc(5)): of the mounts whose point is the longest
/// prefix of it, the last, which covers those before.
fn type_of(mounts: &str, path: &Path) -> Option<String> {
    let mut found: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let (Some(point), Some(kind)) = (before.split(' ').nth(4), after.split(' ').next()) else { continue };
        let point = unescaped(point);
        let length = point.len();
        if path.starts_with(&point) && found.is_none_or(|(longest, _)| length >= longest) {
            found = Some((length, kind));
        }
    }
    found.map(|(_, kind)| kind.to_owned())
}

/// Space, tab, newline and backslash stand as three octal digits behind a backslash.
fn unescaped(point: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(point.to_owned(), |point, (escape, character)| point.replace(escape, character))
}

fn is_network(kind: &str) -> bool {
    let name = kind.strip_prefix("fuse.").unwrap_or(kind);
    NETWORK.contains(&name) || name.starts_with("gluster") || name.starts_with("ceph")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
30 22 0:40 / /srv rw,relatime shared:2 - nfs4 filer:/export rw,vers=4.2\n\
31 30 8:2 / /srv/fast rw master:7 propagate_from:2 - xfs /dev/sdb1 rw\n\
32 22 0:41 / /mnt/our\\040share rw - fuse.sshfs user@host: rw\n\
33 22 0:42 / /over rw - nfs filer:/a rw\n\
34 22 0:43 / /over rw - tmpfs none rw\n\
broken line\n";

    fn kind(path: &str) -> String {
        type_of(MOUNTS, Path::new(path)).unwrap()
    }

    #[test]
    fn the_mount_that_is_nearest_to_the_file_counts() {
        assert_eq!(kind("/var/lib/inbox"), "ext4");
        assert_eq!(kind("/srv/inbox"), "nfs4");
        assert_eq!(kind("/srv/fast/inbox"), "xfs");
        assert_eq!(kind("/srv-other/inbox"), "ext4", "not a folder of /srv");
        assert_eq!(kind("/mnt/our share/inbox"), "fuse.sshfs");
        assert_eq!(kind("/over/inbox"), "tmpfs", "mounted over the other");
    }

    #[test]
    fn network_file_systems_are_told_from_local_ones() {
        for network in ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse"] {
            assert!(is_network(network), "{network}");
        }
        for local in ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "fuse.ntfs-3g", "f2fs"] {
            assert!(!is_network(local), "{local}");
        }
    }

    #[test]
    fn a_local_folder_is_taken() {
        // Wherever tests run, the folder of processes is not on the network.
        assert_eq!(refuse_network(Path::new("/proc")), Ok(()));
    }
}
