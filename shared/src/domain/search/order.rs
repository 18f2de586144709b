//! Orders: a field, then `ASC` or `DESC`.

use super::filter::{Field, field};
use super::lexer::{Token, tokens};
use super::{MOST_ORDERS, Rules};
use crate::{Error, Result};

/// By what results are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The field.
    pub field: Field,
    /// From the least to the greatest.
    pub ascending: bool,
}

/// The orders that a client names, the first one first.
///
/// # Errors
/// `BadRequest` when one cannot be read, names what `rules` do not order by, or comes twice.
pub fn parse(orders: &[String], rules: &Rules) -> Result<Vec<Order>> {
    if orders.len() > MOST_ORDERS {
        return Err(Error::bad_request(format!("order_by can name at most {MOST_ORDERS} fields, not {}.", orders.len())));
    }
    let mut parsed: Vec<Order> = Vec::new();
    for text in orders {
        let order = one(text, rules)?;
        if parsed.iter().any(|before| before.field == order.field) {
            return Err(Error::bad_request(format!("`order_by` contains duplicate fields: {orders:?}")));
        }
        parsed.push(order);
    }
    Ok(parsed)
}

fn one(text: &str, rules: &Rules) -> Result<Order> {
    let invalid = || Error::bad_request(format!("Invalid order_by clause '{text}'. Could not be parsed."));
    if text.len() > 1000 {
        return Err(invalid());
    }
    let (name, ascending) = match tokens(text).map_err(|_| invalid())?.as_slice() {
        [Token::Word(name)] => (name.clone(), true),
        [Token::Word(name), Token::Word(direction)] => {
            let ascending = match direction.to_ascii_lowercase().as_str() {
                "asc" => true,
                "desc" => false,
                _ => return Err(Error::bad_request(format!("Invalid ordering key in order_by clause '{text}'."))),
            };
            (name.clone(), ascending)
        }
        _ => return Err(invalid()),
    };
    let field = field(&name, rules, rules.order_key, rules.orders.iter())?;
    if matches!(field, Field::Dataset(_)) {
        return Err(Error::bad_request(format!("Invalid order_by clause '{text}': datasets have no order.")));
    }
    Ok(Order { field, ascending })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::rules::{REGISTERED_MODELS, RUNS};
    use super::*;

    #[test]
    fn orders_have_a_direction() {
        let orders = ["metrics.`a b` DESC".to_owned(), "start_time".to_owned(), "params.x asc".to_owned()];
        let parsed = parse(&orders, &RUNS).unwrap();
        assert_eq!(parsed[0], Order { field: Field::Metric("a b".into()), ascending: false });
        assert_eq!(parsed[1], Order { field: Field::Attribute("start_time".into()), ascending: true });
        assert!(parsed[2].ascending);
    }

    #[test]
    fn wrong_orders_are_refused() {
        for orders in [vec!["metrics.a sideways"], vec![""], vec!["metrics.a desc b"], vec!["a.b.c"], vec!["start_time", "created"]] {
            let orders: Vec<String> = orders.into_iter().map(str::to_owned).collect();
            assert!(parse(&orders, &RUNS).is_err(), "{orders:?}");
        }
        assert!(parse(&["timestamp DESC".to_owned()], &REGISTERED_MODELS).is_ok());
        let refused = parse(&["creation_timestamp DESC".to_owned()], &REGISTERED_MODELS).unwrap_err().to_string();
        assert!(refused.starts_with("Invalid order by key 'creation_timestamp' specified."), "{refused}");
    }
}
