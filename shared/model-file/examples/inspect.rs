//! Prints what model files are: `cargo run -p model-file --example inspect -- model.pkl …`.

use std::fs::File;

fn main() {
    for name in std::env::args().skip(1) {
        let found = File::open(&name).and_then(|file| Ok((file.metadata()?.len(), file)));
        match found.map(|(size, mut file)| model_file::inspect(&name, &mut file, size)) {
            Ok(Ok(inspection)) => {
                println!("{name}: {inspection:#?}");
                println!("requirements: {:?}", model_file::suggested_requirements(&inspection));
            }
            Ok(Err(error)) => println!("{name}: {error}"),
            Err(error) => println!("{name}: {error}"),
        }
    }
}
