//! `imgveil devices`.

use crate::exit::{DONE, Outcome};
use crate::output::Output;
use imgveil::Device;
use imgveil::internal::engine::gpu::adapter::AdapterInfo;

/// List the GPU adapters that --device can name.
///
/// Hardware comes first. `--device auto` takes the first one if it is hardware, else the CPU: the CPU engine is faster
/// than a software adapter.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  imgveil devices\n  imgveil encrypt --device 0 ...\n  imgveil encrypt --device nvidia ..."
)]
pub struct Args {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &Output) -> Outcome {
    let adapters = Device::list()?;
    if args.json {
        let value = |a: &AdapterInfo| {
            serde_json::json!({
                "index": a.index, "name": a.name, "kind": a.kind, "backend": a.backend, "driver": a.driver,
                "binding_limit": a.binding_limit, "f16": a.f16, "timestamps": a.timestamps,
            })
        };
        out.json(&adapters.iter().map(value).collect::<Vec<_>>())?;
        return Ok(DONE);
    }
    if adapters.is_empty() {
        out.say("no GPU adapter: no Vulkan, Metal or DX12 driver was found; everything runs on the CPU");
    }
    for a in &adapters {
        out.say(&format!("{}  {} ({}, {}, {})", a.index, a.name, a.kind, a.backend, a.driver));
        let yes = |has: bool| if has { "yes" } else { "no" };
        let binding = a.binding_limit >> 20;
        out.say(&format!("   largest binding {binding} MiB; f16 {}; timestamps {}", yes(a.f16), yes(a.timestamps)));
    }
    Ok(DONE)
}
