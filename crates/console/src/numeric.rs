//! Whole numbers as PostgreSQL's binary `numeric`.

/// What one digit of a binary `numeric` counts up to.
const BASE: u64 = 10_000;

/// The number as a binary `numeric`: digit count, weight of the first digit, sign,
/// digits after the point, then the digits, each 16 bits.
pub(crate) fn binary(number: u64) -> Vec<u8> {
    const POSITIVE: u16 = 0;
    const NO_FRACTION: u16 = 0;
    let mut digits = Vec::new();
    let mut left = number;
    while left > 0 {
        digits.push(u16::try_from(left % BASE).unwrap_or_default());
        left /= BASE;
    }
    let weight = digits.len().saturating_sub(1);
    // Zeros at the end are left out; the weight tells how many there were.
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    let digits = digits.get(zeros..).unwrap_or_default();
    // At most five digits: nothing here can be too large for 16 bits.
    let small = |count: usize| u16::try_from(count).unwrap_or_default();
    [small(digits.len()), small(weight), POSITIVE, NO_FRACTION]
        .iter()
        .chain(digits.iter().rev())
        .flat_map(|field| field.to_be_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_of_base_ten_thousand() {
        let table: &[(u64, &[u16])] = &[
            (0, &[0, 0, 0, 0]),
            (7, &[1, 0, 0, 0, 7]),
            (10_000, &[1, 1, 0, 0, 1]),
            (123_450_000, &[2, 2, 0, 0, 1, 2345]),
            (100_000_001, &[3, 2, 0, 0, 1, 0, 1]),
            (u64::MAX, &[5, 4, 0, 0, 1844, 6744, 737, 955, 1615]),
        ];
        for (number, fields) in table {
            let expected: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
            assert_eq!(binary(*number), expected, "{number}");
        }
    }
}
