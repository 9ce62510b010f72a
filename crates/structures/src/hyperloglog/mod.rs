//! HyperLogLog: how many different elements were added, within 0.81 %, in at most 12 KiB.
//!
//! An element's hash of 64 bits chooses one of 16384 registers and gives a *rank*: how many bits
//! it takes to the first 1. A register keeps the highest rank it has seen. Half of all hashes have
//! rank 1, a quarter rank 2 and so on, so the ranks tell how many hashes there were.
//!
//! ```text
//!   hash  | 50 bits: rank = zeros from the right + 1, at most 51 | 14 bits: register |
//!
//!   a HyperLogLog is a string, which clients may read and write:
//!
//!   | "HYLL" | form | 0 0 0 | cached cardinality, u64 | registers                         |
//!                                 top bit: stale         dense   6 bits each, 12288 bytes
//!                                                        sparse  opcodes, see `sparse.rs`
//! ```
//!
//! # How it works
//!
//! A new one is sparse: runs of equal registers, mostly of zeros. It turns dense when a rank is
//! above 32, or when it would grow beyond a limit (`hll-sparse-max-bytes`); never back. Merging
//! takes the higher of each two registers: it is what a single HyperLogLog that saw all elements
//! would hold. [`Registers`] does it, with one byte for a register; dense ones come four at a time,
//! by 32 registers in a step where the processor has AVX2 (`simd.rs`), else by 8 in a word. The
//! estimate (`estimate.rs`) needs only how many registers have which rank.
//!
//! Bytes, cardinalities and the moment of turning dense are Redis's, to the last bit: copies made
//! by DUMP or replication go on alike in either server.
//!
//! # Invariants
//!
//! (1) An [`HllRef`] has a whole header, and if dense exactly [`DENSE_BYTES`].
//! (2) The opcodes of a sparse one are bytes from outside: whoever reads them checks that they
//!     cover each register exactly once, and says [`HllError::Corrupt`] otherwise.
//!
//! # Limits
//!
//! Adding to a sparse one is O(its bytes). A dense one may hold ranks above 51, which no element
//! has, if a client wrote them; they count as nothing, in Redis as here.
//!
//! From: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", 2007; the estimate by Ertl, "New
//! cardinality estimation algorithms for HyperLogLog sketches", 2017; the format is Redis's.

mod dense;
mod estimate;
mod hash;
mod registers;
mod self_test;
mod simd;
mod sparse;
#[cfg(test)]
mod tests;

pub use registers::{DENSE_AT_ONCE, Registers};
pub use self_test::self_test;
pub use simd::{is_simd_used, use_simd};
pub use sparse::{Run, Runs};

use sparse::{Cursor, Raised};

pub const REGISTERS: usize = 1 << REGISTER_BITS;
pub const HEADER_BYTES: usize = 16;
/// Length of a dense one.
pub const DENSE_BYTES: usize = HEADER_BYTES + dense::BYTES;

const REGISTER_BITS: u32 = 14;
/// The highest rank of an element.
const RANK_MAX: usize = 64 - REGISTER_BITS as usize + 1;
const MAGIC: &[u8] = b"HYLL";
const FORM_AT: usize = 4;
const CACHE_AT: usize = 8;
/// The cache's last byte, whose top bit says that it is stale.
const STALE_AT: usize = 15;
const STALE: u8 = 0x80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Dense = 0,
    Sparse = 1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HllError {
    /// The string is none.
    NotHll,
    /// It has a good header, and opcodes that make no sense.
    Corrupt,
}

/// Where an element falls: what it asks of which register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub register: usize,
    pub rank: u8,
}

impl Place {
    #[inline]
    pub fn of(element: &[u8]) -> Place {
        let hash = hash::murmur(element);
        // The 1 ends the search where all 50 bits are zeros.
        let rest = hash >> REGISTER_BITS | 1 << (RANK_MAX - 1);
        Place { register: hash as usize & (REGISTERS - 1), rank: rest.trailing_zeros() as u8 + 1 }
    }
}

/// A string seen as a HyperLogLog (1).
#[derive(Clone, Copy)]
pub struct HllRef<'a> {
    bytes: &'a [u8],
    form: Form,
}

impl<'a> HllRef<'a> {
    pub fn of(bytes: &'a [u8]) -> Result<HllRef<'a>, HllError> {
        if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
            return Err(HllError::NotHll);
        }
        let form = match bytes[FORM_AT] {
            0 if bytes.len() == DENSE_BYTES => Form::Dense,
            1 => Form::Sparse,
            _ => return Err(HllError::NotHll),
        };
        Ok(HllRef { bytes, form })
    }

    pub fn form(self) -> Form {
        self.form
    }

    pub fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The cardinality as it was last computed; none if something was added since.
    pub fn cached_cardinality(self) -> Option<u64> {
        let cache = self.bytes[CACHE_AT..HEADER_BYTES].try_into().expect("eight bytes");
        (self.bytes[STALE_AT] & STALE == 0).then(|| u64::from_le_bytes(cache))
    }

    /// The cardinality, computed.
    pub fn cardinality(self) -> Result<u64, HllError> {
        let histogram = match self.form {
            Form::Dense => dense::histogram(self.registers()),
            Form::Sparse => sparse::histogram(self.registers())?,
        };
        Ok(histogram.cardinality())
    }

    /// Whether adding an element that falls there would change anything.
    pub fn rises(self, place: Place) -> Result<bool, HllError> {
        let rank = match self.form {
            Form::Dense => dense::get(self.registers(), place.register),
            Form::Sparse => sparse::get(self.registers(), place.register)?,
        };
        Ok(rank < place.rank)
    }

