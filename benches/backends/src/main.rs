//! Translates kernels to the languages of backends whose hardware is not at hand: SPIR-V (Vulkan), MSL (Metal), HLSL
//! (DX12) and GLSL ES 3.10 (OpenGL ES).
//!
//!     imgveil-backends IN OUT
//!
//! IN is a folder of variants: `NAME.wgsl`, and `NAME.constants` with a line `CONSTANT=VALUE` for each overridable
//! constant. `tests/backends` makes it from the pipelines that the self-test used. OUT gets the four texts of each
//! variant. The options are those that wgpu passes. The exit code is 1 if a variant cannot be translated.

use naga::back::{PipelineConstants, glsl, hlsl, msl, pipeline_constants::process_overrides, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const ENTRY: &str = "main";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        eprintln!("usage: imgveil-backends IN OUT");
        return ExitCode::from(2);
    };
    match run(&from, &to) {
        Ok((variants, 0)) if variants > 0 => {
            println!("{variants} variants in four languages");
            ExitCode::SUCCESS
        }
        Ok((variants, faults)) => {
            eprintln!("{faults} of {variants} variants cannot be translated");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Translates all variants. Returns their number and the number of those that failed.
fn run(from: &Path, to: &Path) -> Result<(usize, usize), Box<dyn Error>> {
    let entries = std::fs::read_dir(from)?.map(|entry| Ok(entry?.path()));
    let mut files: Vec<PathBuf> = entries.collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wgsl"));
    files.sort();
    std::fs::create_dir_all(to)?;
    let mut faults = 0;
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file)?;
        let constants = constants(&std::fs::read_to_string(file.with_extension("constants"))?)?;
        for (language, extension, translate) in LANGUAGES {
            let translated = module(&text, &constants).and_then(|(module, info)| translate(&module, &info));
            match translated {
                Ok(bytes) => std::fs::write(to.join(format!("{name}.{extension}")), bytes)?,
                Err(error) => {
                    eprintln!("{name}, {language}: {error}");
                    faults += 1;
                }
            }
        }
    }
    Ok((files.len(), faults))
}

fn constants(text: &str) -> Result<PipelineConstants, Box<dyn Error>> {
    let constant = |line: &str| {
        let (name, value) = line.split_once('=').ok_or_else(|| format!("`{line}` is not CONSTANT=VALUE"))?;
        Ok((name.to_owned(), value.parse::<f64>()?))
    };
    text.lines().map(constant).collect()
}

/// The validated module with the values of its constants.
fn module(text: &str, constants: &PipelineConstants) -> Result<(Module, ModuleInfo), Box<dyn Error>> {
    let module = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    // No capability beyond WebGPU's core.
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module)?;
    let (module, info) = process_overrides(&module, &info, Some((ShaderStage::Compute, ENTRY)), constants)?;
    Ok((module.into_owned(), info.into_owned()))
}

type Translate = fn(&Module, &ModuleInfo) -> Result<Vec<u8>, Box<dyn Error>>;

const LANGUAGES: [(&str, &str, Translate); 4] =
    [("SPIR-V", "spv", to_spirv), ("MSL", "metal", to_msl), ("HLSL", "hlsl", to_hlsl), ("GLSL ES", "comp", to_glsl)];

fn to_spirv(module: &Module, info: &ModuleInfo) -> Result<Vec<u8>, Box<dyn Error>> {
    let options = spv::Options {
        lang_version: (1, 3),
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        ..spv::Options::default()
    };
    let pipeline = spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: ENTRY.to_owned() };
    let words = spv::write_vec(module, info, &options, Some(&pipeline))?;
    Ok(words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

fn to_msl(module: &Module, info: &ModuleInfo) -> Result<Vec<u8>, Box<dyn Error>> {
    let options = msl::Options {
        lang_version: (2, 4),
        // Bindings are numbered as they come.
        fake_missing_bindings: true,
        zero_initialize_workgroup_memory: false,
        bounds_check_policies: checked(),
        ..msl::Options::default()
    };
    let pipeline =
        msl::PipelineOptions { entry_point: Some((ShaderStage::Compute, ENTRY.to_owned())), ..Default::default() };
    let (text, translation) = msl::write_string(module, info, &options, &pipeline)?;
    translation.entry_point_names.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(text.into_bytes())
}

fn to_hlsl(module: &Module, info: &ModuleInfo) -> Result<Vec<u8>, Box<dyn Error>> {
    let options = hlsl::Options {
        shader_model: hlsl::ShaderModel::V5_1,
        fake_missing_bindings: true,
        zero_initialize_workgroup_memory: false,
        ..hlsl::Options::default()
    };
    let pipeline = hlsl::PipelineOptions { entry_point: Some((ShaderStage::Compute, ENTRY.to_owned())) };
    let mut text = String::new();
    let reflection = hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None)?;
    reflection.entry_point_names.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(text.into_bytes())
}

fn to_glsl(module: &Module, info: &ModuleInfo) -> Result<Vec<u8>, Box<dyn Error>> {
    let options = glsl::Options {
        version: glsl::Version::Embedded { version: 310, is_webgl: false },
        zero_initialize_workgroup_memory: false,
        ..glsl::Options::default()
    };
    let pipeline =
        glsl::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: ENTRY.to_owned(), multiview: None };
    let mut text = String::new();
    glsl::Writer::new(&mut text, module, info, &options, &pipeline, checked())?.write()?;
    Ok(text.into_bytes())
}

/// wgpu checks the bounds of buffers where the driver does not.
fn checked() -> BoundsCheckPolicies {
    BoundsCheckPolicies { buffer: BoundsCheckPolicy::Restrict, ..BoundsCheckPolicies::default() }
}
