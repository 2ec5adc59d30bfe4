//! How far long work is: on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::inbox::store::{Filter, Store, StoreError};

/// A bar of `total` entries. Gone when it is finished.
pub(super) fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    // The template is ours, and right.
    let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} {per_sec} {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// How many entries there are, roughly: time, lane and correlation id are left out of account.
pub(super) async fn roughly(store: &dyn Store, filter: &Filter) -> Result<u64, StoreError> {
    let counts = store.counts().await?;
    let counted = counts.iter().filter(|count| {
        filter.environment.as_ref().is_none_or(|environment| *environment == count.environment)
            && filter.operation.as_ref().is_none_or(|operation| *operation == count.operation)
            && filter.state.is_none_or(|state| state == count.state)
    });
    Ok(counted.map(|count| count.entries).sum())
}
