//! Delivery.
/// What becomes of the lane of a dead letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDeadLetter {
    /// It goes on.
    #[default]
    Continue,
    /// It waits until the dead letter is replayed or discarded.
    Block,
}
