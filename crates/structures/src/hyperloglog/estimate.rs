//! From ranks to a cardinality: Ertl's improved raw estimator.
//!
//! With `c[k]` registers of rank k, m registers in all and q = 50 bits behind a register's index:
//!
//! ```text
//!             α m²                                 1
//!   n = ───────────────────────────────────,  α = ────
//!        m σ(c[0]/m) + Σ c[k]/2^k + m τ(…)/2^q    2 ln 2
//! ```
//!
//! σ corrects for registers that nothing fell into and τ for those that cannot rise; there are no
//! empirical tables and no ranges to switch between. The order of the operations is Redis's, so
//! that rounding gives the same last digit.

use super::{RANK_MAX, REGISTERS};

const ALPHA: f64 = 0.721_347_520_444_481_7;
const RANKS: usize = 64;

/// How many registers have which rank.
pub(super) struct Histogram(pub(super) [u32; RANKS]);

impl Histogram {
    pub(super) fn new() -> Histogram {
        Histogram([0; RANKS])
    }

    /// From the counts of pairs of registers: `pairs[a + 64 * b]`.
    pub(super) fn of_pairs(pairs: &[u16; RANKS * RANKS]) -> Histogram {
        let mut counts = [0; RANKS];
        for (b, row) in pairs.chunks_exact(RANKS).enumerate() {
            let mut sum = 0;
            for (count, n) in counts.iter_mut().zip(row) {
                *count += u32::from(*n);
                sum += u32::from(*n);
            }
            counts[b] += sum;
        }
        Histogram(counts)
    }

    pub(super) fn cardinality(&self) -> u64 {
        let Histogram(counts) = self;
        let m = REGISTERS as f64;
        let mut z = m * tau((m - f64::from(counts[RANK_MAX])) / m);
        for count in counts[1..RANK_MAX].iter().rev() {
            z = (z + f64::from(*count)) * 0.5;
        }
        z += m * sigma(f64::from(counts[0]) / m);
        let n = (ALPHA * m * m / z).round();
        // Registers that only a client can have written: the number that Redis gives then.
        if n.is_finite() { n as u64 } else { i64::MIN as u64 }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
