//! Many rows in few statements.

/// Most rows of one statement: of the widest, with 19 parameters a row, far fewer than the 32,766 parameters that SQLite takes.
const MOST: usize = 128;

/// Cuts `rows` into few pieces of few different lengths (powers of two, and one and a half of them), so that all statements stay
/// prepared.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let is_length =
            |length: &usize| length.is_power_of_two() || (length.is_multiple_of(3) && (length / 3).is_power_of_two());
        let length = (1..=rows.len().min(MOST)).rev().find(is_length)?;
        let (chunk, rest) = rows.split_at(length);
        rows = rest;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_piece_and_pieces_have_few_lengths() {
        let rows: Vec<usize> = (0..447).collect();
        let lengths: Vec<usize> = chunks(&rows).map(<[usize]>::len).collect();
        assert_eq!(lengths, [128, 128, 128, 48, 12, 3]);
        assert_eq!(chunks(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(chunks::<usize>(&[]).count(), 0);
    }
}
