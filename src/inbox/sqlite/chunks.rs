//! Many rows in few statements.

/// Most rows of one statement: of the widest, with 21 parameters a row, far fewer than the 32,766 parameters that SQLite takes.
const MOST: usize = 128;

/// Cuts `rows` into pieces whose lengths are powers of two: so there are few different statements, and all stay prepared.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = (1..=rows.len().min(MOST)).rev().find(|length| length.is_power_of_two())?;
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
        let rows: Vec<usize> = (0..397).collect();
        let lengths: Vec<usize> = chunks(&rows).map(<[usize]>::len).collect();
        assert_eq!(lengths, [128, 128, 128, 8, 4, 1]);
        assert_eq!(chunks(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(chunks::<usize>(&[]).count(), 0);
    }
}
