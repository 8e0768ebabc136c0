#[derive(clap::Args)]
pub struct Args {}
pub fn run(_: &Args, _: &super::output::Output) -> super::exit::Outcome {
    Ok(0)
}
