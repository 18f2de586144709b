//! The binary of the `/mlops` functions.

fn main() -> Result<(), lambda_runtime::Error> {
    shared::functions::main(mlops::FUNCTIONS)
}
