//! The binary of the `/api/v1` functions.

fn main() -> Result<(), lambda_runtime::Error> {
    shared::functions::main(serving::FUNCTIONS)
}
