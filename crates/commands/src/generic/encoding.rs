//! The names OBJECT ENCODING prints, and when one becomes the other.
//!
//! Tools and tests know values by these names. Where our own representation has no such
//! distinction, the name follows from the value and Redis's thresholds:
//!
//! | type | small | large | thresholds |
//! |---|---|---|---|
//! | string | `int`, `embstr` | `raw` | 44 bytes, or modified in place |
//! | list | `listpack` | `quicklist` | `list-max-listpack-size` |

use config::{Config, id};
use store::{Record, ValueRef};

/// As OBJECT ENCODING and DEBUG OBJECT print it. Looks at no more elements than a small encoding
/// can hold.
pub fn encoding_name(record: &Record<'_>, config: &Config) -> &'static str {
    match record.value() {
        ValueRef::List(list) => list_encoding(list.iter().map(|e| &**e), config),
        _ => record.encoding_name(),
    }
}

fn list_encoding<'a>(elements: impl Iterator<Item = &'a [u8]>, config: &Config) -> &'static str {
    /// Of a listpack, whatever it holds.
    const FRAME_BYTES: usize = 7;
    let limit = NodeLimit::of(config.int(id::LIST_MAX_LISTPACK_SIZE));
    let (mut count, mut bytes) = (0, FRAME_BYTES);
    for element in elements {
        count += 1;
        bytes += listpack_entry_bytes(element);
        if count > limit.elements || bytes > limit.bytes {
            return "quicklist";
        }
    }
    "listpack"
}

/// What one node of a quicklist may hold.
struct NodeLimit {
    elements: usize,
    bytes: usize,
}

impl NodeLimit {
    /// `list-max-listpack-size`: elements, or from -1 to -5 a size from 4 to 64 KiB.
    fn of(option: i64) -> NodeLimit {
        const BYTES_WITH_COUNT: usize = 8192;
        match option {
            -5..=-1 => NodeLimit { elements: usize::MAX, bytes: 4096 << (-option - 1) },
            i64::MIN..=-6 => NodeLimit { elements: usize::MAX, bytes: 4096 << 4 },
            // Redis reads 0 as 1.
            count => NodeLimit { elements: count.max(1) as usize, bytes: BYTES_WITH_COUNT },
        }
    }
}

/// An element's size in a listpack: encoding byte, payload, length for reading backwards.
fn listpack_entry_bytes(element: &[u8]) -> usize {
    let forward = match base::number::parse_i64(element) {
        Some(0..=127) => 1,
        Some(-4096..=4095) => 2,
        Some(-0x8000..=0x7fff) => 3,
        Some(-0x80_0000..=0x7f_ffff) => 4,
        Some(-0x8000_0000..=0x7fff_ffff) => 5,
        Some(_) => 9,
        None => match element.len() {
            len @ 0..=63 => 1 + len,
            len @ 64..=4095 => 2 + len,
            len => 5 + len,
        },
    };
    forward
        + match forward {
            0..=127 => 1,
            128..=16_382 => 2,
            16_383..=2_097_150 => 3,
            2_097_151..=268_435_454 => 4,
            _ => 5,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(&config::Host { cores: 1, dir: "/".into() })
    }

    #[test]
    fn a_list_is_a_listpack_up_to_8_kib() {
        let encoding =
            |n, element: &'static [u8]| list_encoding(std::iter::repeat_n(element, n), &config());
        assert_eq!(encoding(1, b"a"), "listpack");
        assert_eq!(encoding(1, &[b'x'; 9000]), "quicklist");
        assert_eq!(encoding(2728, b"a"), "listpack");
        assert_eq!(encoding(2729, b"a"), "quicklist");
    }

    #[test]
    fn a_node_limit_counts_elements_or_bytes() {
        let of = |option| {
            let limit = NodeLimit::of(option);
            (limit.elements, limit.bytes)
        };
        assert_eq!(of(-1), (usize::MAX, 4096));
        assert_eq!(of(-5), (usize::MAX, 65536));
        assert_eq!(of(i64::MIN), (usize::MAX, 65536));
        assert_eq!(of(0), (1, 8192));
        assert_eq!(of(128), (128, 8192));
    }

    #[test]
    fn an_entry_has_the_size_redis_gives_it() {
        for (element, bytes) in [
            (&b"5"[..], 2),
            (b"-5", 3),
            (b"4096", 4),
            (b"40000", 5),
            (b"10000000", 6),
            (b"10000000000", 10),
            (b"", 2),
            (b"abc", 5),
            (&[b'x'; 64], 67),
            (&[b'x'; 126], 130),
            (&[b'x'; 5000], 5007),
        ] {
            assert_eq!(listpack_entry_bytes(element), bytes, "{}", element.escape_ascii());
        }
    }
}