    /// The runs of a sparse one.
    pub fn runs(self) -> Option<Runs<'a>> {
        (self.form == Form::Sparse).then(|| Runs::of(self.registers()))
    }

    /// The same in dense form.
    pub fn to_dense(self) -> Result<Vec<u8>, HllError> {
        if self.form == Form::Dense {
            return Ok(self.bytes.to_vec());
        }
        let mut dense = vec![0; DENSE_BYTES];
        dense[..HEADER_BYTES].copy_from_slice(&self.bytes[..HEADER_BYTES]);
        dense[FORM_AT] = Form::Dense as u8;
        let registers = &mut dense[HEADER_BYTES..];
        for run in Runs::of(self.registers()) {
            let run = run?;
            (run.first..run.first + run.len).for_each(|i| dense::set(registers, i, run.rank));
        }
        Ok(dense)
    }

    fn registers(self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }
}

/// Remembers the cardinality of the HyperLogLog in `bytes`.
pub fn cache_cardinality(bytes: &mut [u8], cardinality: u64) {
    bytes[CACHE_AT..HEADER_BYTES].copy_from_slice(&cardinality.to_le_bytes());
}

/// Raises one register of the dense HyperLogLog in `bytes`, without a copy; whether it rose.
pub fn raise_dense(bytes: &mut [u8], place: Place) -> bool {
    let registers = &mut bytes[HEADER_BYTES..];
    let rises = dense::get(registers, place.register) < place.rank;
    if rises {
        dense::set(registers, place.register, place.rank);
        bytes[STALE_AT] |= STALE;
    }
    rises
}

/// Makes the string of [`DENSE_BYTES`] in `bytes`, of a HyperLogLog or all zeros, one with these
/// registers.
pub fn write_dense(bytes: &mut [u8], registers: &Registers) {
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[FORM_AT] = Form::Dense as u8;
    bytes[STALE_AT] |= STALE;
    registers.pack(&mut bytes[HEADER_BYTES..]);
}

/// A HyperLogLog that changes its form and length.
pub struct Hll {
    bytes: Vec<u8>,
    form: Form,
    sparse_bytes_max: usize,
    cursor: Cursor,
}

impl Hll {
    /// Of no elements, sparse, with a cardinality that must be computed.
    pub fn empty(sparse_bytes_max: usize) -> Hll {
        let mut bytes = [MAGIC, &[Form::Sparse as u8], &[0; HEADER_BYTES - FORM_AT - 1]].concat();
        bytes[STALE_AT] = STALE;
        bytes.extend_from_slice(&sparse::EMPTY);
        Hll { bytes, form: Form::Sparse, sparse_bytes_max, cursor: Cursor::default() }
    }

    pub fn from_bytes(bytes: Vec<u8>, sparse_bytes_max: usize) -> Result<Hll, HllError> {
        let form = HllRef::of(&bytes)?.form();
        Ok(Hll { bytes, form, sparse_bytes_max, cursor: Cursor::default() })
    }

    /// Raises one register; whether it rose. After an error the rest of it is of no use.
    pub fn raise(&mut self, place: Place) -> Result<bool, HllError> {
        self.cursor = Cursor::default();
        self.raise_next(place)
    }

    /// As [`Hll::raise`], in O(1): of registers in ascending order, with no other call in between.
    pub fn raise_next(&mut self, place: Place) -> Result<bool, HllError> {
        if self.form == Form::Dense {
            return Ok(raise_dense(&mut self.bytes, place));
        }
        match sparse::raise(&mut self.bytes, place, self.sparse_bytes_max, &mut self.cursor)? {
            Raised::No => Ok(false),
            Raised::Yes => {
                self.bytes[STALE_AT] |= STALE;
                Ok(true)
            }
            Raised::NoRoom => {
                self.bytes = HllRef::of(&self.bytes)?.to_dense()?;
                self.form = Form::Dense;
                Ok(raise_dense(&mut self.bytes, place))
            }
        }
    }

    /// Its cardinality must be computed, whether or not something rose.
    pub fn make_stale(&mut self) {
        self.bytes[STALE_AT] |= STALE;
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Whatever bytes a key holds, nothing panics, and the two forms agree.
pub fn fuzz_hyperloglog(bytes: &[u8]) {
    let Ok(hll) = HllRef::of(bytes) else { return };
    let counted = hll.cardinality();
    let mut registers = Registers::new();
    let merged = registers.merge(hll);
    assert_eq!(counted.is_ok(), merged.is_ok(), "both read every register");
    let dense = hll.to_dense();
    assert_eq!(counted.is_ok(), dense.is_ok(), "both read every register");
    if let (Ok(counted), Ok(dense)) = (counted, dense) {
        let dense = HllRef::of(&dense).expect("it was just made");
        assert_eq!(dense.cardinality(), Ok(counted), "the form does not change the count");
        assert_eq!(registers.cardinality(), counted, "a merge with nothing changes nothing");
    }
    let mut grown = Hll::from_bytes(bytes.to_vec(), 3000).expect("it is one");
    for i in 0..64u8 {
        let place = Place::of(&[i, bytes.len() as u8]);
        let rises = HllRef::of(grown.as_bytes()).and_then(|hll| hll.rises(place));
        let Ok(rose) = grown.raise(place) else { return };
        assert_eq!(rises, Ok(rose), "a register rises when it was said to");
    }
}
