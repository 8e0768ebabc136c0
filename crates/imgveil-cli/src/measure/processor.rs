//! The processor's name, for reports.

use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// The processor as the system names it; `None` if it does not.
pub fn processor() -> Option<String> {
    let system = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()));
    let brand = system.cpus().first()?.brand().trim().to_owned();
    (!brand.is_empty()).then_some(brand)
}
