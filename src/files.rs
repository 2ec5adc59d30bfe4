//! Reading files that an operator names and may be writing to at the same time: at start-up, and again at each reload.

use std::fmt;
use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

/// Files are read over and over until two reads agree, this often at most. Who replaces certificate and key one after the
/// other must not have the old one installed with the new one, and nobody a text whose end is still to be written.
pub(crate) const MAX_ROUNDS: usize = 5;

/// Between two reads.
const ROUND: Duration = Duration::from_millis(20);

/// What is told, with the name in front, of a file of which no two reads agree.
pub(crate) const KEEPS_CHANGING: &str =
    "it keeps changing while it is read; write a new file beside it, then rename that one over it";

/// Why a file is not read. It stands behind the file's name: "x.pem cannot be read: {}".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is {0}, not a regular file; name a regular file")]
    NotAFile(Kind),
    #[error("it has more than {} MiB, and is not what belongs here", .0 >> 20)]
    TooLong(u64),
}

impl Unreadable {
    /// What an operating system calls it.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::NotAFile(Kind::Directory) => io::ErrorKind::IsADirectory,
            Self::NotAFile(_) => io::ErrorKind::InvalidInput,
            Self::TooLong(_) => io::ErrorKind::FileTooLarge,
        }
    }
}

impl From<Unreadable> for io::Error {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Io(error) => error,
            other => Self::new(other.kind(), other),
        }
    }
}

/// What is found where a regular file should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    Pipe,
    Device,
    Socket,
    Other,
}

impl Kind {
    fn of(found: FileType) -> Self {
        match found {
            _ if found.is_dir() => Self::Directory,
            _ if found.is_fifo() => Self::Pipe,
            _ if found.is_char_device() || found.is_block_device() => Self::Device,
            _ if found.is_socket() => Self::Socket,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "a directory",
            Self::Pipe => "a pipe",
            Self::Device => "a device",
            Self::Socket => "a socket",
            Self::Other => "something else",
        })
    }
}

/// Opens a regular file, and nothing else: a pipe without a writer, a device without an end would be waited for.
pub(crate) fn open(path: &Path) -> Result<File, Unreadable> {
    // What is there may be another thing a moment later, so that it is the open file that is asked. To open a pipe waits for its
    // writer, unless one says not to; to open a terminal could make it ours. Regular files know no difference.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // There are things that cannot even be opened: sockets.
        Err(error) => {
            let found = std::fs::metadata(path).map(|metadata| metadata.file_type());
            return Err(match found {
                Ok(found) if found.is_socket() => Unreadable::NotAFile(Kind::Socket),
                _ => error.into(),
            });
        }
    };
    let found = file.metadata()?.file_type();
    if found.is_file() { Ok(file) } else { Err(Unreadable::NotAFile(Kind::of(found))) }
}

/// All of a regular file that is not longer than `longest`, in bytes. Erased when dropped: it may be a key.
pub(crate) fn read(path: &Path, longest: u64) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    if length > longest {
        return Err(Unreadable::TooLong(longest));
    }
    // Room for all of it at once: a buffer that grows leaves copies of a key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    // It may grow while it is read, and some files (of /proc) do not know how long they are.
    file.take(longest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest { Err(Unreadable::TooLong(longest)) } else { Ok(bytes) }
}

/// The first of a row of reads that agrees with the one before it; else what differs between the last two.
pub(crate) fn settled<T, D>(
    first: T,
    mut take: impl FnMut() -> T,
    mut difference: impl FnMut(&T, &T) -> Option<D>,
) -> Result<T, D> {
    let mut last = first;
    let mut round = 1;
    loop {
        std::thread::sleep(ROUND);
        let next = take();
        round += 1;
        match difference(&last, &next) {
            None => return Ok(next),
            Some(difference) if round == MAX_ROUNDS => return Err(difference),
            Some(_) => last = next,
        }
    }
}

#[cfg(test)]
mod tests;
