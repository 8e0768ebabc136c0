//! Three stages that work at the same time: reading and decoding on all cores, one device, encoding and writing on all
//! cores. Images between them count against a budget of bytes, so that memory use does not grow with the set. An image
//! larger than the budget goes through alone.

use super::batch::{BATCHES, Batch, batch_bytes, cost};
use super::error::JobError;
use super::progress::Busy;
use crate::Memory;
use crate::format::{ReadError, ReadErrorKind};
use imgveil::internal::engine::{ImageRef, Loaded, Pending};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::schedule::ImageId;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The path of an error whose image is known by its number only.
pub(super) fn unnamed(slot: usize) -> String {
    format!("image {slot}")
}

/// The stages of a job.
pub(super) trait Stages: Sync {
    /// What accompanies a decoded image.
    type Carried: Send;
    /// The result of writing an image.
    type Written: Send;

    /// Reads the image of a slot. An error sets the image aside.
    fn decode(&self, slot: usize) -> Result<(Image, Self::Carried), ReadError>;
    /// The program for images of a geometry, on the device.
    fn program(&self, geometry: Geometry) -> Result<Loaded, JobError>;
    /// The id of an image, for programs keyed per image.
    fn id(&self, slot: usize, carried: &Self::Carried) -> ImageId;
    /// Writes an image. The inner error sets the image aside.
    fn write(
        &self,
        slot: usize,
        image: Image,
        carried: Self::Carried,
    ) -> Result<Result<Self::Written, ReadError>, JobError>;
}

/// The outcome for one image.
pub(super) enum Event<W> {
    /// The image is written.
    Written(usize, W),
    /// The image was set aside.
    Failed(usize, ReadError),
}

/// Runs batches through the stages. `collect` is called for every image, on the calling thread.
pub(super) fn run<S: Stages>(
    stages: &S,
    batches: &[Batch],
    memory: Memory,
    mut collect: impl FnMut(Event<S::Written>, &Busy) -> Result<(), JobError>,
) -> Result<(), JobError> {
    let workers = crate::workers();
    let line =
        Line { stages, batches, budget: Budget::new(memory), busy: Meter::new(workers), stop: AtomicBool::new(false) };
    let line = &line;
    std::thread::scope(|scope| {
        let (to_device, from_decode) = channel();
        let (to_write, from_device) = channel();
        let (to_collect, events) = channel();
        let from_device = Arc::new(Mutex::new(from_device));
        let feed = Arc::new(Mutex::new(Feed::default()));
        for _ in 0..workers {
            let (feed, to_device, events) = (feed.clone(), to_device.clone(), to_collect.clone());
            scope.spawn(move || line.guarded(|| line.decode(&feed, &to_device, &events)));
            let (from_device, events) = (from_device.clone(), to_collect.clone());
            scope.spawn(move || line.guarded(|| line.write(&from_device, &events)));
        }
        let to_collect_too = to_collect.clone();
        scope.spawn(move || {
            line.guarded(|| match line.work(&from_decode, &to_write) {
                Ok(()) => {}
                Err(error) => line.fail(error, &to_collect_too),
            });
        });
        // Only the threads keep the channels open.
        drop((to_device, to_collect, from_device));
        let total: usize = batches.iter().map(|batch| batch.slots.len()).sum();
        let mut received = 0;
        let mut result = Ok(());
        for event in events {
            if result.is_err() {
                continue;
            }
            received += 1;
            result = event.and_then(|event| collect(event, &line.busy.read()));
            if result.is_err() {
                line.stop();
            }
        }
        match result {
            Ok(()) if received < total => Err(JobError::Worker),
            result => result,
        }
    })
}

/// An image on its way, with what accompanies it.
struct Job<T> {
    slot: usize,
    image: Image,
    carried: T,
}

/// A decoded image of a batch, or nothing for an image that was set aside.
struct Decoded<T> {
    batch: usize,
    job: Option<Job<T>>,
}

/// Incomplete batches by number: how many of their images were read, and those that could be decoded.
type Gathered<T> = HashMap<usize, (usize, Vec<Job<T>>)>;

/// A batch on the device.
struct UnderWay<T> {
    geometry: Geometry,
    carried: Vec<(usize, T)>,
    pending: Pending,
}

/// The next image to read: its batch and its index in the batch.
#[derive(Default)]
struct Feed {
    batch: usize,
    index: usize,
}

type Events<W> = Sender<Result<Event<W>, JobError>>;

struct Line<'a, S: Stages> {
    stages: &'a S,
    batches: &'a [Batch],
    budget: Budget,
    busy: Meter,
    stop: AtomicBool,
}

