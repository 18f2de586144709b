use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// How a model was saved, and so how it must be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `pickle.dump`, perhaps through gzip: for `pickle.load` (and `joblib.load`, which reads the same).
    Pickle,
    /// `joblib.dump` with arrays among the opcodes: only `joblib.load` reads it as it was inspected. Any other
    /// loader would take the arrays' bytes for instructions.
    Joblib,
    /// `torch.jit.save`.
    TorchScript,
    /// `torch.save` of tensors: a state dict or a checkpoint. Needs the class to become a model.
    TorchState,
    /// `torch.save` of a whole module.
    TorchPickleModule,
    /// A `.keras` archive.
    KerasArchive,
    /// Keras in HDF5.
    KerasHdf5,
    Onnx,
}

/// The package that loads the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Framework {
    Sklearn,
    Pytorch,
    /// Keras, whatever its backend.
    Tensorflow,
    Onnx,
    Xgboost,
    Lightgbm,
    Other,
}

/// The shape of one example, without the batch dimension; `None` stands for a length that may vary.
pub type Shape = Vec<Option<u64>>;

/// Something that the file names to be imported, or an instruction as dangerous as an import.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Import {
    /// The dotted module; for an instruction that imports nothing by name, the part of the file it stands in.
    pub module: String,
    /// The name in that module; or the instruction.
    pub name: String,
    /// Why it is listed, as a sentence without its stop.
    pub reason: String,
}

/// What a model file is, as far as its bytes tell without running them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    pub format: Format,
    pub framework: Framework,
    /// The model's class without its module (`RandomForestClassifier`); a pipeline's last step.
    pub model_type: String,
    /// The full dotted name of the outermost class (`sklearn.pipeline.Pipeline`).
    pub module: String,
    pub input_shape: Option<Shape>,
    pub output_shape: Option<Shape>,
    pub feature_names: Option<Vec<String>>,
    /// What the file itself says of versions, by import name (`sklearn`, `keras`, `onnx_opset`).
    pub package_versions: BTreeMap<String, String>,
    /// The top-level packages that the file imports from (`sklearn`, `numpy`).
    pub packages: BTreeSet<String>,
    /// What no model needs: such a file may run any code when it is loaded.
    pub suspicious_imports: Vec<Import>,
    /// What is neither known to be safe nor known to be dangerous, mostly the author's own classes.
    pub unknown_imports: Vec<Import>,
}
