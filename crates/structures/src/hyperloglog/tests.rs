//! Against a plain array of registers, and against what Redis 8.0.6 stores.

use base::random::Random;

use super::*;

/// The obvious way: one number for each register.
struct Model([u8; REGISTERS]);

impl Model {
    fn new() -> Model {
        Model([0; REGISTERS])
    }

    fn raise(&mut self, place: Place) -> bool {
        let register = &mut self.0[place.register];
        let rises = *register < place.rank;
        *register = place.rank.max(*register);
        rises
    }

    fn check(&self, bytes: &[u8]) {
        let hll = HllRef::of(bytes).expect("it is one");
        for (register, rank) in self.0.iter().enumerate() {
            let place = Place { register, rank: rank + 1 };
            assert_eq!(hll.rises(place), Ok(true));
            assert_eq!(hll.rises(Place { rank: *rank, ..place }), Ok(false));
        }
        if let Some(runs) = hll.runs() {
            let lens = runs.map(|run| run.expect("what we wrote is in order").len);
            assert_eq!(lens.sum::<usize>(), REGISTERS);
        }
    }
}

/// Places as elements have them, close together so that runs meet.
fn any_place(random: &mut Random, registers: u64) -> Place {
    let rank = random.next_u64().trailing_zeros().min(50) as u8 + 1;
    Place { register: random.below(registers) as usize, rank }
}

#[test]
fn elements_fall_where_redis_puts_them() {
    // PFDEBUG GETREG after PFADD of one element.
    for (element, register, rank) in [
        (&b""[..], 5938, 2),
        (b"a", 12711, 2),
        (b"abcdefg", 5634, 2),
        (b"abcdefgh", 1383, 1),
        (b"abcdefghijklmnopq", 4271, 1),
    ] {
        assert_eq!(Place::of(element), Place { register, rank }, "{element:?}");
    }
}

#[test]
fn bytes_and_cardinalities_are_those_of_redis() {
    // After PFADD of "element:0" and so on, and PFCOUNT: elements, cardinality, length, CRC64.
    let golden = [
        (10, 10, 48, 0x51605787e6063f4c),
        (100, 99, 285, 0xb5ba76d3f19aa21c),
        (1000, 997, 1897, 0xcc44655d48f93f18),
        (1500, 1500, 2722, 0xe657f25c4233dcd5),
        (2000, 2004, 12304, 0x5d7985f2fb9f81d8),
        (10000, 10017, 12304, 0xa56ab964bd7cfcad),
        (100000, 100039, 12304, 0x7c00b7acee4c466a),
    ];
    let (mut bytes, mut added) = (Hll::empty(3000).into_bytes(), 0);
    for (elements, cardinality, len, crc) in golden {
        let mut hll = Hll::from_bytes(bytes, 3000).unwrap();
        for i in added..elements {
            hll.raise(Place::of(format!("element:{i}").as_bytes())).unwrap();
        }
        (bytes, added) = (hll.into_bytes(), elements);
        assert_eq!(HllRef::of(&bytes).unwrap().cardinality(), Ok(cardinality));
        cache_cardinality(&mut bytes, cardinality);
        assert_eq!((bytes.len(), base::crc::crc64(0, &bytes)), (len, crc), "{elements} elements");
    }
}

#[test]
fn both_forms_hold_what_was_raised() {
    for (seed, registers, bytes_max) in
        [(1, 16384, 3000), (2, 200, 3000), (3, 16384, 100), (4, 40, 0), (5, 16384, 16000)]
    {
        let mut random = Random::from_seed(seed);
        let (mut model, mut hll) = (Model::new(), Hll::empty(bytes_max));
        for _ in 0..6_000 {
            let place = any_place(&mut random, registers);
            let foreseen = HllRef::of(hll.as_bytes()).unwrap().rises(place);
            let rises = model.raise(place);
            assert_eq!((foreseen, hll.raise(place)), (Ok(rises), Ok(rises)), "seed {seed}");
        }
        model.check(hll.as_bytes());
        model.check(&HllRef::of(hll.as_bytes()).unwrap().to_dense().unwrap());
    }
}

#[test]
fn registers_in_ascending_order_give_the_same_bytes_with_and_without_a_cursor() {
    for seed in 0..40 {
        let mut random = Random::from_seed(seed);
        let mut one = Hll::empty(2000);
        for _ in 0..random.below(800) {
            one.raise(any_place(&mut random, 16384)).unwrap();
        }
        let mut other = Hll::from_bytes(one.as_bytes().to_vec(), 2000).unwrap();
        let chance = 1 + random.below(20);
        for register in 0..REGISTERS {
            if random.below(chance) == 0 {
                let place = Place { register, ..any_place(&mut random, 1) };
                assert_eq!(one.raise(place), other.raise_next(place), "seed {seed}");
                assert_eq!(one.as_bytes(), other.as_bytes(), "seed {seed}");
            }
        }
    }
}

fn random_hll(random: &mut Random, elements: u64) -> Vec<u8> {
    let mut hll = Hll::empty(3000);
    for _ in 0..elements {
        hll.raise(Place::of(&random.next_u64().to_le_bytes())).unwrap();
    }
    hll.into_bytes()
}

