//! Adjacent units in a map of 64 bits, a set bit being a free unit.
//!
//! Heap regions and the pool's blocks both have at most 64 units, so that all of this is a few
//! shifts of one word.

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

/// Bits of the longest run.
pub(crate) fn longest_run(mut free: u64) -> usize {
    let mut units = 0;
    while free != 0 {
        free &= free << 1;
        units += 1;
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_run_is_found_and_no_longer_one() {
        for map in [0, 1, u64::MAX, 1 << 63, 0b1101_1100, 0xff00_0fff_f000_00ff, !(1 << 31)] {
            let longest = longest_run(map);
            for units in 1..=longest {
                let start = find_run(map, units).expect("a shorter run is there too");
                assert_eq!(map >> start & run(units), run(units));
            }
            assert!(longest == 64 || find_run(map, longest + 1).is_none());
        }
        assert_eq!([0, u64::MAX, 0b1101_1100].map(longest_run), [0, 64, 3]);
    }
}
