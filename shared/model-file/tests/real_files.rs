//! Files that real packages saved.

mod support;

use model_file::{Format, Framework, Inspection, suggested_requirements};
use support::{fixture, inspect_fixture, refusal};

fn shape(lengths: &[u64]) -> Option<Vec<Option<u64>>> {
    Some(lengths.iter().copied().map(Some).collect())
}

/// A file that must be harmless and known in full.
fn harmless(name: &str) -> Inspection {
    let inspection = inspect_fixture(name);
    assert_eq!(inspection.suspicious_imports, [], "{name}");
    assert_eq!(inspection.unknown_imports, [], "{name}");
    inspection
}

#[test]
fn a_random_forest_is_told_however_it_was_saved() {
    for (name, format) in [
        ("forest_protocol_0.pkl", Format::Pickle),
        ("forest_protocol_1.pkl", Format::Pickle),
        ("forest_protocol_2.pkl", Format::Pickle),
        ("forest_protocol_3.pkl", Format::Pickle),
        ("forest_protocol_4.pkl", Format::Pickle),
        ("forest_protocol_5.pkl", Format::Pickle),
        ("forest.joblib", Format::Joblib),
        ("forest_zlib.joblib", Format::Joblib),
        ("forest_gzip.joblib", Format::Joblib),
        ("forest_gzip.pkl", Format::Joblib),
    ] {
        let forest = harmless(name);
        assert_eq!(forest.format, format, "{name}");
        assert_eq!(forest.framework, Framework::Sklearn, "{name}");
        assert_eq!(forest.model_type, "RandomForestClassifier", "{name}");
        assert_eq!(forest.module, "sklearn.ensemble._forest.RandomForestClassifier", "{name}");
        assert_eq!(forest.input_shape, shape(&[4]), "{name}");
        assert_eq!(forest.output_shape, shape(&[3]), "{name}");
        assert_eq!(forest.package_versions["sklearn"], "1.9.1", "{name}");
        assert_eq!(suggested_requirements(&forest), ["scikit-learn==1.9.1"], "{name}");
    }
}

#[test]
fn pipelines_and_searches_are_followed_to_their_last_step() {
    for name in ["pipeline.pkl", "pipeline.joblib"] {
        let pipeline = harmless(name);
        assert_eq!(pipeline.model_type, "LogisticRegression", "{name}");
        assert_eq!(pipeline.module, "sklearn.pipeline.Pipeline", "{name}");
        assert_eq!(pipeline.input_shape, shape(&[4]), "{name}");
        assert_eq!(pipeline.output_shape, shape(&[3]), "{name}");
        let features = ["height", "width", "depth", "weight"].map(str::to_owned);
        assert_eq!(pipeline.feature_names.as_deref(), Some(&features[..]), "{name}");
    }
    let search = harmless("search.pkl");
    assert_eq!(search.model_type, "GridSearchCV");
    assert_eq!((search.input_shape, search.output_shape), (shape(&[4]), shape(&[3])));
    // The words that a text has are no input of the model's.
    let texts = harmless("texts.pkl");
    assert_eq!((texts.input_shape, texts.output_shape), (None, shape(&[2])));
    let function = harmless("function.pkl");
    assert_eq!((function.model_type.as_str(), function.input_shape), ("PCA", shape(&[4])));
}

#[test]
fn regressors_give_as_many_numbers_as_they_have_outputs() {
    let two = harmless("linear_two_outputs.pkl");
    assert_eq!((two.input_shape, two.output_shape), (shape(&[4]), shape(&[2])));
    let tree = harmless("tree_regressor.pickle");
    assert_eq!((tree.input_shape, tree.output_shape), (shape(&[4]), shape(&[1])));
}

#[test]
fn boosters_are_told_from_their_own_formats_inside_the_pickle() {
    for (name, class, outputs) in [
        ("xgboost_classifier.pkl", "XGBClassifier", 3),
        ("xgboost_classifier.joblib", "XGBClassifier", 3),
        ("xgboost_regressor.pkl", "XGBRegressor", 1),
        ("xgboost_booster.pkl", "Booster", 3),
    ] {
        let model = harmless(name);
        assert_eq!(model.framework, Framework::Xgboost, "{name}");
        assert_eq!(model.model_type, class, "{name}");
        assert_eq!((model.input_shape.clone(), model.output_shape.clone()), (shape(&[4]), shape(&[outputs])), "{name}");
        let requirements = suggested_requirements(&model);
        assert!(requirements.contains(&"xgboost-cpu==3.4.1".to_owned()), "{name}: {requirements:?}");
    }
    let model = harmless("lightgbm_classifier.pkl");
    assert_eq!((model.framework, model.model_type.as_str()), (Framework::Lightgbm, "LGBMClassifier"));
    assert_eq!((model.input_shape.clone(), model.output_shape.clone()), (shape(&[4]), shape(&[3])));
    assert_eq!(suggested_requirements(&model), ["lightgbm", "scikit-learn"]);
}

