//! The binary of the `/api/ml-development` functions.

fn main() -> Result<(), lambda_runtime::Error> {
    shared::functions::main(ml_development::FUNCTIONS)
}
