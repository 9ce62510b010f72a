//! Sparse registers: runs of equal ranks, in ascending order of registers.
//!
//! ```text
//!   ZERO   00rrrrrr             r+1 registers of rank 0, up to 64
//!   XZERO  01rrrrrr rrrrrrrr    r+1 registers of rank 0, up to 16384; high bits first
//!   VAL    1vvvvvrr             r+1 registers of rank v+1: up to 4 of at most 32
//! ```
//!
//! # How it works
//!
//! Raising a register splits the run it lies in into up to three, and then joins equal neighbours
//! among the next five opcodes from the one before. The result depends on the order in which
//! registers rose, and on nothing else; it is what Redis's has, byte for byte.
//!
//! The search for a register is what costs. It steps over eight opcodes at a time where they are
//! of one byte each, which is nearly always: the sum of eight run lengths is a few operations on
//! a word. A [`Cursor`] lets the next search begin where the last one ended.
//!
//! # Invariants
//!
//! (1) A cursor points at the beginning of an opcode, and no later register lies before it: it
//!     stands two opcodes before the run that was split, which joining does not touch.

use super::estimate::Histogram;
use super::{HEADER_BYTES, HllError, Place, REGISTERS};

const XZERO: u8 = 0x40;
const VAL: u8 = 0x80;
const RANK_MAX: u8 = 32;
const VAL_RUN_MAX: usize = 4;
const ZERO_RUN_MAX: usize = 64;
/// Opcodes that are looked at for equal neighbours.
const JOINED: usize = 5;

/// All registers zero: one XZERO.
pub(super) const EMPTY: [u8; 2] = [XZERO | ((REGISTERS - 1) >> 8) as u8, (REGISTERS - 1) as u8];

/// Registers `first..first + len`, all of one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub first: usize,
    pub len: usize,
    pub rank: u8,
    /// It takes two bytes.
    pub is_xzero: bool,
}

/// Run length and rank of each opcode of one byte; an XZERO's run length is not in it and is 0.
/// Looked up, because whether an opcode is a VAL or a ZERO is as good as chance, and a branch on it
/// costs more than the rest.
static OPCODES: [(u8, u8); 256] = {
    let mut opcodes = [(0, 0); 256];
    let mut op = 0;
    while op < 256 {
        opcodes[op] = match op as u8 {
            op @ ..XZERO => (op + 1, 0),
            XZERO..VAL => (0, 0),
            op @ VAL.. => ((op & 0x03) + 1, (op >> 2 & 0x1f) + 1),
        };
        op += 1;
    }
    opcodes
};

/// Run length of an opcode that is no XZERO.
#[inline]
fn run_len(op: u8) -> usize {
    usize::from(OPCODES[usize::from(op)].0)
}

/// Rank of an opcode.
#[inline]
fn rank(op: u8) -> u8 {
    OPCODES[usize::from(op)].1
}

fn val(rank: u8, len: usize) -> u8 {
    VAL | (rank - 1) << 2 | (len - 1) as u8
}

/// The run whose opcode lies at `at`.
#[inline]
fn run_at(ops: &[u8], at: usize, first: usize) -> Result<Run, HllError> {
    let op = *ops.get(at).ok_or(HllError::Corrupt)?;
    let (len, rank) = OPCODES[usize::from(op)];
    if len != 0 {
        return Ok(Run { first, len: usize::from(len), rank, is_xzero: false });
    }
    let low = *ops.get(at + 1).ok_or(HllError::Corrupt)?;
    let len = usize::from(op & 0x3f) << 8 | usize::from(low);
    Ok(Run { first, len: len + 1, rank: 0, is_xzero: true })
}