#[test]
fn onnx_models_are_told_from_their_graph() {
    let forest = harmless("forest.onnx");
    assert_eq!((forest.format, forest.framework), (Format::Onnx, Framework::Onnx));
    assert_eq!(forest.model_type, "TreeEnsembleClassifier");
    assert_eq!((forest.input_shape.clone(), forest.output_shape.clone()), (shape(&[4]), shape(&[3])));
    assert_eq!(forest.package_versions["skl2onnx"], "1.20.0");
    assert_eq!(suggested_requirements(&forest), ["onnxruntime"]);
    let linear = harmless("linear.onnx");
    assert_eq!((linear.input_shape, linear.output_shape), (shape(&[4]), shape(&[2])));
    assert_eq!(linear.package_versions["onnx_opset"], "17");
    let reason = refusal("external.onnx", &fixture("external.onnx"));
    assert!(reason.contains("\"external.data\""), "{reason}");
}

#[test]
fn attacks_and_embedded_code_are_listed() {
    for name in ["attack_protocol_0.pkl", "attack_protocol_2.pkl", "attack_protocol_4.pkl"] {
        let attack = inspect_fixture(name);
        let found = &attack.suspicious_imports[0];
        assert_eq!((found.module.as_str(), found.name.as_str()), ("posix", "system"), "{name}");
        assert!(found.reason.contains("needed by no model"), "{name}: {}", found.reason);
    }
    let function = inspect_fixture("cloudpickle.pkl");
    assert!(function.suspicious_imports.iter().any(|found| found.name == "_make_function"));
    let own = inspect_fixture("own_class.pkl");
    assert_eq!(own.suspicious_imports, []);
    assert_eq!(own.unknown_imports[0].module, "__main__");
    assert_eq!(own.model_type, "Own");
}

#[test]
fn other_compressions_say_what_to_do() {
    let reason = refusal("forest_xz.joblib", &fixture("forest_xz.joblib"));
    assert!(reason.contains("xz-compressed data") && reason.contains("compress=3"), "{reason}");
}

#[test]
fn pytorch_files_are_told_apart() {
    for (name, format, class, input, output) in [
        ("state.pt", Format::TorchState, "OrderedDict", shape(&[4]), shape(&[3])),
        ("state_legacy.pth", Format::TorchState, "OrderedDict", shape(&[4]), shape(&[3])),
        ("checkpoint.pth", Format::TorchState, "dict", shape(&[4]), shape(&[3])),
        ("module.pt", Format::TorchPickleModule, "Sequential", shape(&[4]), shape(&[3])),
        ("scripted.pt", Format::TorchScript, "Sequential", shape(&[4]), shape(&[3])),
        ("convolution.pt", Format::TorchScript, "Conv2d", Some(vec![Some(3), None, None]), None),
    ] {
        let model = harmless(name);
        assert_eq!((model.format, model.framework), (format, Framework::Pytorch), "{name}");
        assert_eq!(model.model_type, class, "{name}");
        assert_eq!((model.input_shape.clone(), model.output_shape.clone()), (input, output), "{name}");
        assert_eq!(suggested_requirements(&model), ["torch"], "{name}");
    }
}

#[test]
fn keras_models_are_told_from_their_configuration() {
    for (name, format, class, input, output) in [
        ("sequential.keras", Format::KerasArchive, "Sequential", shape(&[4]), shape(&[3])),
        ("sequential.h5", Format::KerasHdf5, "Sequential", shape(&[4]), shape(&[3])),
        ("functional.keras", Format::KerasArchive, "Functional", shape(&[6, 4]), shape(&[2])),
    ] {
        let model = harmless(name);
        assert_eq!((model.format, model.framework), (format, Framework::Tensorflow), "{name}");
        assert_eq!(model.model_type, class, "{name}");
        assert_eq!((model.input_shape.clone(), model.output_shape.clone()), (input, output), "{name}");
        assert!(suggested_requirements(&model).contains(&"keras==3.15.1".to_owned()), "{name}");
    }
    for name in ["lambda.keras", "lambda.h5"] {
        let model = inspect_fixture(name);
        assert!(model.suspicious_imports.iter().any(|found| found.name == "Lambda"), "{name}");
    }
    let reason = refusal("only.weights.h5", &fixture("only.weights.h5"));
    assert!(reason.contains("perhaps its weights alone"), "{reason}");
}
