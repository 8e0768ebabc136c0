//! Compiles imgveil's kernels with a Vulkan driver and prints the driver's statistics of the machine code:
//! instructions, registers, workgroup memory. Nothing is run, so Mesa's driver for AMD GPUs does not need one:
//!
//!     cd benches/isa && RADV_FORCE_FAMILY=navi31 cargo run --release
//!
//! Any other driver with VK_KHR_pipeline_executable_properties works too, on its own GPU and without the variable.

use ash::vk;
use naga::back::spv;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use std::error::Error;
use std::ffi::CStr;

/// A pipeline as the files in `src/engine/step/` describe it: a name, the files of its text, and its overridable
/// constants.
const PIPELINES: [(&str, &[&str], &[(&str, f64)]); 10] = [
    ("copy, bytes to bytes", &["copy_bytes"], &[]),
    ("tiles of samples, bytes to bytes", &["shared/tiles", "permute_tiles_bytes"], &[("NIBBLES", 0.0)]),
    ("tiles of nibbles, bytes to bytes", &["shared/tiles", "permute_tiles_bytes"], &[("NIBBLES", 1.0)]),
    ("table of samples, bytes to bytes", &["shared/source", "permute_bytes"], &[("BITS", 8.0)]),
    ("table of nibbles, bytes to bytes", &["shared/source", "permute_bytes"], &[("BITS", 4.0)]),
    ("scale, bytes to floats", &["shared/normalised", "scale_floats"], &[]),
    (
        "tiles of samples, bytes to floats",
        &["shared/normalised", "shared/tiles", "permute_tiles_floats"],
        &[("NIBBLES", 0.0), ("DEPTH", 8.0)],
    ),
    (
        "tiles of nibbles, bytes to floats",
        &["shared/normalised", "shared/tiles", "permute_tiles_floats"],
        &[("NIBBLES", 1.0), ("DEPTH", 8.0)],
    ),
    ("table of samples, bytes to floats", &["shared/source", "permute_floats"], &[("BITS", 8.0)]),
    ("table of nibbles, bytes to floats", &["shared/source", "permute_floats"], &[("BITS", 4.0)]),
];

/// The kernel's SPIR-V, and its bindings: number, and whether it is the uniform buffer.
fn compiled(files: &[&str], constants: &[(&str, f64)]) -> Result<(Vec<u32>, Vec<(u32, bool)>), Box<dyn Error>> {
    let mut text = String::new();
    for file in std::iter::once(&"shared/batch").chain(files) {
        text += &std::fs::read_to_string(format!("{}/../../shaders/{file}.wgsl", env!("CARGO_MANIFEST_DIR")))?;
        text.push('\n');
    }
    let module = naga::front::wgsl::parse_str(&text).map_err(|e| e.emit_to_string(&text))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module)?;
    let constants = constants.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants)?;
    let bindings = module
        .global_variables
        .iter()
        .filter_map(|(_, variable)| Some((variable.binding?.binding, variable.space == naga::AddressSpace::Uniform)))
        .collect();
    // wgpu's options for a driver that checks the bounds of buffers.
    let options = spv::Options {
        lang_version: (1, 3),
        flags: spv::WriterFlags::empty(),
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        ..spv::Options::default()
    };
    let words = spv::write_vec(&module, &info, &options, None)?;
    Ok((words, bindings))
}

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: the loader is the system's. Every handle is used as the Vulkan specification demands, while its parents
    // are alive; none outlives the program.
    unsafe {
        let entry = ash::Entry::load()?;
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let instance =
            entry.create_instance(&vk::InstanceCreateInfo::default().application_info(&application), None)?;
        let known = |gpu: &vk::PhysicalDevice| {
            instance.enumerate_device_extension_properties(*gpu).is_ok_and(|all| {
                all.iter()
                    .any(|one| one.extension_name_as_c_str() == Ok(ash::khr::pipeline_executable_properties::NAME))
            })
        };
        let gpu = instance.enumerate_physical_devices()?.into_iter().find(known);
        let gpu = gpu.ok_or("no Vulkan driver here reports statistics of machine code; set RADV_FORCE_FAMILY=navi31")?;
        let properties = instance.get_physical_device_properties(gpu);
        println!("{}\n", CStr::from_ptr(properties.device_name.as_ptr()).to_string_lossy());
        let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
        let mut tells =
            vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
        let names = [ash::khr::pipeline_executable_properties::NAME.as_ptr()];
        let wanted = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_extension_names(&names)
            .push_next(&mut tells);
        let device = instance.create_device(gpu, &wanted, None)?;
        let told = ash::khr::pipeline_executable_properties::Device::new(&instance, &device);
        for (name, files, constants) in PIPELINES {
            let (words, bindings) = compiled(files, constants).map_err(|e| format!("{name}: {e}"))?;
            let entries: Vec<_> = bindings
                .iter()
                .map(|&(binding, uniform)| {
                    let kind =
                        if uniform { vk::DescriptorType::UNIFORM_BUFFER } else { vk::DescriptorType::STORAGE_BUFFER };
                    vk::DescriptorSetLayoutBinding::default()
                        .binding(binding)
                        .descriptor_type(kind)
                        .descriptor_count(1)
                        .stage_flags(vk::ShaderStageFlags::COMPUTE)
                })
                .collect();
            let set = device
                .create_descriptor_set_layout(&vk::DescriptorSetLayoutCreateInfo::default().bindings(&entries), None)?;
            let sets = [set];
            let layout =
                device.create_pipeline_layout(&vk::PipelineLayoutCreateInfo::default().set_layouts(&sets), None)?;
            let module = device.create_shader_module(&vk::ShaderModuleCreateInfo::default().code(&words), None)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            let asked = vk::ComputePipelineCreateInfo::default()
                .stage(stage)
                .layout(layout)
                .flags(vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR);
            let pipeline = device
                .create_compute_pipelines(vk::PipelineCache::null(), &[asked], None)
                .map_err(|(_, error)| error)?[0];
            println!("{name}");
            let executable = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
            for statistic in told.get_pipeline_executable_statistics(&executable)? {
                let value = match statistic.format {
                    vk::PipelineExecutableStatisticFormatKHR::UINT64 => statistic.value.u64.to_string(),
                    vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => statistic.value.f64.to_string(),
                    _ => continue,
                };
                println!("  {:28} {value:>8}", CStr::from_ptr(statistic.name.as_ptr()).to_string_lossy());
            }
        }
    }
    Ok(())
}
