//! What a policy makes of values.
#![allow(clippy::unwrap_used)]

use privacy::{Action, Anonymiser, Key, MASK, PiiType, Policy, anonymise};
use serde_json::{Value, json};

fn with(action: Action) -> Policy {
    Policy { key: Some(Key::new("0123456789abcdef0123456789abcdef")), ..Policy::everywhere(action) }
}

fn masked(value: Value) -> Value {
    anonymise(&with(Action::Mask), value).unwrap()
}

#[test]
fn values_are_covered_at_any_depth_and_keys_stay() {
    let given =
        json!({"a": [{"contact": "write to anna@example.com or call +49 30 1234567."}], "anna@example.com": 1, "b": null, "c": true});
    let expected = json!({"a": [{"contact": format!("write to {MASK} or call {MASK}.")}], "anna@example.com": 1, "b": null, "c": true});
    assert_eq!(masked(given), expected);
}

#[test]
fn numbers_are_covered_too_and_others_stay_as_they_are() {
    let given = json!([4111111111111111_u64, 4111111111111111.0, 29.99, 42, -1.5e300, 1732228800, "29.99", 0.1234567890123456]);
    let expected = json!([MASK, MASK, 29.99, 42, -1.5e300, 1732228800, "29.99", 0.1234567890123456]);
    assert_eq!(masked(given), expected);
}

#[test]
fn hashes_are_the_same_for_the_same_value_and_key_alone() {
    let hashed = |text: &str, key: &str| anonymise(&Policy { key: Some(Key::new(key)), ..with(Action::Hash) }, json!(text)).unwrap();
    let (one, other) = ("one key of 16 bytes", "another key of them");
    assert_eq!(hashed("4111 1111 1111 1111", one), hashed("4111111111111111", one));
    assert_eq!(hashed("Anna@Example.com", one), hashed("anna@example.com", one));
    assert_ne!(hashed("anna@example.com", one), hashed("anna@example.com", other));
    assert_ne!(hashed("anna@example.com", one), hashed("bob@example.com", one));
    let hash = hashed("anna@example.com", one);
    assert!(hash.as_str().unwrap().starts_with("hmac:") && hash.as_str().unwrap().len() == 37);
    // The hash of a hash is itself: nothing personal is found in it.
    assert_eq!(hashed(hash.as_str().unwrap(), one), hash);
}

#[test]
fn what_is_removed_is_null_or_gone_from_its_text() {
    let given = json!({"a": "anna@example.com", "b": "to anna@example.com", "c": ["192.168.17.23"]});
    let removed = anonymise(&with(Action::Remove), given).unwrap();
    assert_eq!(removed, json!({"a": null, "b": "to ", "c": [null]}));
}

#[test]
fn only_the_types_of_the_policy_are_treated_and_from_its_threshold_on() {
    let policy = Policy { actions: [(PiiType::Email, Action::Mask)].into(), ..Policy::default() };
    let given = json!(["anna@example.com", "+49 30 1234567"]);
    assert_eq!(anonymise(&policy, given.clone()).unwrap(), json!([MASK, "+49 30 1234567"]));
    let strict = Policy { threshold: 0.99, ..with(Action::Mask) };
    assert_eq!(anonymise(&strict, given.clone()).unwrap(), given);
}

#[test]
fn mapped_columns_are_covered_whole_and_known_where_they_come_back() {
    let column_map = [("customer".to_owned(), PiiType::PersonName), ("born".to_owned(), PiiType::DateOfBirth)].into();
    let policy = with(Action::Mask).overridden(Some(column_map), None);
    let inputs = json!({"customer": ["Anna Smith", "Bo", null], "born": [19800131, 7, true], "amount": [1, 2, 3]});
    let anonymiser = Anonymiser::new(policy).unwrap().knowing(&inputs);
    assert_eq!(anonymiser.value(inputs), json!({"customer": [MASK, MASK, null], "born": [MASK, MASK, MASK], "amount": [1, 2, 3]}));
    assert_eq!(
        anonymiser.text("could not convert string to float: 'Anna Smith' (19800131)"),
        format!("could not convert string to float: '{MASK}' ({MASK})")
    );
    assert_eq!(anonymiser.value(json!(["Anna Smith", "Bo", "Bob", 7])), json!([MASK, MASK, "Bob", 7]));
}

#[test]
fn a_mapped_column_is_covered_even_where_its_type_has_no_action() {
    let policy = Policy::default().overridden(Some([("mail".to_owned(), PiiType::Email)].into()), Some(0.9));
    assert_eq!(anonymise(&policy, json!({"mail": {"deep": ["x", 5]}})).unwrap(), json!({"mail": {"deep": [MASK, MASK]}}));
}

#[test]
fn a_wrong_policy_is_refused() {
    assert!(anonymise(&Policy::everywhere(Action::Hash), json!(1)).is_err());
}