/// Takes the next run. Which opcode comes next must not wait for what this one is: so an XZERO is
/// a branch, which is guessed, and not a length to be added.
#[inline(always)]
fn next_run(ops: &mut std::slice::Iter<'_, u8>, first: usize) -> Option<Result<Run, HllError>> {
    let op = *ops.next()?;
    let (len, rank) = OPCODES[usize::from(op)];
    if len == 0 {
        let Some(low) = ops.next() else { return Some(Err(HllError::Corrupt)) };
        let len = usize::from(op & 0x3f) << 8 | usize::from(*low);
        return Some(Ok(Run { first, len: len + 1, rank: 0, is_xzero: true }));
    }
    Some(Ok(Run { first, len: usize::from(len), rank, is_xzero: false }))
}

/// Walks over runs. An error is the last it gives: the runs do not cover each register once.
#[derive(Clone)]
pub struct Runs<'a> {
    ops: std::slice::Iter<'a, u8>,
    register: usize,
}

impl<'a> Runs<'a> {
    pub(super) fn of(ops: &'a [u8]) -> Runs<'a> {
        Runs { ops: ops.iter(), register: 0 }
    }

    fn corrupt(&mut self) -> Option<Result<Run, HllError>> {
        (self.ops, self.register) = ([].iter(), REGISTERS);
        Some(Err(HllError::Corrupt))
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<Run, HllError>;

    #[inline]
    fn next(&mut self) -> Option<Result<Run, HllError>> {
        match next_run(&mut self.ops, self.register) {
            None if self.register == REGISTERS => None,
            Some(Ok(run)) if run.first + run.len <= REGISTERS => {
                self.register += run.len;
                Some(Ok(run))
            }
            _ => self.corrupt(),
        }
    }
}

pub(super) fn histogram(ops: &[u8]) -> Result<Histogram, HllError> {
    let mut histogram = Histogram::new();
    for run in Runs::of(ops) {
        let run = run?;
        histogram.0[usize::from(run.rank)] += run.len as u32;
    }
    Ok(histogram)
}

/// Raises registers of one byte each to what these have.
pub(super) fn merge(ops: &[u8], into: &mut [u8; REGISTERS]) -> Result<(), HllError> {
    let (mut ops, mut register) = (ops.iter(), 0);
    while let Some(run) = next_run(&mut ops, register) {
        let run = run?;
        register += run.len;
        if register > REGISTERS {
            return Err(HllError::Corrupt);
        }
        // Raising to 0 for a run of zeros saves a branch that is wrong half the time; so does
        // asking for a long run and a rank at once.
        into[run.first] = into[run.first].max(run.rank);
        if (run.len > 1) & (run.rank > 0) {
            into[run.first + 1..register].iter_mut().for_each(|to| *to = (*to).max(run.rank));
        }
    }
    if register == REGISTERS { Ok(()) } else { Err(HllError::Corrupt) }
}

/// The rank of one register. What lies behind it is not looked at.
pub(super) fn get(ops: &[u8], register: usize) -> Result<u8, HllError> {
    Ok(find(ops, register, Cursor::default())?.run.rank)
}

/// Where an opcode lies and which register it begins with.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor {
    at: usize,
    first: usize,
}

struct Found {
    at: usize,
    run: Run,
    /// The opcode before, or this one if it is the first.
    previous: Cursor,
    /// The one before that (1).
    resume: Cursor,
}

/// The run in which a register lies.
fn find(ops: &[u8], register: usize, from: Cursor) -> Result<Found, HllError> {
    let (mut here, mut previous, mut resume) = (from, from, from);
    loop {
        while let Some(eight) = ops.get(here.at..here.at + 8) {
            let eight: [u8; 8] = eight.try_into().expect("eight bytes");
            let Some(sum) = sum_of_runs(u64::from_le_bytes(eight)) else { break };
            if here.first + sum > register {
                break;
            }
            here = Cursor { at: here.at + 8, first: here.first + sum };
            previous = Cursor { at: here.at - 1, first: here.first - run_len(eight[7]) };
            resume = Cursor { at: here.at - 2, first: previous.first - run_len(eight[6]) };
        }
        // It is among the next eight, or an XZERO is.
        for _ in 0..8 {
            let run = run_at(ops, here.at, here.first)?;
            let end = here.first + run.len;
            if register < end {
                return Ok(Found { at: here.at, run, previous, resume });
            }
            (resume, previous) = (previous, here);
            here = Cursor { at: here.at + 1 + usize::from(run.is_xzero), first: end };
        }
    }
}

/// The sum of the run lengths of eight opcodes; none if an XZERO is among them.
#[inline]
fn sum_of_runs(eight: u64) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HALVES: u64 = 0x00ff_00ff_00ff_00ff;
    if eight & !(eight >> 1) & (ONES * 0x40) != 0 {
        return None;
    }
    let mask = ONES * 0x3f - (eight >> 7 & ONES) * 0x3c;
    let lens = eight & mask;
    let sums = (lens & HALVES) + (lens >> 8 & HALVES);
    Some((sums.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize + 8)
}

pub(super) enum Raised {
    No,
    Yes,
    /// It must turn dense first. Nothing was changed.
    NoRoom,
}

/// Raises one register of the HyperLogLog in `bytes`, header included, looking for it from the
/// cursor on.
pub(super) fn raise(
    bytes: &mut Vec<u8>,
    place: Place,
    bytes_max: usize,
    cursor: &mut Cursor,
) -> Result<Raised, HllError> {
    if place.rank > RANK_MAX {
        return Ok(Raised::NoRoom);
    }
    let found = find(&bytes[HEADER_BYTES..], place.register, *cursor)?;
    if found.run.rank >= place.rank {
        *cursor = found.resume;
        return Ok(Raised::No);
    }
    let new = Split::of(&found.run, place);
    let old_len = 1 + usize::from(found.run.is_xzero);
    if new.len > old_len && bytes.len() + new.len - old_len > bytes_max {
        return Ok(Raised::NoRoom);
    }
    *cursor = found.resume;
    let at = HEADER_BYTES + found.at;
    replace(bytes, at, old_len, &new.ops[..new.len]);
    join_neighbours(bytes, HEADER_BYTES + found.previous.at);
    Ok(Raised::Yes)
}

/// Puts `new` in the place of the `old_len` bytes at `at`.
fn replace(bytes: &mut Vec<u8>, at: usize, old_len: usize, new: &[u8]) {
    let tail = at + old_len..bytes.len();
    let len = bytes.len() - old_len + new.len();
    bytes.resize(len.max(bytes.len()), 0);
    bytes.copy_within(tail, at + new.len());
    bytes.truncate(len);
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// What a run becomes when one of its registers rises: at worst zeros, the register, zeros.
struct Split {
    ops: [u8; 5],
    len: usize,
}

impl Split {
    fn of(run: &Run, place: Place) -> Split {
        let mut split = Split { ops: [0; 5], len: 0 };
        split.push(run.rank, place.register - run.first);
        split.push(place.rank, 1);
        split.push(run.rank, run.first + run.len - 1 - place.register);
        split
    }

    fn push(&mut self, rank: u8, len: usize) {
        match (rank, len) {
            (_, 0) => return,
            (0, ..=ZERO_RUN_MAX) => self.ops[self.len] = (len - 1) as u8,
            (0, _) => {
                self.ops[self.len] = XZERO | ((len - 1) >> 8) as u8;
                self.len += 1;
                self.ops[self.len] = (len - 1) as u8;
            }
            _ => self.ops[self.len] = val(rank, len),
        }
        self.len += 1;
    }
}

fn join_neighbours(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED {
        let (Some(&op), next) = (bytes.get(at), bytes.get(at + 1).copied()) else { return };
        if op & VAL == 0 {
            at += if op & XZERO != 0 { 2 } else { 1 };
            continue;
        }
        match next {
            Some(next)
                if next & VAL != 0
                    && rank(next) == rank(op)
                    && run_len(op) + run_len(next) <= VAL_RUN_MAX =>
            {
                bytes[at + 1] = val(rank(op), run_len(op) + run_len(next));
                bytes.remove(at);
            }
            _ => at += 1,
        }
    }
}
