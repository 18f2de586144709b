fn main() -> Result<(), lambda_runtime::Error> {
    pipeline::main()
}
