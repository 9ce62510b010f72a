//! Adjacent units in a map of 64 bits, a set bit being a free unit.
//!
//! A heap region has at most 64 units, so that all of this is a few shifts of one word.

/// As many low bits; at least one, at most 64.
pub(crate) fn run(units: usize) -> u64 {
    u64::MAX >> (64 - units)
}

/// The lowest place where so many bits are set one after the other.
pub(crate) fn find_run(mut free: u64, units: usize) -> Option<usize> {
    // A bit that stays set says: from here on, `width` bits are set.
    let mut width = 1;
    while width < units {
        let step = width.min(units - width);
        free &= free >> step;
        width += step;
    }
    (free != 0).then_some(free.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_run_that_suffices_is_found() {
        for map in [0, 1, u64::MAX, 1 << 63, 0b1101_1100, 0xff00_0fff_f000_00ff, !(1 << 31)] {
            for units in 1..=64 {
                let expected = (0..=64 - units).find(|&at| map >> at & run(units) == run(units));
                assert_eq!(find_run(map, units), expected, "{units} in {map:b}");
            }
        }
    }
}
