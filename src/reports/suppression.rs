//! Hides small cells, and as many others as it takes that none of them can be computed from what is shown.
//!
//! Several tables break down one total. A cell from 1 to below [`SMALLEST_SHOWN`] is small. What a reader can compute of the hidden
//! cells of a table is their sum, so a small one is recovered if that sum leaves it no choice: if it is hidden alone, or if the sum
//! is the least or the most that the hidden cells can come to. Further cells are hidden until neither is so. They are taken in the
//! order of the table and not by their size, since "the smallest of those that are left" would say something of them.

/// The smallest count, other than none at all, that is shown.
pub const SMALLEST_SHOWN: u64 = 5;

/// What is shown of tables that break down one total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// The total. None: hidden, and with it every cell of every table.
    pub total: Option<u64>,
    /// The cells of each table. None: hidden.
    pub tables: Vec<Vec<Option<u64>>>,
}

/// Decides what is shown of tables whose cells each add up to the same total.
pub fn protect(tables: &[Vec<u64>]) -> Protected {
    let total: u64 = tables.first().map(|cells| cells.iter().sum()).unwrap_or_default();
    let protected: Option<Vec<_>> = tables.iter().map(|cells| protect_one(cells)).collect();
    // A table that is shown whole has its total in its sum: where one cannot be shown with its total, none is shown at all.
    match protected.filter(|_| !is_small(total)) {
        Some(tables) => Protected { total: Some(total), tables },
        None => Protected { total: None, tables: tables.iter().map(|cells| vec![None; cells.len()]).collect() },
    }
}

fn is_small(count: u64) -> bool {
    count > 0 && count < SMALLEST_SHOWN
}

/// The cells of one table whose total is known. None: they cannot be shown beside their total.
fn protect_one(cells: &[u64]) -> Option<Vec<Option<u64>>> {
    let mut hidden: Vec<bool> = cells.iter().map(|cell| is_small(*cell)).collect();
    let first = hidden.iter().position(|is_hidden| *is_hidden).unwrap_or_default();
    // From the first small cell on, and round to it: an order that no value has a part in but that cell's place.
    let mut further = (0..cells.len()).map(|step| (first.saturating_add(step)) % cells.len().max(1));
    while !is_safe(cells, &hidden) {
        let next = further.find(|at| cells.get(*at).is_some_and(|cell| *cell >= SMALLEST_SHOWN))?;
        *hidden.get_mut(next)? = true;
    }
    Some(cells.iter().zip(&hidden).map(|(cell, is_hidden)| (!is_hidden).then_some(*cell)).collect())
}

