//! Orders that no index has, made in memory.

use std::cmp::Ordering;

use crate::domain::search::{Field, Given, Order};
use crate::{Error, Result};

use super::MOST_SORTED;

/// That so many items can be put in an order.
///
/// # Errors
/// `BadRequest` when there are too many.
pub fn check_count(count: usize) -> Result<()> {
    if count < MOST_SORTED {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "This order is made in memory, and more than {MOST_SORTED} items match. Narrow the filter down, or order by the start time or \
         one metric, which have an index."
    )))
}

/// Sorts items by the orders, then by `tie`. What has no value comes last in either direction, NaN just before it.
pub fn sort<T>(items: &mut [T], orders: &[Order], given: impl Fn(&T, &Field) -> Given, tie: impl Fn(&T, &T) -> Ordering) {
    items.sort_by(|one, other| {
        for order in orders {
            let (one, other) = (given(one, &order.field), given(other, &order.field));
            let found = rank(&one).cmp(&rank(&other)).then_with(|| {
                let values = compare(&one, &other);
                if order.ascending { values } else { values.reverse() }
            });
            if found != Ordering::Equal {
                return found;
            }
        }
        tie(one, other)
    });
}

fn rank(given: &Given) -> u8 {
    match given {
        Given::Number(number) if number.is_nan() => 1,
        Given::Nothing => 2,
        Given::Number(_) | Given::Text(_) => 0,
    }
}

fn compare(one: &Given, other: &Given) -> Ordering {
    match (one, other) {
        (Given::Number(one), Given::Number(other)) => one.partial_cmp(other).unwrap_or(Ordering::Equal),
        (Given::Text(one), Given::Text(other)) => one.cmp(other),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_comes_last() {
        let field = Field::Metric("m".into());
        for ascending in [true, false] {
            let mut items = vec![Given::Nothing, Given::Number(f64::NAN), Given::Number(1.0), Given::Number(2.0)];
            let orders = [Order { field: field.clone(), ascending }];
            sort(&mut items, &orders, |item, _| item.clone(), |_, _| Ordering::Equal);
            assert_eq!(items[3], Given::Nothing);
            assert!(matches!(items[2], Given::Number(number) if number.is_nan()));
            assert_eq!(items[0], Given::Number(if ascending { 1.0 } else { 2.0 }));
        }
    }
}
