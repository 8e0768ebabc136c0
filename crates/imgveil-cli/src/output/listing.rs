//! Progress before anything can be counted: a folder is listed first, and a large one takes minutes.

use super::{INTERVAL, duration};
use indicatif::ProgressBar;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Says from time to time for how long files are listed, until it is dropped.
pub struct Listing {
    /// Dropping it ends the thread.
    _begun: Sender<()>,
}

impl Listing {
    /// On a terminal `bar` shows it every second. Otherwise a line that begins with `verb` is written after every
    /// [`INTERVAL`].
    pub fn new(verb: &'static str, bar: &ProgressBar, terminal: bool) -> Self {
        let (bar, interval) = (bar.clone(), if terminal { Duration::from_secs(1) } else { INTERVAL });
        Self::every(interval, move |elapsed| {
            let words = format!("{verb}: listing files, {}", duration(elapsed.as_secs_f64()));
            if terminal {
                bar.set_message(words);
                bar.tick();
            } else {
                let _ = writeln!(std::io::stderr(), "{words}");
            }
        })
    }

    fn every(interval: Duration, say: impl Fn(Duration) + Send + 'static) -> Self {
        let (begun, ended) = channel();
        let started = Instant::now();
        std::thread::spawn(move || {
            while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                say(started.elapsed());
            }
        });
        Self { _begun: begun }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_speaks_until_it_is_dropped() {
        let (said, heard) = channel();
        let listing = Listing::every(Duration::from_millis(1), move |elapsed| {
            let _ = said.send(elapsed);
        });
        let (first, second) = (heard.recv().unwrap(), heard.recv().unwrap());
        assert!(first < second);
        drop(listing);
        // The thread ends, and its sender with it.
        while heard.recv().is_ok() {}
    }
}