impl<S: Stages> Line<'_, S> {
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.budget.open();
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn fail(&self, error: JobError, events: &Events<S::Written>) {
        self.stop();
        // Sending fails only after another error was received.
        let _ = events.send(Err(error));
    }

    /// Stops the other threads if this one panics, because they would wait for it. The missing images then give an
    /// error.
    fn guarded(&self, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.stop();
        }
    }

    /// The next image, once the budget has room for it. Images are taken in order, so that earlier batches never wait
    /// for later ones.
    fn next(&self, feed: &Mutex<Feed>) -> Option<(usize, usize)> {
        let mut feed = lock(feed);
        let batch = self.batches.get(feed.batch)?;
        let slot = *batch.slots.get(feed.index)?;
        let number = feed.batch;
        feed.index += 1;
        if feed.index == batch.slots.len() {
            *feed = Feed { batch: number + 1, index: 0 };
        }
        self.budget.take(cost(batch.geometry));
        (!self.stopped()).then_some((number, slot))
    }

    fn decode(&self, feed: &Mutex<Feed>, to_device: &Sender<Decoded<S::Carried>>, events: &Events<S::Written>) {
        while let Some((batch, slot)) = self.next(feed) {
            let geometry = self.batches[batch].geometry;
            let started = Instant::now();
            // A third-party decoder that panics must not end the run.
            let decoded = catch_unwind(AssertUnwindSafe(|| self.stages.decode(slot))).unwrap_or_else(|_| {
                let kind = ReadErrorKind::Damaged("its decoder broke down on it; please report this file".into());
                Err(ReadError::new(unnamed(slot), kind))
            });
            self.busy.decode(started);
            let job = match decoded {
                Ok((image, carried)) if image.geometry() == geometry => Some(Job { slot, image, carried }),
                other => {
                    self.budget.give(cost(geometry));
                    let changed = || ReadErrorKind::Damaged("it changed while it was being read".into());
                    let error = other.err().unwrap_or_else(|| ReadError::new(unnamed(slot), changed()));
                    let _ = events.send(Ok(Event::Failed(slot, error)));
                    None
                }
            };
            if to_device.send(Decoded { batch, job }).is_err() {
                return;
            }
        }
    }

    /// Gathers batches, keeps as many of them on the device as it supports, and passes their images on.
    fn work(
        &self,
        from_decode: &Receiver<Decoded<S::Carried>>,
        to_write: &Sender<Job<S::Carried>>,
    ) -> Result<(), JobError> {
        let mut gathered: Gathered<S::Carried> = HashMap::new();
        let mut under_way = VecDeque::new();
        let mut program: Option<Loaded> = None;
        loop {
            // While a batch is on the device, wait for it rather than for the next image.
            let received = if under_way.is_empty() {
                from_decode.recv().ok()
            } else {
                match from_decode.try_recv() {
                    Ok(decoded) => Some(decoded),
                    Err(TryRecvError::Disconnected) => None,
                    Err(TryRecvError::Empty) => {
                        self.hand_on(&mut under_way, to_write)?;
                        continue;
                    }
                }
            };
            if self.stopped() {
                return Ok(());
            }
            let Some(Decoded { batch: number, job }) = received else { break };
            let batch = &self.batches[number];
            let (came, jobs) = gathered.entry(number).or_default();
            *came += 1;
            jobs.extend(job);
            if *came < batch.slots.len() {
                continue;
            }
            let jobs = gathered.remove(&number).map(|(_, jobs)| jobs).unwrap_or_default();
            if jobs.is_empty() {
                continue;
            }
            let started = Instant::now();
            let program = match program.take_if(|loaded| loaded.program().geometry() == batch.geometry) {
                Some(same) => program.insert(same).clone(),
                None => program.insert(self.stages.program(batch.geometry)?).clone(),
            };
            under_way.push_back(self.begin(&program, jobs)?);
            self.busy.device(started);
            while under_way.len() >= program.device().in_flight().max(1) {
                self.hand_on(&mut under_way, to_write)?;
            }
        }
        while !under_way.is_empty() {
            self.hand_on(&mut under_way, to_write)?;
        }
        Ok(())
    }

    fn begin(&self, loaded: &Loaded, jobs: Vec<Job<S::Carried>>) -> Result<UnderWay<S::Carried>, JobError> {
        let geometry = loaded.program().geometry();
        let id = |job: &Job<S::Carried>| self.stages.id(job.slot, &job.carried);
        let refs: Vec<ImageRef> =
            jobs.iter().zip(0..).map(|(job, index)| ImageRef::new(index).with_id(id(job))).collect();
        let mut jobs = jobs.into_iter();
        let (mut samples, mut carried) = (Vec::new(), Vec::with_capacity(jobs.len()));
        // A single image is not copied: it may be very large.
        if let Some(Job { slot, image, carried: first }) = jobs.next() {
            samples = image.into_samples();
            carried.push((slot, first));
        }
        samples.reserve_exact(geometry.bytes() * jobs.len());
        for job in jobs {
            samples.extend_from_slice(job.image.samples());
            carried.push((job.slot, job.carried));
        }
        Ok(UnderWay { geometry, carried, pending: loaded.begin(samples, &refs)? })
    }

    /// Waits for the oldest batch on the device and passes its images on.
    fn hand_on(
        &self,
        under_way: &mut VecDeque<UnderWay<S::Carried>>,
        to_write: &Sender<Job<S::Carried>>,
    ) -> Result<(), JobError> {
        let Some(UnderWay { geometry, mut carried, pending }) = under_way.pop_front() else { return Ok(()) };
        let started = Instant::now();
        let output = pending.wait()?;
        self.busy.device(started);
        // Sending fails only after a writer failed and reported it.
        let send = |samples, slot, carried| {
            if let Some(image) = Image::new(geometry, samples) {
                let _ = to_write.send(Job { slot, image, carried });
            }
        };
        if carried.len() == 1
            && let Some((slot, carried)) = carried.pop()
        {
            send(output, slot, carried);
            return Ok(());
        }
        for ((slot, carried), samples) in carried.into_iter().zip(output.chunks_exact(geometry.bytes())) {
            send(samples.to_vec(), slot, carried);
        }
        Ok(())
    }

    fn write(&self, from_device: &Mutex<Receiver<Job<S::Carried>>>, events: &Events<S::Written>) {
        loop {
            let received = lock(from_device).recv();
            let Ok(Job { slot, image, carried }) = received else { return };
            if self.stopped() {
                return;
            }
            let started = Instant::now();
            let cost = cost(image.geometry());
            let result = self.stages.write(slot, image, carried);
            self.busy.encode(started);
            self.budget.give(cost);
            match result {
                Ok(Ok(written)) => drop(events.send(Ok(Event::Written(slot, written)))),
                Ok(Err(error)) => drop(events.send(Ok(Event::Failed(slot, error)))),
                Err(error) => return self.fail(error, events),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The budget of bytes of samples between the stages.
pub(super) struct Budget {
    most: usize,
    used: Mutex<usize>,
    freed: Condvar,
    open: AtomicBool,
}

impl Budget {
    pub(super) fn new(memory: Memory) -> Self {
        let most = batch_bytes(memory) * BATCHES;
        Self { most, used: Mutex::default(), freed: Condvar::new(), open: AtomicBool::new(false) }
    }

    /// Waits until there is room, or until nothing else is between the stages.
    fn take(&self, bytes: usize) {
        let full = |used: &mut usize| *used > 0 && *used + bytes > self.most && !self.open.load(Ordering::Relaxed);
        let used = self.freed.wait_while(lock(&self.used), full);
        *used.unwrap_or_else(PoisonError::into_inner) += bytes;
    }

    fn give(&self, bytes: usize) {
        let mut used = lock(&self.used);
        *used = used.saturating_sub(bytes);
        self.freed.notify_all();
    }

    /// Does something with an image once there is room for it.
    pub(super) fn while_taken<T>(&self, geometry: Geometry, work: impl FnOnce() -> T) -> T {
        self.take(cost(geometry));
        let done = work();
        self.give(cost(geometry));
        done
    }

    /// Lets all threads through, because the run has failed and they must stop.
    fn open(&self) {
        let _used = lock(&self.used);
        self.open.store(true, Ordering::Relaxed);
        self.freed.notify_all();
    }
}

/// How long each stage has worked, over all of its threads.
struct Meter {
    workers: u32,
    nanoseconds: [AtomicU64; 3],
}

impl Meter {
    fn new(workers: usize) -> Self {
        Self { workers: workers as u32, nanoseconds: Default::default() }
    }

    fn add(&self, stage: usize, started: Instant) {
        let nanoseconds = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds[stage].fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn decode(&self, started: Instant) {
        self.add(0, started);
    }

    fn device(&self, started: Instant) {
        self.add(1, started);
    }

    fn encode(&self, started: Instant) {
        self.add(2, started);
    }

    fn read(&self) -> Busy {
        let of = |stage: usize| Duration::from_nanos(self.nanoseconds[stage].load(Ordering::Relaxed));
        Busy { decode: of(0) / self.workers, device: of(1), encode: of(2) / self.workers }
    }
}
