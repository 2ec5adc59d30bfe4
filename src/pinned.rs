//! Large futures, made where they stay.

use std::pin::Pin;

/// The future that `make` makes, on the heap. It is made there: [`Box::pin`] takes one that was made on the stack and moves the whole of
/// it, thousands of bytes of which next to nothing is in use before it begins.
#[inline]
pub(crate) fn pinned<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::into_pin(Box::write(Box::new_uninit(), make()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_future_that_is_made_in_its_place_is_like_any_other() {
        let text = String::from("kept across a wait");
        let future = pinned(|| async {
            tokio::task::yield_now().await;
            text
        });
        assert_eq!(future.await, "kept across a wait");
    }
}
