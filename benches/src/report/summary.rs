//! The median and the range of some numbers.

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// None of no numbers.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Summary> {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Summary {
            median: low.midpoint(high),
            min,
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even() {
        let summary = |numbers: &[f64]| Summary::of(numbers.iter().copied());
        assert_eq!(summary(&[]), None);
        let odd = Summary {
            median: 2.0,
            min: 1.0,
            max: 9.0,
        };
        assert_eq!(summary(&[9.0, 1.0, 2.0]), Some(odd));
        assert_eq!(summary(&[9.0, 1.0, 2.0, 4.0]).unwrap().median, 3.0);
    }
}
