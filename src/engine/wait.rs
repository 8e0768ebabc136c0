//! Waiting for a device. No other module of the core blocks.
//!
//! Every wait has a time limit, so that a device that hangs becomes an error. Blocking waits exist where there are
//! threads. A browser has no threads: waiting is asynchronous there and has no limit of its own, because the browser
//! ends work that takes too long, and the device is then lost.

use super::EngineError;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The result of a future that is ready, or the future. Native drivers answer at once; a browser may take longer.
pub fn ready_now<F: Future + Unpin>(mut future: F) -> Result<F::Output, F> {
    match pin!(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(future),
    }
}

/// Runs a future to its end on a thread of its own. `None` when that takes longer than `limit`; the thread then
/// continues, and its result is dropped.
#[cfg(not(target_family = "wasm"))]
pub fn block_on<T: Send + 'static>(limit: Duration, future: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // After the time limit, nobody receives the result.
        let _ = sender.send(pollster::block_on(future));
    });
    receiver.recv_timeout(limit).ok()
}

/// Why a wait failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The device did not answer in time.
    #[cfg_attr(target_family = "wasm", allow(dead_code))]
    Timeout(Duration),
    /// The driver's message.
    Driver(String),
}

impl Failed {
    /// Converts this to the error of a device. `doing` says what the device was doing.
    pub fn on(self, device: &str, doing: &'static str) -> EngineError {
        let device = device.to_owned();
        match self {
            Failed::Timeout(limit) => EngineError::Timeout { device, doing, limit },
            Failed::Driver(reason) => EngineError::Device { device, doing, reason },
        }
    }
}

/// Callbacks of the device that have not run yet. Clones wait for the same callbacks.
#[derive(Clone)]
pub struct Callbacks(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// How many have not run yet.
    missing: usize,
    failed: Option<Failed>,
    waker: Option<Waker>,
}

impl Callbacks {
    /// Makes `count` callbacks.
    pub fn new(count: usize) -> Self {
        let state = State { missing: count, failed: None, waker: None };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// One of the callbacks, to be given to the device.
    pub fn one(&self) -> impl FnOnce(Result<(), wgpu::BufferAsyncError>) + Send + 'static {
        let callbacks = self.clone();
        move |result| {
            callbacks.change(|state| {
                state.missing = state.missing.saturating_sub(1);
                if let Err(error) = result {
                    state.failed.get_or_insert(Failed::Driver(error.to_string()));
                }
            })
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until the device has finished `submission` (without one, all of its work) and every callback has run.
    #[cfg(not(target_family = "wasm"))]
    pub fn wait(
        &self,
        device: &wgpu::Device,
        submission: Option<wgpu::SubmissionIndex>,
        limit: Duration,
    ) -> Result<(), Failed> {
        poll(device, submission, limit)?;
        // If another thread polls, it may run the callbacks a moment later.
        let state =
            self.0.changed.wait_timeout_while(self.lock(), limit, |state| state.failed.is_none() && state.missing > 0);
        let (state, _) = state.unwrap_or_else(PoisonError::into_inner);
        match &state.failed {
            Some(failed) => Err(failed.clone()),
            None if state.missing > 0 => Err(Failed::Timeout(limit)),
            None => Ok(()),
        }
    }

    /// Waits without blocking the caller's thread. On native platforms, another thread waits for the device.
    pub async fn ready(
        &self,
        device: &wgpu::Device,
        submission: Option<wgpu::SubmissionIndex>,
        limit: Duration,
    ) -> Result<(), Failed> {
        #[cfg(not(target_family = "wasm"))]
        {
            let (callbacks, device) = (self.clone(), device.clone());
            std::thread::spawn(move || {
                if let Err(failed) = callbacks.wait(&device, submission, limit) {
                    callbacks.change(|state| {
                        state.failed.get_or_insert(failed);
                    });
                }
            });
        }
        // In a browser the event loop runs the callbacks.
        #[cfg(target_family = "wasm")]
        let _ = (device, submission, limit);
        std::future::poll_fn(|context| {
            let mut state = self.lock();
            match &state.failed {
                Some(failed) => Poll::Ready(Err(failed.clone())),
                None if state.missing == 0 => Poll::Ready(Ok(())),
                None => {
                    state.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Blocks until the device has finished `submission` (without one, all of its work) and has run the callbacks.
#[cfg(not(target_family = "wasm"))]
pub fn poll(device: &wgpu::Device, submission: Option<wgpu::SubmissionIndex>, limit: Duration) -> Result<(), Failed> {
    match device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: Some(limit) }) {
        Ok(_) => Ok(()),
        Err(wgpu::PollError::Timeout) => Err(Failed::Timeout(limit)),
        Err(error) => Err(Failed::Driver(error.to_string())),
    }
}
