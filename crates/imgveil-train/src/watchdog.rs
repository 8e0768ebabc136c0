//! A watch over a GPU that burn waits for. burn's waits have no time limit, so a hung GPU would hang the process.

use crate::backend::Backend;
use imgveil::internal::engine::EngineError;
use imgveil::internal::engine::gpu::Gpu;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The time between two markers in the device's queue.
const BETWEEN: Duration = Duration::from_millis(100);

/// Watches a GPU from a thread of its own until it is dropped.
///
/// Ten times a second, the thread puts a marker into the device's queue. The device passes the markers as it works
/// through the queue. It counts as hung if it passes none within the time limit while one is in the queue, so a long
/// queue is no hang.
pub struct Watchdog {
    stop: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches the GPU of a backend; `None` without a GPU, and for a software adapter: that cannot hang by itself, and
    /// its compiler may need minutes for one kernel, during which the queue stands still. The time limit is that of the
    /// device ([`imgveil::Device::set_time_limit`]). `hung` runs once, on the watching thread, if the GPU hangs.
    /// Whoever waits for the GPU keeps waiting, so `hung` should end the process.
    pub fn start(backend: &Backend, hung: impl FnOnce(EngineError) + Send + 'static) -> Option<Self> {
        let gpu = match backend {
            Backend::Wgpu(bridge) if !bridge.gpu().is_software() => bridge.shared_gpu(),
            _ => return None,
        };
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            if let Some(error) = watch(&gpu, &stopped) {
                hung(error);
            }
        });
        Some(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // The thread has ended already if the GPU hung.
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Watches until there is a message. Returns the error if the GPU hangs.
fn watch(gpu: &Gpu, stopped: &mpsc::Receiver<()>) -> Option<EngineError> {
    let passed = Arc::new(AtomicU64::new(0));
    let (mut sent, mut seen) = (0, 0);
    // When the device last passed a marker, or had none to pass.
    let mut alive = Instant::now();
    while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(BETWEEN) {
        let (now, limit) = (passed.load(Ordering::Acquire), gpu.time_limit());
        if now > seen || now == sent {
            (seen, alive) = (now, Instant::now());
        } else if alive.elapsed() > limit {
            return Some(EngineError::Timeout { device: gpu.name(), doing: "training or predicting", limit });
        }
        let count = passed.clone();
        gpu.queue().on_submitted_work_done(move || {
            count.fetch_add(1, Ordering::Release);
        });
        sent += 1;
        // Lets the driver report what is done. A lost device is an error of whoever uses it.
        let _ = gpu.device().poll(wgpu::PollType::Poll);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::engine::gpu::Resident;
    use imgveil::internal::engine::{ImageRef, Loaded};
    use imgveil::internal::image::Geometry;
    use imgveil::internal::key::Key;
    use imgveil::internal::schedule::ImageId;
    use imgveil::internal::scheme::{Options, Preset, compile};
    use imgveil::{Device, DeviceChoice};

    /// A device that has nothing to do is alive, however short the time limit. A device that is busy for longer than
    /// the limit is told. The time limit belongs to the device, so this test opens one of its own.
    #[test]
    fn a_busy_device_is_told_and_an_idle_one_is_not() {
        if std::env::var("IMGVEIL_SKIP_GPU").is_ok_and(|v| v == "1") {
            eprintln!("SKIPPED a_busy_device_is_told_and_an_idle_one_is_not: IMGVEIL_SKIP_GPU=1");
            return;
        }
        let choice = std::env::var("IMGVEIL_TEST_DEVICE").unwrap_or("gpu".into());
        let device = Device::open(&choice.parse::<DeviceChoice>().unwrap()).unwrap();
        let gpu = device.gpu().unwrap().clone();
        let (stop, stopped) = mpsc::channel();
        let idle = {
            let gpu = gpu.clone();
            thread::spawn(move || watch(&gpu, &stopped))
        };
        thread::sleep(5 * BETWEEN);
        stop.send(()).unwrap();
        assert_eq!(idle.join().unwrap(), None);

        gpu.set_time_limit(Duration::ZERO);
        let (stop, stopped) = mpsc::channel();
        let busy = {
            let gpu = gpu.clone();
            thread::spawn(move || watch(&gpu, &stopped))
        };
        // Work is submitted until it is told: a fast device may finish one batch between two markers.
        let geometry = Geometry::new(1024, 1024, 3).unwrap();
        let scheme = Preset::SkkFilter.scheme(Options::default()).unwrap();
        let loaded = Loaded::new(&device, compile(&scheme, &Key::from_bytes([5; 32]), geometry).unwrap()).unwrap();
        let resident = Resident::upload(&gpu, geometry, &vec![7; geometry.bytes()]).unwrap();
        let refs = [ImageRef::new(0).with_id(ImageId([1; 8])); 8];
        let output = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (geometry.samples() * refs.len() * 4) as u64,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        });
        let begun = Instant::now();
        while !busy.is_finished() && begun.elapsed() < Duration::from_secs(300) {
            loaded.floats_into(&resident, &refs, output.as_entire_binding()).unwrap();
        }
        stop.send(()).ok();
        let told = busy.join().unwrap();
        assert!(matches!(told, Some(EngineError::Timeout { limit: Duration::ZERO, .. })), "{told:?}");
        gpu.set_time_limit(Duration::from_secs(600));
        gpu.wait().unwrap();
    }
}
