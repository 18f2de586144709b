//! Python's pickle format, protocols 0 to 5, read without running it.

mod array;
mod input;
mod machine;
mod value;

pub(crate) use array::{array_shape, integer};
pub(crate) use input::Input;
pub(crate) use machine::{Dialect, Machine};
pub(crate) use value::{Arena, Node, Value};
