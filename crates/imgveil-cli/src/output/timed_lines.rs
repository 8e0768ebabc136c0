//! Lines of progress where there is no terminal: one from time to time, so that a log shows that work goes on.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Without a terminal, a line is written this often.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// Says when the next line is due.
pub struct TimedLines {
    terminal: bool,
    told: Instant,
}

impl TimedLines {
    /// The first line is due after [`INTERVAL`].
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), told: Instant::now() }
    }

    /// Whether a line is due now. Never on a terminal, which shows a bar. If one is due, the next is due after
    /// [`INTERVAL`].
    pub fn due(&mut self) -> bool {
        let due = !self.terminal && self.told.elapsed() >= INTERVAL;
        if due {
            self.told = Instant::now();
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_after_the_interval_and_never_on_a_terminal() {
        let long_ago = Instant::now().checked_sub(INTERVAL);
        let Some(long_ago) = long_ago else { return };
        let mut lines = TimedLines { terminal: false, told: Instant::now() };
        assert!(!lines.due());
        lines.told = long_ago;
        assert!(lines.due());
        assert!(!lines.due());
        assert!(!TimedLines { terminal: true, told: long_ago }.due());
    }
}
