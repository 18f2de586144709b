//! Tells what a model file is without executing it: its format, framework, class, shapes and versions, and what it
//! would import when it is loaded.
//!
//! The bytes may be hostile. Files are read in windows; nothing is allocated by a length that a file declares; and
//! where two readers could disagree about a file's meaning, the file is refused.

mod archive;
mod detect;
mod error;
mod estimator;
mod hdf5;
mod imports;
mod inspection;
mod keras;
mod onnx;
mod pickle;
mod requirements;
mod source;
mod torch;

use std::io::{Read, Seek, SeekFrom};

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use detect::Beginning;
pub use error::InspectionError;
use estimator::{describe, framework_of, packages};
pub use inspection::{Format, Framework, Import, Inspection, Shape};
use pickle::{Dialect, Input, Machine};
pub use requirements::suggested_requirements;
use source::{Decompressed, Source, Window, decompressed_limit, read_up_to};

/// What an extension says a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    Pickle,
    Torch,
    Hdf5,
    Keras,
    Onnx,
}

impl Extension {
    fn of(file_name: &str) -> Option<Self> {
        let (_, extension) = file_name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "pkl" | "pickle" | "joblib" => Some(Self::Pickle),
            "pt" | "pth" => Some(Self::Torch),
            "h5" => Some(Self::Hdf5),
            "keras" => Some(Self::Keras),
            "onnx" => Some(Self::Onnx),
            _ => None,
        }
    }

    fn described(self) -> &'static str {
        match self {
            Self::Pickle => "a pickle",
            Self::Torch => "a PyTorch file",
            Self::Hdf5 => "an HDF5 file",
            Self::Keras => "a Keras archive",
            Self::Onnx => "an ONNX model",
        }
    }
}

/// Tells what a model file is.
///
/// `file_name` gives the extension, with which the content must agree; `size` is the file's length in bytes, behind
/// which nothing is read. `file` is read in windows and sought freely.
///
/// Imports that no model needs are listed, not refused: that is the caller's decision.
///
/// # Errors
/// When the extension is unknown or the content is something else, when the file is damaged or passes a limit, and
/// when it is whole but cannot be served.
pub fn inspect(file_name: &str, file: &mut (impl Read + Seek), size: u64) -> Result<Inspection, InspectionError> {
    let extension = Extension::of(file_name).ok_or_else(|| InspectionError::UnknownExtension(imports::shown(file_name)))?;
    let mut head = [0; 512];
    file.seek(SeekFrom::Start(0)).map_err(InspectionError::Unreadable)?;
    let count = read_up_to(&mut file.by_ref().take(size), &mut head).map_err(InspectionError::Unreadable)?;
    let beginning = detect::beginning(&head[..count]);
    let disagrees =
        |found: String| InspectionError::Disagrees { file_name: imports::shown(file_name), expected: extension.described(), found };
    if count == 0 {
        return Err(disagrees("it is empty".to_owned()));
    }
    let begins_otherwise = || match beginning.described() {
        Some(what) => disagrees(format!("it begins like {what}")),
        None => disagrees("its first bytes are those of no known format".to_owned()),
    };
    match (extension, beginning) {
        (Extension::Pickle, Beginning::Pickle) => inspect_pickle(&mut Window::new(file, 0, size), false),
        (Extension::Pickle, Beginning::Text | Beginning::Unknown) => {
            // A pickle of protocol 0 or 1 has no signature: it must be one from beginning to end.
            inspect_pickle(&mut Window::new(file, 0, size), false).map_err(|error| match error {
                InspectionError::Damaged { .. } => begins_otherwise(),
                other => other,
            })
        }
        (Extension::Pickle, Beginning::Gzip) => {
            let decoder = MultiGzDecoder::new(Window::new(file, 0, size));
            inspect_pickle(&mut Decompressed::new(decoder, decompressed_limit(size)), true)
        }
        (Extension::Pickle, Beginning::Zlib) => {
            let decoder = ZlibDecoder::new(Window::new(file, 0, size));
            inspect_pickle(&mut Decompressed::new(decoder, decompressed_limit(size)), true)
        }
        (Extension::Pickle, Beginning::Other(what)) if what.ends_with("-compressed data") => Err(InspectionError::Unsupported(format!(
            "the model file begins like {what}, which is not read; save it with joblib.dump(model, file, compress=3) or without compression"
        ))),
        (Extension::Torch, Beginning::Zip) => torch::inspect_archive(file, size),
        (Extension::Torch, Beginning::LegacyTorch) => torch::inspect_legacy(file, size),
        (Extension::Torch, Beginning::Pickle) => {
            Err(disagrees("it is a pickle that torch.save did not write, which torch.load cannot read; name it .pkl".to_owned()))
        }
        (Extension::Hdf5, Beginning::Hdf5) => keras::inspect_hdf5(file, size),
        (Extension::Keras, Beginning::Zip) => keras::inspect_archive(file, size),
        (Extension::Onnx, Beginning::Text | Beginning::Unknown) => onnx::inspect(file, size).map_err(|error| match error {
            InspectionError::Damaged { position, reason, .. } if beginning != Beginning::Text => {
                disagrees(format!("at byte {position}, {reason}"))
            }
            InspectionError::Damaged { .. } => begins_otherwise(),
            other => other,
        }),
        _ => Err(begins_otherwise()),
    }
}

/// Inspects a pickle, and those that may follow it.
fn inspect_pickle(source: &mut dyn Source, compressed: bool) -> Result<Inspection, InspectionError> {
    let mut input = Input::new(source, "the pickle");
    let mut machine = Machine::new(Dialect::Python);
    let root = machine.run(&mut input)?;
    // Loaders stop at the first pickle's end. What else follows is looked at all the same.
    while let Some(next) = input.peek()? {
        if next != 0x80 {
            return Err(input.damaged("something follows the end of the pickle"));
        }
        machine.run(&mut input)?;
    }
    let arena = &machine.arena;
    let description = describe(arena, root);
    // Only joblib.load decompresses by itself.
    let format = if machine.joblib || compressed { Format::Joblib } else { Format::Pickle };
    Ok(Inspection {
        format,
        framework: framework_of(&description.module),
        model_type: description.model_type,
        module: description.module,
        input_shape: description.input_shape,
        output_shape: description.output_shape,
        feature_names: description.feature_names,
        package_versions: description.package_versions,
        packages: packages(arena),
        suspicious_imports: machine.suspicious.into_iter().collect(),
        unknown_imports: machine.unknown.into_iter().collect(),
    })
}
