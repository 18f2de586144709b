//! The entry point of a deployed model's container image.

fn main() -> std::process::ExitCode {
    model_server::main()
}