/// Whether the sum of the hidden cells leaves each small one a choice, even for a reader who knows which of them are small.
fn is_safe(cells: &[u64], hidden: &[bool]) -> bool {
    let hidden: Vec<u64> =
        cells.iter().zip(hidden).filter(|(_, is_hidden)| **is_hidden).map(|(cell, _)| *cell).collect();
    let small = count(hidden.iter().filter(|cell| is_small(**cell)).count());
    let large = count(hidden.len()).saturating_sub(small);
    let sum: u64 = hidden.iter().sum();
    let least = small.saturating_add(large.saturating_mul(SMALLEST_SHOWN));
    let most = small.saturating_mul(SMALLEST_SHOWN.saturating_sub(1));
    match (small, large) {
        (0, _) => true,
        (1, 0) => false,
        (_, 0) => sum > least && sum < most,
        (_, _) => sum > least,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least and the most that a hidden cell can be, given the sum of the hidden and a least and most of each.
    fn choices(sum: u64, bounds: &[(u64, u64)], at: usize) -> (u64, u64) {
        let others = || bounds.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, bounds)| *bounds);
        let (least, most) =
            (others().map(|(least, _)| least).sum::<u64>(), others().map(|(_, most)| most).sum::<u64>());
        let (own_least, own_most) = bounds[at];
        (own_least.max(sum.saturating_sub(most)), own_most.min(sum.saturating_sub(least)))
    }

    /// Small cells that somebody recovers who knows the total, that nothing hidden is 0, and, if told, which are small.
    fn recovered(cells: &[u64], shown: &[Option<u64>], knows_which: bool) -> Vec<usize> {
        const MANY: u64 = 1_000_000;
        let hidden: Vec<usize> = (0..cells.len()).filter(|at| shown[*at].is_none()).collect();
        let sum = hidden.iter().map(|at| cells[*at]).sum();
        let bound = |at: &usize| match (knows_which, is_small(cells[*at])) {
            (false, _) => (1, MANY),
            (true, true) => (1, SMALLEST_SHOWN - 1),
            (true, false) => (SMALLEST_SHOWN, MANY),
        };
        let bounds: Vec<(u64, u64)> = hidden.iter().map(bound).collect();
        let recovers = |place: &usize| {
            let (least, most) = choices(sum, &bounds, *place);
            is_small(cells[hidden[*place]]) && least == most
        };
        (0..hidden.len()).filter(recovers).map(|place| hidden[place]).collect()
    }

    /// Which of the unknowns a system of equations over a prime field determines.
    fn determined(mut rows: Vec<Vec<u64>>, unknowns: usize) -> Vec<usize> {
        const PRIME: u64 = 2_147_483_629;
        let inverse = |of: u64| {
            let (mut base, mut exponent, mut result) = (of, PRIME - 2, 1);
            while exponent > 0 {
                if exponent & 1 == 1 {
                    result = result * base % PRIME;
                }
                base = base * base % PRIME;
                exponent >>= 1;
            }
            result
        };
        let mut rank = 0;
        for column in 0..unknowns {
            let Some(pivot) = (rank..rows.len()).find(|row| rows[*row][column] != 0) else { continue };
            rows.swap(rank, pivot);
            let factor = inverse(rows[rank][column]);
            for cell in &mut rows[rank] {
                *cell = *cell * factor % PRIME;
            }
            let pivot = rows[rank].clone();
            for (_, row) in rows.iter_mut().enumerate().filter(|(at, _)| *at != rank) {
                let factor = row[column];
                if factor != 0 {
                    for (cell, pivot) in row.iter_mut().zip(&pivot) {
                        *cell = (*cell + (PRIME - factor) * pivot) % PRIME;
                    }
                }
            }
            rank += 1;
        }
        let only = |row: &Vec<u64>| {
            let mut set = (0..unknowns).filter(|column| row[*column] != 0);
            set.next().filter(|_| set.next().is_none())
        };
        rows[..rank].iter().filter_map(only).collect()
    }

    fn random_tables(random: &mut fastrand::Rng) -> Vec<Vec<u64>> {
        let total: usize = random.usize(0..80);
        let tables = random.usize(1..4);
        let table = |random: &mut fastrand::Rng| {
            let mut cells = vec![0; random.usize(2..9)];
            for _ in 0..total {
                // Few cells get most, so that small ones are common.
                let at = random.usize(0..cells.len()).min(random.usize(0..cells.len()));
                cells[at] += 1;
            }
            cells
        };
        (0..tables).map(|_| table(random)).collect()
    }

    #[test]
    fn of_ten_thousand_random_tables_no_small_cell_is_recovered() {
        const NONE: [usize; 0] = [];
        let mut random = fastrand::Rng::with_seed(0x5eed);
        let (mut small, mut complements, mut hidden_totals) = (0, 0, 0);
        for _ in 0..10_000 {
            let tables = random_tables(&mut random);
            let protected = protect(&tables);
            hidden_totals += u32::from(protected.total.is_none());
            for (cells, shown) in tables.iter().zip(&protected.tables) {
                for (cell, shown) in cells.iter().zip(shown) {
                    assert!(shown.is_none_or(|shown| shown == *cell && !is_small(shown)));
                    small += u32::from(is_small(*cell));
                    complements += u32::from(shown.is_none() && !is_small(*cell) && *cell > 0);
                }
                if protected.total.is_some() {
                    assert_eq!(recovered(cells, shown, false), NONE, "{tables:?} {protected:?}");
                    assert_eq!(recovered(cells, shown, true), NONE, "{tables:?} {protected:?}");
                }
            }
        }
        // The audit was of something.
        assert!(small > 10_000 && complements > 1_000 && hidden_totals > 100, "{small} {complements} {hidden_totals}");
    }

    #[test]
    fn the_audit_recovers_what_hiding_small_cells_alone_leaves() {
        assert_eq!(recovered(&[3, 20, 9], &[None, Some(20), Some(9)], false), [0]);
        assert_eq!(recovered(&[1, 1, 20], &[None, None, Some(20)], false), [0, 1]);
        assert_eq!(recovered(&[1, 5, 20], &[None, None, Some(20)], true), [0]);
        assert_eq!(recovered(&[4, 4, 20], &[None, None, Some(20)], true), [0, 1]);
    }

    /// Successive windows: all that is published of longer windows are sums of what is published of their quarters. So the equations
    /// of every window together determine no hidden cell. A total that is shown of a quarter is among them.
    #[test]
    fn no_hidden_cell_is_recovered_by_subtracting_one_window_from_another() {
        let mut random = fastrand::Rng::with_seed(0xd1ff);
        for _ in 0..2_500 {
            let cells = random.usize(3..7);
            let quarter = |random: &mut fastrand::Rng| -> Vec<u64> {
                (0..cells).map(|_| if random.bool() { random.u64(0..5) } else { random.u64(5..30) }).collect()
            };
            let quarters: Vec<Vec<u64>> = (0..4).map(|_| quarter(&mut random)).collect();
            let protected: Vec<Protected> = quarters.iter().map(|cells| protect(std::slice::from_ref(cells))).collect();
            let unknowns = 4 * cells;
            let mut rows = Vec::new();
            for (from, to) in (0..4).flat_map(|from| (from + 1..5).map(move |to| (from, to))) {
                for cell in 0..cells {
                    if (from..to).all(|quarter| protected[quarter].tables[0][cell].is_some()) {
                        let mut row = vec![0; unknowns];
                        (from..to).for_each(|quarter| row[quarter * cells + cell] = 1);
                        rows.push(row);
                    }
                }
                if (from..to).all(|quarter| protected[quarter].total.is_some()) {
                    let mut row = vec![0; unknowns];
                    (from..to).for_each(|quarter| row[quarter * cells..][..cells].fill(1));
                    rows.push(row);
                }
            }
            for unknown in determined(rows, unknowns) {
                let (quarter, cell) = (unknown / cells, unknown % cells);
                assert!(protected[quarter].tables[0][cell].is_some(), "{quarters:?}: {quarter} {cell}");
            }
        }
        // The same equations do find a cell that was hidden alone.
        assert_eq!(determined(vec![vec![1, 1, 1], vec![0, 1, 0], vec![0, 0, 1]], 3).len(), 3);
    }

    #[test]
    fn where_one_table_cannot_be_shown_with_its_total_none_is() {
        let protected = protect(&[vec![1, 5], vec![6, 0]]);
        assert_eq!(protected, Protected { total: None, tables: vec![vec![None; 2]; 2] });
        let protected = protect(&[vec![1, 6], vec![7, 0]]);
        assert_eq!(protected, Protected { total: Some(7), tables: vec![vec![None, None], vec![Some(7), Some(0)]] });
        assert_eq!(protect(&[vec![3]]).total, None);
        assert_eq!(protect(&[vec![0, 0]]), Protected { total: Some(0), tables: vec![vec![Some(0), Some(0)]] });
    }
}
