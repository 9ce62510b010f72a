//! What PFSELFTEST runs: registers keep what was written, both forms agree, the error is small.

use base::random::Random;

use super::{DENSE_BYTES, Form, Hll, HllRef, Place, REGISTERS, dense, raise_dense};

const ROUNDS: usize = 50;
const ELEMENTS: u64 = 1_000_000;

/// What is wrong, if anything is.
pub fn self_test(random: &mut Random) -> Result<(), String> {
    (0..ROUNDS).try_for_each(|_| keeps_registers(random))?;
    counts_elements(random.next_u64())
}

fn keeps_registers(random: &mut Random) -> Result<(), String> {
    let ranks: Vec<u8> = (0..REGISTERS).map(|_| random.next_u64() as u8 & dense::MASK).collect();
    let mut registers = vec![0; dense::BYTES];
    for (i, rank) in ranks.iter().enumerate() {
        dense::set(&mut registers, i, *rank);
    }
    for (i, rank) in ranks.iter().enumerate() {
        let is = dense::get(&registers, i);
        if is != *rank {
            return Err(format!("Register {i} should be {rank} but is {is}"));
        }
    }
    Ok(())
}

fn counts_elements(seed: u64) -> Result<(), String> {
    const SPARSE_BYTES_MAX: usize = 3000;
    let mut grown = Hll::empty(SPARSE_BYTES_MAX);
    let mut dense =
        HllRef::of(grown.as_bytes()).and_then(HllRef::to_dense).expect("an empty one is in order");
    assert!(dense.len() == DENSE_BYTES);
    let mut checkpoint = 1;
    for count in 1..=ELEMENTS {
        let place = Place::of(&(count ^ seed).to_le_bytes());
        raise_dense(&mut dense, place);
        grown.raise(place).expect("what we wrote is in order");
        if count == checkpoint {
            check_count(count, &grown, &dense, SPARSE_BYTES_MAX as u64 / 2)?;
            checkpoint *= 10;
        }
    }
    Ok(())
}

fn check_count(count: u64, grown: &Hll, dense: &[u8], sparse_max: u64) -> Result<(), String> {
    let grown = HllRef::of(grown.as_bytes()).expect("what we wrote is in order");
    if count < sparse_max && grown.form() != Form::Sparse {
        return Err("sparse encoding not used".into());
    }
    let estimate = HllRef::of(dense).and_then(HllRef::cardinality).expect("it is in order");
    if grown.cardinality() != Ok(estimate) {
        return Err("dense/sparse disagree".into());
    }
    // Six standard errors; of ten elements two may well fall together.
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    let allowed = match count {
        10 => 1,
        _ => (standard_error * 6.0 * count as f64).ceil() as u64,
    };
    let error = estimate.abs_diff(count);
    if error > allowed {
        return Err(format!("Too big error. card:{count} abserr:{error}"));
    }
    Ok(())
}
