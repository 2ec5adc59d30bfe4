//! Ids that nobody else has.

use std::time::SystemTime;

use uuid::{Builder, Uuid};

use crate::random;

/// Version 7 (RFC 9562 section 5.7), of the crypto library's random bytes: `Uuid::now_v7` panics where there are neither `getrandom` to
/// link to (a static binary) nor /dev/random.
pub(crate) fn new_uuid() -> Uuid {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Without random bytes, the time still tells most of them apart.
    let random = random::for_id().unwrap_or_default();
    Builder::from_unix_timestamp_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX), &random).into_uuid()
}
