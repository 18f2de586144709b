//! PyTorch's files: zip archives of `torch.save` and `torch.jit.save`, and the pickles that older ones wrote.

use std::io::{Read, Seek};

use crate::archive::Archive;
use crate::error::InspectionError;
use crate::estimator::{Description, class_of, packages, shapes_of_weights, weights};
use crate::inspection::{Format, Framework, Inspection};
use crate::pickle::{Arena, Dialect, Input, Machine, Node, Value};
use crate::source::Window;

/// `torch.save`'s magic number as the first pickle of an old file holds it, after its protocol.
const LEGACY_MAGIC: [u8; 12] = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

const SMALL_MEMBER: u64 = 4096;

/// Whether a file begins like those that `torch.save` wrote before version 1.6.
pub(crate) fn is_legacy(head: &[u8]) -> bool {
    head.len() > 2 && head[0] == 0x80 && head[2..].starts_with(&LEGACY_MAGIC)
}

/// Inspects a zip archive of PyTorch's.
pub(crate) fn inspect_archive(file: &mut (impl Read + Seek), size: u64) -> Result<Inspection, InspectionError> {
    let archive = Archive::open(file, size)?;
    let mut folders = archive.names().filter_map(|name| name.strip_suffix("/data.pkl"));
    let folder = match (folders.next(), folders.next()) {
        (Some(folder), None) if !folder.contains('/') => folder.to_owned(),
        (Some(_), _) => {
            return Err(InspectionError::Unsupported("the archive holds several models; save one model per file".to_owned()));
        }
        (None, _) => {
            return Err(InspectionError::Unsupported(
                "the archive was not saved by torch.save or torch.jit.save: it holds no data.pkl".to_owned(),
            ));
        }
    };
    // PyTorch's own reader takes the folder from the archive's first file.
    if !archive.names().all(|name| name.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('/'))) {
        return Err(InspectionError::damaged("the zip archive", 0, format!("not all of its files are in its folder {folder:?}")));
    }
    let constants = format!("{folder}/constants.pkl");
    let script = archive.contains(&constants);
    let mut machine = Machine::new(if script { Dialect::TorchScript } else { Dialect::Torch });
    let mut read = |machine: &mut Machine, member: &str| {
        archive.with_member(file, member, |source| {
            let mut input = Input::new(source, member);
            let root = machine.run(&mut input)?;
            match input.at_end()? {
                true => Ok(root),
                false => Err(input.damaged("something follows the end of the pickle")),
            }
        })
    };
    if script {
        read(&mut machine, &constants)?;
    }
    let root = read(&mut machine, &format!("{folder}/data.pkl"))?;
    let mut inspection = describe(machine, root, script);
    if let Ok(content) = archive.member(file, &format!("{folder}/version"), SMALL_MEMBER)
        && let Ok(version) = std::str::from_utf8(&content)
    {
        let version = crate::imports::shown(version.trim());
        inspection.package_versions.insert("torch_archive".to_owned(), version);
    }
    Ok(inspection)
}

/// Inspects a file of pickles as PyTorch wrote it before version 1.6: the magic number, the format's version, the
/// system, the model, the storages' keys; then the storages' bytes, which nothing reads as instructions.
pub(crate) fn inspect_legacy(file: &mut (impl Read + Seek), size: u64) -> Result<Inspection, InspectionError> {
    let mut window = Window::new(file, 0, size);
    let mut input = Input::new(&mut window, "the pickle");
    let mut machine = Machine::new(Dialect::Torch);
    for _ in 0..3 {
        machine.run(&mut input)?;
    }
    let root = machine.run(&mut input)?;
    machine.run(&mut input)?;
    Ok(describe(machine, root, false))
}

fn describe(machine: Machine, root: Value, script: bool) -> Inspection {
    let arena = &machine.arena;
    let (class, module) = class_of(arena, root);
    let format = match arena.node(root) {
        _ if script => Format::TorchScript,
        Some(Node::Object(_)) if !is_dict(&module) && !is_tensor(arena, root) => Format::TorchPickleModule,
        _ => Format::TorchState,
    };
    let (input_shape, output_shape) = shapes_of_weights(&weights(arena, root));
    let description = Description { model_type: class, module, input_shape, output_shape, ..Description::default() };
    Inspection {
        format,
        framework: Framework::Pytorch,
        model_type: description.model_type,
        module: description.module,
        input_shape: description.input_shape,
        output_shape: description.output_shape,
        feature_names: None,
        package_versions: description.package_versions,
        packages: packages(arena),
        suspicious_imports: machine.suspicious.into_iter().collect(),
        unknown_imports: machine.unknown.into_iter().collect(),
    }
}

fn is_dict(module: &str) -> bool {
    matches!(module, "collections.OrderedDict" | "collections.defaultdict")
}

fn is_tensor(arena: &Arena, root: Value) -> bool {
    arena.class(root).is_some_and(|class| class.name.starts_with("_rebuild"))
}
