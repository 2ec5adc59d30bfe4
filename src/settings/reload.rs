//! `[reload]`: what makes a running server look at its files again. SIGHUP and `POST /reload` always do.

use std::time::Duration;

use super::quantity::duration_or_off;
use super::reader::Section;
use super::typed::flag;

/// `[reload]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReloadSettings {
    /// Whether the directories of the files are watched.
    pub watch: bool,
    /// How often the contents of the files are compared, for file systems that tell of no change (bind mounts, NFS);
    /// `None` for never.
    pub poll: Option<Duration>,
}

/// Often enough for a revocation list that was renewed in time, seldom enough to cost nothing.
const POLL: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60 * 60);

pub(super) fn read(section: &mut Section<'_>) -> Option<ReloadSettings> {
    let watch = section.required("watch", flag);
    let poll = section.required("poll", duration_or_off(POLL));
    let settings = ReloadSettings { watch: watch?, poll: poll? };
    if !settings.watch && settings.poll.is_none() {
        section.warn(format!(
            "{} and {} are both off: new certificates, keys and revocation lists are taken up on SIGHUP and POST /reload only.",
            section.key("watch"),
            section.key("poll")
        ));
    }
    Some(settings)
}
