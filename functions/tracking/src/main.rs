//! The program of the tracking functions.

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    shared::functions::main(tracking::FUNCTIONS)
}
