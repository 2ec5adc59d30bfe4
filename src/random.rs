//! Random bytes for ids, of which each request needs a few dozen.

use std::cell::RefCell;
use std::thread::{Builder, JoinHandle};

/// What is drawn at once, in bytes: a draw of the crypto library costs about as much whatever its length.
const DRAWN: usize = 1024;

struct Drawn {
    bytes: [u8; DRAWN],
    /// How many of them were given out.
    used: usize,
}

thread_local! {
    static DRAWN_BEFORE: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; DRAWN], used: DRAWN }) };
}

/// `N` random bytes that nobody else gets; `None` where the system has none. They are drawn ahead, so they are for ids that others see
/// anyway, and for no key.
pub(crate) fn for_id<const N: usize>() -> Option<[u8; N]> {
    const { assert!(N <= DRAWN) };
    DRAWN_BEFORE.with_borrow_mut(|drawn| {
        if DRAWN - drawn.used < N {
            // Should that fail, none of those before is given out twice.
            drawn.used = DRAWN;
            aws_lc_rs::rand::fill(&mut drawn.bytes).ok()?;
            drawn.used = 0;
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(drawn.bytes.get(drawn.used..drawn.used + N)?);
        drawn.used += N;
        Some(bytes)
    })
}

/// Has the crypto library gather its entropy beside what else a start does, half of which is waiting for files to be at rest. By itself it
/// would begin within the first handshake, which takes some forty milliseconds longer then. It is waited for when this is dropped: the
/// library must not be about that when the process ends.
#[derive(Debug)]
pub(crate) struct Gathering(Option<JoinHandle<()>>);

impl Gathering {
    pub(crate) fn begin() -> Self {
        let gather = || {
            // Where there is none, whoever needs it hears of that.
            let _ = aws_lc_rs::rand::fill(&mut [0]);
        };
        // Without a thread it begins with the first handshake.
        Self(Builder::new().name("entropy".to_owned()).spawn(gather).ok())
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        let _ = self.0.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_out_twice() {
        let drawn = |_| (0..200).map(|_| for_id::<16>().unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..3).map(|number| std::thread::spawn(move || drawn(number))).collect();
        let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).chain(drawn(3)).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 800);
        // Whatever the order of lengths.
        let (odd, even) = (for_id::<1023>().unwrap(), for_id::<24>().unwrap());
        assert!(!odd.windows(24).any(|part| part == even));
    }
}
