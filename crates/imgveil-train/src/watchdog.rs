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
    /// Watches the GPU of a backend; `None` without a GPU. Its time limit is that of the device
    /// ([`imgveil::Device::set_time_limit`]). `hung` runs once, on the watching thread, if the GPU hangs. Whoever waits
    /// for the GPU keeps waiting, so `hung` should end the process.
    pub fn start(backend: &Backend, hung: impl FnOnce(EngineError) + Send + 'static) -> Option<Self> {
        let gpu = match backend {
            Backend::Wgpu(bridge) => bridge.shared_gpu(),
            Backend::Flex(_) => return None,
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
        let now = passed.load(Ordering::Acquire);
        if now > seen || now == sent {
            (seen, alive) = (now, Instant::now());
        }
        let limit = gpu.time_limit();
        if alive.elapsed() > limit {
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
