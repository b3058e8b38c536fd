//! Round-trip times between ten regions of one public cloud.
//!
//! Source: IBM Cloud documentation, "VPC network latency", inter-region latency, averages of 27 July to
//! 25 August 2024 in milliseconds (github.com/ibm-cloud-docs/vpc, `_include-segments/network-latency.md`,
//! table 1 of that period). Rows ask, columns answer. Inside a region: its zones, 2 ms in the same
//! document.

/// The regions, in the order of [`ROUND_TRIP_MS`].
pub const REGIONS: [&str; 10] = [
    "dallas",
    "toronto",
    "washington",
    "frankfurt",
    "london",
    "madrid",
    "osaka",
    "sydney",
    "tokyo",
    "sao-paulo",
];

/// Round-trip times in milliseconds: row to column and back.
#[rustfmt::skip]
pub const ROUND_TRIP_MS: [[u16; 10]; 10] = [
    [  2,  34,  31, 123, 113, 119, 150, 186, 143, 146],
    [ 34,   2,  19,  93,  82, 108, 168, 215, 162, 129],
    [ 31,  19,   2,  91,  75,  87, 172, 214, 164, 118],
    [123,  93,  91,   2,  13,  29, 232, 250, 233, 198],
    [113,  83,  75,  13,   2,  27, 244, 261, 243, 188],
    [122, 106,  88,  29,  27,   2, 257, 275, 258, 209],
    [150, 169, 172, 231, 243, 257,   2, 122,   9, 293],
    [186, 214, 214, 249, 261, 275, 122,   2, 115, 328],
    [143, 162, 166, 233, 244, 256,   9, 115,   2, 284],
    [144, 128, 119, 196, 187, 208, 291, 328, 283,   2],
];

/// The position of a region by its name.
#[must_use]
pub fn region(name: &str) -> Option<usize> {
    REGIONS.iter().position(|region| *region == name)
}

/// One-way delay between two regions by position, in microseconds: half the round trip. None beyond the
/// table.
#[must_use]
pub fn one_way_us(from: usize, to: usize) -> Option<u64> {
    let round_trip = ROUND_TRIP_MS.get(from)?.get(to)?;
    Some(u64::from(*round_trip) * 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_agree_within_a_few_milliseconds() {
        for from in 0..REGIONS.len() {
            for to in 0..REGIONS.len() {
                let there = one_way_us(from, to).unwrap();
                let back = one_way_us(to, from).unwrap();
                assert!(there.abs_diff(back) <= 2_000, "{from} {to}");
                assert!(there >= 1_000);
            }
        }
    }

    #[test]
    fn regions_are_found_by_name() {
        assert_eq!(region("tokyo"), Some(8));
        assert_eq!(region("atlantis"), None);
        assert_eq!(one_way_us(8, 6), Some(4_500));
        assert_eq!(one_way_us(10, 0), None);
    }
}
