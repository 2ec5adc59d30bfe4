//! The way to a file, link by link: what has to be watched so that no change of what it leads to goes unseen.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Links that are followed on the way to one file: what Linux follows itself (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// What a path led to when it was looked at: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

/// What has to be watched for a set of files.
///
/// Kubernetes mounts `tls.crt -> ..data/tls.crt` and `..data -> ..2026_01_01/`, and renews by renaming another `..data` over the old one:
/// an event in the directory of the *link*, none in that of the file. So each link on the way is a hop, and so is the file itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hops {
    /// Directories that hold a hop, and the files at the ends: a write through another hard link is reported by the file alone. No path
    /// has a link in it.
    pub(super) watches: BTreeMap<PathBuf, Identity>,
    /// Names of the hops. A name that is missing counts, in the nearest directory that exists: that is where it will appear.
    ///
    /// Without their directories: mounted twice, a directory has two paths and one inode, and its events come with either path.
    pub(super) names: HashSet<OsString>,
}

impl Hops {
    /// Follows the way to each file as it is now. Blocking.
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let mut hops = Self::default();
        for file in files {
            // Fails on an empty path only, or where there is no current directory.
            if let Ok(path) = std::path::absolute(file) {
                hops.follow(&path);
            }
        }
        hops
    }

    fn follow(&mut self, path: &Path) {
        let mut rest: VecDeque<OsString> = parts(path).collect();
        let mut links = 0;
        // Always a directory without a link on its way, so that its parent is the directory that `..` means.
        let mut at = PathBuf::from("/");
        while let Some(part) = rest.pop_front() {
            match Path::new(&part).components().next() {
                Some(Component::RootDir) => at = PathBuf::from("/"),
                Some(Component::ParentDir) => _ = at.pop(),
                Some(Component::Normal(_)) => {
                    let next = at.join(&part);
                    match next.symlink_metadata() {
                        Ok(found) if found.is_symlink() => {
                            self.hop(&at, part);
                            links += 1;
                            let Ok(target) = next.read_link() else { return };
                            if links > MOST_LINKS {
                                return;
                            }
                            for part in parts(&target).rev() {
                                rest.push_front(part);
                            }
                        }
                        Ok(found) if found.is_dir() && !rest.is_empty() => at = next,
                        Ok(found) => {
                            self.hop(&at, part);
                            if found.is_file() {
                                self.watches.insert(next, Identity::of(&found));
                            }
                            return;
                        }
                        // Missing, or not ours to look at.
                        Err(_) => return self.hop(&at, part),
                    }
                }
                Some(Component::CurDir | Component::Prefix(_)) | None => {}
            }
        }
    }

    fn hop(&mut self, directory: &Path, name: OsString) {
        // What is gone by now is seen to be gone when the way is followed once more.
        if let Ok(found) = directory.symlink_metadata() {
            self.watches.insert(directory.to_owned(), Identity::of(&found));
        }
        self.names.insert(name);
    }
}

impl Identity {
    fn of(found: &std::fs::Metadata) -> Self {
        Self(found.dev(), found.ino())
    }
}

fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().map(|part| part.as_os_str().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn watched(hops: &Hops, root: &Path) -> Vec<String> {
        let root = root.canonicalize().unwrap();
        hops.watches.keys().map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn each_link_on_the_way_is_a_hop_and_so_is_the_file() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for directory in ["mount", "mount/..2026", "elsewhere/deep"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        fs::write(at("mount/..2026/tls.crt"), "x").unwrap();
        symlink("..2026", at("mount/..data")).unwrap();
        symlink("..data/tls.crt", at("mount/tls.crt")).unwrap();
        symlink(at("mount"), at("elsewhere/deep/absolute")).unwrap();
        symlink("deep/../deep/absolute/tls.crt", at("elsewhere/relative")).unwrap();

        let hops = Hops::of(&[at("elsewhere/relative")]);

        let expected = ["elsewhere", "elsewhere/deep", "mount", "mount/..2026", "mount/..2026/tls.crt"];
        assert_eq!(watched(&hops, root.path()), expected);
        for name in ["relative", "absolute", "tls.crt", "..data"] {
            assert!(hops.names.contains(&OsString::from(name)), "{name}");
        }
    }

    #[test]
    fn what_is_missing_is_waited_for_in_the_nearest_directory_that_exists() {
        let root = tempfile::tempdir().unwrap();
        let hops = Hops::of(&[root.path().join("not/yet/tls.crt")]);
        assert_eq!(watched(&hops, root.path()), [""]);
        assert_eq!(hops.names, HashSet::from(["not".into()]));
    }

    #[test]
    fn links_that_lead_in_a_circle_end() {
        let root = tempfile::tempdir().unwrap();
        symlink("b", root.path().join("a")).unwrap();
        symlink("a", root.path().join("b")).unwrap();
        let hops = Hops::of(&[root.path().join("a")]);
        assert_eq!(hops.names, HashSet::from(["a".into(), "b".into()]));
    }

    #[test]
    fn a_file_on_the_way_where_a_directory_should_be_is_a_hop() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "x").unwrap();
        let hops = Hops::of(&[root.path().join("file/tls.crt")]);
        assert_eq!(watched(&hops, root.path()), ["", "file"]);
    }
}
