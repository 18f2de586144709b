//! Files made to deceive, instruction by instruction.

mod support;

use std::io::Write;

use model_file::{Inspection, InspectionError};
use support::{fixture, inspect_bytes, refusal, zip};

/// Pickle's instructions by their names.
#[derive(Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Self {
        Self(vec![0x80, 4])
    }

    fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    fn text(self, text: &str) -> Self {
        self.raw([0x8c, text.len() as u8]).raw(text)
    }

    fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n"))
    }

    fn stack_global(self, module: &str, name: &str) -> Self {
        self.text(module).text(name).raw([0x93])
    }

    fn stop(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

fn inspected(bytes: &[u8]) -> Inspection {
    inspect_bytes("model.pkl", bytes).unwrap_or_else(|error| panic!("{error}"))
}

fn lists(bytes: &[u8], name: &str) -> bool {
    inspected(bytes).suspicious_imports.iter().any(|found| found.name == name)
}

#[test]
fn every_way_to_import_is_seen() {
    let reduce = b"(Vid\ntR";
    for bytes in [
        Pickle::new().global("os", "system").raw(reduce).stop(),
        Pickle::new().stack_global("os", "system").raw(reduce).stop(),
        // INST, OBJ, NEWOBJ, NEWOBJ_EX.
        Pickle::new().raw(b"(Vid\nios\nsystem\n").stop(),
        Pickle::new().raw(b"(cos\nsystem\nVid\no").stop(),
        Pickle::new().global("os", "system").raw(b")\x81").stop(),
        Pickle::new().global("os", "system").raw(b")}\x92").stop(),
        // Without a call: a class's own hooks, or a later reader, could use it.
        Pickle::new().global("os", "system").stop(),
        // Imported, then thrown away.
        Pickle::new().global("os", "system").raw(reduce).raw(b"0N").stop(),
        // Names from the memo, stored out of order, through a tuple and duplicates.
        Pickle::new().text("system").raw(b"q\x050").text("os").raw(b"q\x030h\x03h\x05\x93").stop(),
        Pickle::new().text("os").raw(b"2\x940").text("system").raw(b"\x940h\x00h\x01\x930N").stop(),
        // Protocol 0's texts.
        b"Vos\nVsystem\n\x93.".to_vec(),
        b"S'os'\nS'system'\n\x93.".to_vec(),
    ] {
        assert!(lists(&bytes, "system"), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn imports_whose_names_are_no_plain_texts_are_suspicious() {
    for bytes in [
        // Escapes, as a list's item, as a call's result, as bytes.
        Pickle::new().raw(b"V\\u006fs\nVsystem\n\x93").stop(),
        Pickle::new().raw(b"S'\\x6fs'\nS'system'\n\x93").stop(),
        Pickle::new().global("builtins", "str").raw(b"Vos\n\x85R").text("system").raw([0x93]).stop(),
        Pickle::new().raw(b"C\x02os").text("system").raw([0x93]).stop(),
        Pickle::new().text("os").raw(b"N\x93").stop(),
    ] {
        assert!(lists(&bytes, "STACK_GLOBAL"), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn attribute_walks_do_not_slip_through() {
    for (module, name) in
        [("os", "path.os.system"), ("sklearn", "os.system"), ("collections", "OrderedDict.__init__"), ("mypackage", "os.system")]
    {
        let bytes = Pickle::new().stack_global(module, name).stop();
        assert!(lists(&bytes, name), "{module} {name}");
    }
}

#[test]
fn computed_calls_and_changes_of_imports_are_suspicious() {
    for (bytes, name) in [
        // What a call gave is called.
        (Pickle::new().global("collections", "OrderedDict").raw(b")R)R").stop(), "REDUCE"),
        // A class gets another attribute; a module's table gets another entry.
        (Pickle::new().global("sklearn.tree", "Tree").raw(b"}b").stop(), "BUILD"),
        (Pickle::new().global("collections", "OrderedDict").raw(b"K\x01K\x02s").stop(), "SETITEMS"),
        // The extension registry, and objects outside of the file.
        (Pickle::new().raw([0x82, 1]).stop(), "EXT"),
        (Pickle::new().raw([0x84, 1, 0, 0, 0]).stop(), "EXT"),
        (Pickle::new().raw(b"Pid\n").stop(), "PERSID"),
        (Pickle::new().raw(b"NQ").stop(), "PERSID"),
        // functools.partial of a class of the author's.
        (Pickle::new().global("functools", "partial").global("own", "function").raw(b"\x85R").stop(), "REDUCE"),
    ] {
        assert!(lists(&bytes, name), "{name}: {:?}", inspected(&bytes).suspicious_imports);
    }
    let known = Pickle::new().global("functools", "partial").global("math", "exp").raw(b"\x85R").stop();
    assert_eq!(inspected(&known).suspicious_imports, []);
}

#[test]
fn pickles_behind_the_first_are_seen_and_other_bytes_refused() {
    let first = Pickle::new().raw(b"N").stop();
    let mut bytes = first.clone();
    bytes.extend(Pickle::new().global("os", "system").raw(b")R").stop());
    assert!(lists(&bytes, "system"));
    let mut bytes = first;
    bytes.extend(b"cos\nsystem\n.");
    let reason = refusal("model.pkl", &bytes);
    assert!(reason.contains("follows the end"), "{reason}");
}

#[test]
fn broken_instructions_are_refused_with_their_place() {
    for (bytes, reason) in [
        (Pickle::new().raw([0x80, 9]).stop(), "protocol 9"),
        (Pickle::new().raw(b"h\x07").stop(), "never stored"),
        (Pickle::new().raw(b"R").stop(), "empty stack"),
        (Pickle::new().raw(b"N(0").raw(b"(R").stop(), "empty stack"),
        (Pickle::new().raw(b"t").stop(), "mark is missing"),
        (Pickle::new().raw([0xf0]).stop(), "no pickle instruction 0xf0"),
        (Pickle::new().raw(b"Nr\xff\xff\x3f\x00").stop(), "far smaller"),
        (Pickle::new().raw(b"T\xff\xff\xff\xff").stop(), "negative"),
        (Pickle::new().raw(b"N").0, "ends in the middle"),
        // Lengths beyond the file.
        (Pickle::new().raw([0x8e]).raw(u64::MAX.to_le_bytes()).stop(), "ends in the middle"),
        (Pickle::new().raw([0x8d]).raw((1u64 << 40).to_le_bytes()).stop(), "ends in the middle"),
        // A frame that ends within an instruction, one that is left early, and one in another.
        (Pickle::new().raw([0x95, 2, 0, 0, 0, 0, 0, 0, 0]).raw(b"M\x01\x01").stop(), "end of its frame"),
        (Pickle::new().raw([0x95, 9, 0, 0, 0, 0, 0, 0, 0]).raw(b"N").stop(), "before its end"),
        (Pickle::new().raw([0x95, 99, 0, 0, 0, 0, 0, 0, 0, 0x95, 1, 0, 0, 0, 0, 0, 0, 0]).raw(b"N").stop(), "before its end"),
    ] {
        let found = refusal("model.pkl", &bytes);
        assert!(found.contains(reason), "{found:?} is not about {reason:?}");
    }
}

/// A pickle as joblib writes it: one array, its description made of the parts given.
fn joblib_array(frame: Option<u64>, shape: &[u8], code: &str, data: &[u8]) -> Vec<u8> {
    let mut pickle = Pickle::new();
    if let Some(length) = frame {
        pickle = pickle.raw([0x95]).raw(length.to_le_bytes());
    }
    pickle
        .global("joblib.numpy_pickle", "NumpyArrayWrapper")
        .raw(b")\x81}(")
        .text("subclass")
        .global("numpy", "ndarray")
        .text("shape")
        .raw(shape)
        .text("dtype")
        .global("numpy", "dtype")
        .text(code)
        .raw(b"\x89\x88\x87Rub")
        .raw(data)
        .stop()
}

#[test]
fn what_hides_as_an_arrays_bytes_is_no_instruction_and_the_other_way_round() {
    // Three bytes of data that would be an import.
    let plain = inspected(&joblib_array(None, b"K\x0b\x85", "i1", b"cos\nsystem\n"));
    assert_eq!(plain.suspicious_imports, []);
    assert_eq!(plain.format, model_file::Format::Joblib);
    // The frame goes on behind the wrapper: Python's machine takes the array from behind the frame, and runs what we
    // would have skipped.
    let reason = refusal("model.pkl", &joblib_array(Some(400), b"K\x0b\x85", "i1", &[b'N'; 500]));
    assert!(reason.contains("frame is left before its end"), "{reason}");
    for (shape, code, expected) in [
        (&b"N"[..], "i1", "shape cannot be told"),
        (b"J\xff\xff\xff\xff\x85", "i1", "shape cannot be told"),
        (b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x87", "i8", "shape cannot be told"),
        (b"K\x01\x85", "x9", "data type cannot be told"),
        (b"J\xff\xff\xff\x7f\x85", "f8", "ends in the middle"),
    ] {
        let reason = refusal("model.pkl", &joblib_array(None, shape, code, b"data"));
        assert!(reason.contains(expected), "{reason:?} is not about {expected:?}");
    }
}

#[test]
fn bombs_are_cheap() {
    // 128 MiB of zeros in less than one.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&[0x80, 4, 0x8e]).expect("memory");
    encoder.write_all(&(1u64 << 30).to_le_bytes()).expect("memory");
    let zeros = vec![0; 1 << 20];
    for _ in 0..128 {
        encoder.write_all(&zeros).expect("memory");
    }
    let bytes = encoder.finish().expect("memory");
    let reason = refusal("model.pkl", &bytes);
    assert!(reason.contains("decompressed it has more than"), "{reason}");
    // Tuples of tuples, each with the one before it twice: 2 to the power of 10000 leaves.
    let mut doubling = Pickle::new().raw(b")");
    for _ in 0..10_000 {
        doubling = doubling.raw(b"2\x86");
    }
    assert_eq!(inspected(&doubling.stop()).model_type, "tuple");
    // Marks and values without an end.
    let reason = refusal("model.pkl", &Pickle::new().raw(vec![b'('; 3 << 20]).stop());
    assert!(reason.contains("too large"), "{reason}");
    let reason = refusal("model.pkl", &Pickle::new().raw(vec![b'N'; 3 << 20]).stop());
    assert!(reason.contains("too large"), "{reason}");
}

#[test]
fn the_content_must_agree_with_the_extension() {
    let archive = zip(&[("config.json", b"{}")]);
    for (name, bytes, expected) in [
        ("model.pkl", &archive[..], "\"model.pkl\" is not a pickle: it begins like a zip archive"),
        ("model.joblib", b"import os\nos.system('id')\n", "it begins like text"),
        ("model.pkl", b"", "it is empty"),
        ("model.pkl", b"\x89HDF\r\n\x1a\n rest", "it begins like an HDF5 file"),
        ("model.h5", &archive, "is not an HDF5 file: it begins like a zip archive"),
        ("model.keras", b"\x80\x04N.", "is not a Keras archive: it begins like a pickle"),
        ("model.pt", b"\x80\x04N.", "a pickle that torch.save did not write"),
        ("model.onnx", &archive, "is not an ONNX model: it begins like a zip archive"),
        ("model.onnx", b"\x08\x07\x12\x00", "is not an ONNX model"),
        ("model.txt", b"\x80\x04N.", "must end in .pkl"),
        ("model", b"\x80\x04N.", "must end in .pkl"),
    ] {
        let reason = refusal(name, bytes);
        assert!(reason.contains(expected), "{reason:?} is not about {expected:?}");
    }
}

#[test]
fn a_tar_archive_that_is_also_a_pickle_is_refused() {
    let mut block = vec![0; 512];
    block[..4].copy_from_slice(b"\x80\x02N.");
    let sum: u32 = 256 + block.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let reason = refusal("model.pt", &block);
    assert!(reason.contains("tar archive"), "{reason}");
}

#[test]
fn deceiving_archives_are_refused() {
    let pickle = Pickle::new().raw(b"}").stop();
    let other = Pickle::new().global("os", "system").raw(b")R").stop();
    let good = zip(&[("m/data.pkl", &pickle), ("m/version", b"3\n")]);
    assert!(inspect_bytes("model.pt", &good).is_ok());
    let mut prefixed = b"PK\x03\x04".to_vec();
    prefixed.extend(&good);
    let mut commented = good.clone();
    commented.extend(b"more");
    let mut renamed = good.clone();
    renamed[30] = b'n';
    for (bytes, expected) in [
        (zip(&[("m/data.pkl", &pickle), ("m/data.pkl", &other)]), "twice"),
        (zip(&[("m/data.pkl", &pickle), ("../evil", b"x")]), "with the name"),
        (zip(&[("m/data.pkl", &pickle), ("/evil", b"x")]), "with the name"),
        (zip(&[("m/data.pkl", &pickle), ("n/data.pkl", &other)]), "several models"),
        (zip(&[("m/data.pkl", &pickle), ("n/version", b"3")]), "not all of its files"),
        (zip(&[("m/other", b"x")]), "no data.pkl"),
        (prefixed, "not where its end says"),
        (commented, "does not end where the file ends"),
        (renamed, "disagrees with its directory"),
    ] {
        let reason = refusal("model.pt", &bytes);
        assert!(reason.contains(expected), "{reason:?} is not about {expected:?}");
    }
    let attack = inspect_bytes("model.pt", &zip(&[("m/data.pkl", &other)])).expect("a readable archive");
    assert_eq!(attack.suspicious_imports[0].name, "system");
}

#[test]
fn keras_configurations_are_judged() {
    let listed = |configuration: &str| {
        let bytes = zip(&[("config.json", configuration.as_bytes()), ("model.weights.h5", b"")]);
        let inspection = inspect_bytes("model.keras", &bytes).expect("a readable archive");
        (inspection.suspicious_imports, inspection.unknown_imports)
    };
    let layer = |layer: &str| format!(r#"{{"module": "keras", "class_name": "Sequential", "config": {{"layers": [{layer}]}}}}"#);
    let (suspicious, unknown) = listed(&layer(r#"{"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}}"#));
    assert_eq!((suspicious, unknown), (vec![], vec![]));
    for hostile in [
        r#"{"module": "keras.layers", "class_name": "Lambda", "config": {}}"#,
        r#"{"class_name": "__lambda__", "config": {"value": "4wEA"}}"#,
        r#"{"module": "os", "class_name": "system", "config": "id"}"#,
        r#"{"module": "builtins", "class_name": "eval", "config": "id"}"#,
        r#"{"module": "builtins", "class_name": "function", "config": "exec"}"#,
        r#"{"module": "keras.src.utils.file_utils", "class_name": "get_file", "config": {}}"#,
        r#"{"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}}"#,
    ] {
        assert_eq!(listed(&layer(hostile)).0.len(), 1, "{hostile}");
    }
    let (suspicious, unknown) = listed(&layer(r#"{"module": "mine.layers", "class_name": "Attention", "config": {}}"#));
    assert_eq!((suspicious.len(), unknown.len()), (0, 1));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bytes = zip(&[("config.json", deep.as_bytes()), ("model.weights.h5", b"")]);
    assert!(refusal("model.keras", &bytes).contains("not JSON"));
}

#[test]
fn a_reader_that_fails_is_no_fault_of_the_file() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    impl std::io::Seek for Broken {
        fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
            Ok(0)
        }
    }
    let answer = model_file::inspect("model.pkl", &mut Broken, 100);
    assert!(matches!(answer, Err(InspectionError::Unreadable(_))), "{answer:?}");
}

#[test]
fn hostile_names_are_shown_harmless() {
    let bytes = Pickle::new().stack_global("evil\u{1b}[2J\nmodule", "X").stop();
    let found = inspected(&bytes).suspicious_imports;
    assert!(found[0].module.chars().all(|character| !character.is_control()), "{found:?}");
}

#[test]
fn nothing_behind_the_given_size_is_read() {
    let bytes = fixture("forest_protocol_4.pkl");
    let mut file = std::io::Cursor::new(&bytes);
    assert!(model_file::inspect("model.pkl", &mut file, bytes.len() as u64 - 1).is_err());
}
