//! The face towards JavaScript. It converts, and decides nothing.

mod files;
mod jobs;
mod machine;
mod thrown;
mod tools;
