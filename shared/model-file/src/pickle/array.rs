//! NumPy's arrays and data types as pickles describe them.

use super::value::{Arena, Value};

/// How an array's items lie in a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ItemLayout {
    pub(crate) bytes: u64,
    /// The items are Python objects, pickled.
    pub(crate) objects: bool,
}

/// The layout of a `numpy.dtype`; the error says what cannot be told.
pub(crate) fn item_layout(arena: &Arena, dtype: Value) -> Result<ItemLayout, &'static str> {
    const UNKNOWN: &str = "an array's data type cannot be told";
    let object = arena.object(dtype).ok_or(UNKNOWN)?;
    let callable = arena.global(object.callable).ok_or(UNKNOWN)?;
    if (callable.module.as_str(), callable.name.as_str()) != ("numpy", "dtype") {
        return Err(UNKNOWN);
    }
    let arguments = arena.tuple(object.arguments).ok_or(UNKNOWN)?;
    let code = arguments.first().and_then(|code| arena.text(*code)).ok_or(UNKNOWN)?;
    let code = code.trim_start_matches(['<', '>', '|', '=']);
    let mut characters = code.chars();
    let kind = characters.next().ok_or(UNKNOWN)?;
    let number: u64 = match characters.as_str() {
        "" => 0,
        digits => digits.parse().map_err(|_| UNKNOWN)?,
    };
    let (bytes, flexible) = match kind {
        'b' | 'i' | 'u' | 'f' | 'c' | 'm' | 'M' if matches!(number, 1 | 2 | 4 | 8 | 16 | 32) => (number, false),
        '?' if number == 0 => (1, false),
        'O' => (8, false),
        'U' => (number.checked_mul(4).ok_or(UNKNOWN)?, true),
        'S' | 'a' | 'V' => (number, true),
        _ => return Err(UNKNOWN),
    };
    let mut objects = kind == 'O';
    if let Some(state) = object.state {
        // (version, byte order, subarray, names, fields, item size, alignment, flags[, metadata])
        let state = arena.tuple(state).ok_or(UNKNOWN)?;
        let (Some(Value::None), Some(Value::Int(size)), Some(Value::Int(flags))) = (state.get(2), state.get(5), state.get(7)) else {
            return Err(UNKNOWN);
        };
        if flexible && *size != -1 && u64::try_from(*size) != Ok(bytes) {
            return Err("an array's data type gives two different sizes");
        }
        let flagged = flags & 1 == 1;
        if flagged && !flexible && !objects {
            return Err("a number's data type claims to hold objects");
        }
        objects |= flagged;
    }
    Ok(ItemLayout { bytes, objects })
}

/// The lengths in a tuple of whole numbers.
pub(crate) fn lengths(arena: &Arena, shape: Value) -> Option<Vec<u64>> {
    let lengths = arena.tuple(shape)?;
    if lengths.len() > 64 {
        return None;
    }
    lengths
        .iter()
        .map(|length| match length {
            Value::Int(length) => u64::try_from(*length).ok(),
            _ => None,
        })
        .collect()
}

/// The shape of an array, or of a tensor that is rebuilt from its storage.
pub(crate) fn array_shape(arena: &Arena, value: Value) -> Option<Vec<u64>> {
    let object = arena.object(value)?;
    if let Some(content) = object.content {
        // The array that joblib pickled apart: never itself one with a content.
        return arena.object(content)?.content.is_none().then(|| array_shape(arena, content))?;
    }
    let class = arena.global(object.callable)?;
    let argument = |place: usize| arena.tuple(object.arguments)?.get(place).copied();
    match class.name.as_str() {
        "_reconstruct" => lengths(arena, *arena.tuple(object.state?)?.get(1)?),
        "NumpyArrayWrapper" => lengths(arena, arena.attribute(value, "shape")?),
        "_frombuffer" => lengths(arena, argument(2)?),
        "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_qtensor" => lengths(arena, argument(2)?),
        "_rebuild_parameter" | "_rebuild_parameter_with_state" => {
            let tensor = argument(0)?;
            let made_by = arena.global(arena.object(tensor)?.callable)?;
            made_by.name.starts_with("_rebuild_tensor").then(|| array_shape(arena, tensor))?
        }
        _ => None,
    }
}

/// A whole number: Python's own, or a NumPy scalar.
pub(crate) fn integer(arena: &Arena, value: Value) -> Option<u64> {
    if let Value::Int(number) = value {
        return u64::try_from(number).ok();
    }
    let object = arena.object(value)?;
    if arena.global(object.callable)?.name != "scalar" {
        return None;
    }
    let [dtype, content] = arena.tuple(object.arguments)? else { return None };
    let layout = item_layout(arena, *dtype).ok()?;
    let bytes = arena.bytes(*content)?.whole()?;
    if bytes.len() as u64 != layout.bytes || bytes.len() > 8 {
        return None;
    }
    let mut number = [0; 8];
    number[..bytes.len()].copy_from_slice(bytes);
    Some(u64::from_le_bytes(number)).filter(|number| *number <= i64::MAX as u64)
}