#[test]
fn a_merge_is_the_maximum_in_all_ways() {
    let mut random = Random::from_seed(11);
    let sources: Vec<Vec<u8>> = (0..22).map(|i| random_hll(&mut random, 400 << (i % 7))).collect();
    let mut model = Model::new();
    for bytes in &sources {
        let dense = HllRef::of(bytes).unwrap().to_dense().unwrap();
        for register in 0..REGISTERS {
            let rank = dense::get(&dense[HEADER_BYTES..], register);
            model.raise(Place { register, rank });
        }
    }
    let mut results = Vec::new();
    for simd in [true, false] {
        use_simd(simd);
        let mut registers = Registers::new();
        let hlls: Vec<HllRef<'_>> = sources.iter().map(|b| HllRef::of(b).unwrap()).collect();
        let (dense, sparse): (Vec<_>, Vec<_>) =
            hlls.into_iter().partition(|hll| hll.form() == Form::Dense);
        assert!(dense.len() > DENSE_AT_ONCE && !sparse.is_empty());
        registers.merge_dense(&dense);
        sparse.into_iter().for_each(|hll| registers.merge(hll).unwrap());
        assert_eq!(registers.ranks(), &model.0);
        let mut packed = vec![0; DENSE_BYTES];
        write_dense(&mut packed, &registers);
        model.check(&packed);
        let cardinality = HllRef::of(&packed).unwrap().cardinality();
        assert_eq!(cardinality, Ok(registers.cardinality()));
        results.push(packed);
    }
    use_simd(true);
    assert_eq!(results[0], results[1]);
}

#[test]
fn every_rank_survives_a_merge() {
    let mut dense = vec![0; DENSE_BYTES];
    write_dense(&mut dense, &Registers::new());
    for register in 0..REGISTERS {
        dense::set(&mut dense[HEADER_BYTES..], register, (register * 7 % 64) as u8);
    }
    for simd in [true, false] {
        use_simd(simd);
        let mut registers = Registers::new();
        registers.merge(HllRef::of(&dense).unwrap()).unwrap();
        let mut packed = dense.clone();
        write_dense(&mut packed, &registers);
        assert_eq!(packed, dense);
    }
    use_simd(true);
}

#[test]
fn broken_opcodes_are_found_by_whoever_reads_them() {
    let empty = Hll::empty(3000).into_bytes();
    let with = |ops: &[u8]| [&empty[..HEADER_BYTES], ops].concat();
    for ops in [
        &b""[..],
        b"\x7f",             // half an XZERO
        b"\x7f\xff\x00",     // one register too many
        b"\x7f\xfe",         // one too few
        b"\x7f\xff\x7f\xff", // twice as many
        b"\x7f\xfe\xff",     // a VAL over the end
    ] {
        let bytes = with(ops);
        let hll = HllRef::of(&bytes).unwrap();
        assert_eq!(hll.cardinality(), Err(HllError::Corrupt), "{ops:?}");
        assert_eq!(hll.to_dense(), Err(HllError::Corrupt), "{ops:?}");
        assert_eq!(Registers::new().merge(hll), Err(HllError::Corrupt), "{ops:?}");
        fuzz_hyperloglog(&bytes);
    }
    assert_eq!(
        Hll::from_bytes(with(b"\x40\x05"), 3000).unwrap().raise(Place { register: 9, rank: 1 }),
        Err(HllError::Corrupt)
    );
}

#[test]
fn other_strings_are_none() {
    let mut empty = Hll::empty(3000).into_bytes();
    for bytes in [&b""[..], b"HYLL", &[0; DENSE_BYTES], &empty[..15]] {
        assert_eq!(HllRef::of(bytes).err(), Some(HllError::NotHll));
    }
    for form in [0, 2, 255] {
        empty[FORM_AT] = form;
        assert_eq!(HllRef::of(&empty).err(), Some(HllError::NotHll));
    }
}

#[test]
fn the_cache_is_stale_from_the_first_change_on() {
    let mut bytes = Hll::empty(3000).into_bytes();
    assert_eq!(HllRef::of(&bytes).unwrap().cached_cardinality(), None);
    cache_cardinality(&mut bytes, 0);
    let mut hll = Hll::from_bytes(bytes, 3000).unwrap();
    let place = Place { register: 3, rank: 2 };
    for (rose, cached) in [(true, None), (false, None)] {
        assert_eq!(hll.raise(place), Ok(rose));
        assert_eq!(HllRef::of(hll.as_bytes()).unwrap().cached_cardinality(), cached);
    }
}

#[test]
fn the_self_test_passes() {
    assert_eq!(self_test(&mut Random::from_seed(5)), Ok(()));
}

#[test]
fn spoilt_bytes_harm_nobody() {
    let mut random = Random::from_seed(23);
    for round in 0..300 {
        let elements = random.below(2_000);
        let mut bytes = random_hll(&mut random, elements);
        for _ in 0..=random.below(5) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next_u64() as u8;
        }
        if round % 5 == 0 {
            bytes.truncate(random.below(bytes.len() as u64) as usize);
        }
        fuzz_hyperloglog(&bytes);
    }
}
