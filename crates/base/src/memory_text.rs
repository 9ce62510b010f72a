//! Byte counts for humans, as INFO's `used_memory_human` prints them.

/// `512B`, `1.50M`, `2.00G`: two decimals and powers of 1024 up to `P`. From one exbibyte up
/// Redis falls back to plain bytes, and so do we.
pub fn human_bytes(bytes: u64) -> String {
    if bytes < 1024 || bytes >= 1 << 60 {
        return format!("{bytes}B");
    }
    let power = bytes.ilog2() / 10; // 1 for K, 2 for M, ...
    let unit = ["K", "M", "G", "T", "P"][power as usize - 1];
    let scaled = bytes as f64 / (1u64 << (10 * power)) as f64;
    format!("{scaled:.2}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_in_info() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (1_572_864, "1.50M"),
            ((1 << 20) - 1, "1024.00K"),
            (1 << 30, "1.00G"),
            (5 << 40, "5.00T"),
            (1 << 50, "1.00P"),
            (1 << 60, "1152921504606846976B"),
            (u64::MAX, "18446744073709551615B"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
