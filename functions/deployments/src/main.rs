//! The binary of the `/api/mlops` functions.

fn main() -> Result<(), lambda_runtime::Error> {
    shared::functions::main(deployments::FUNCTIONS)
}
