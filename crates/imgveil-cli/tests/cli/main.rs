//! The command as people run it: its words, its exit codes, and the files it leaves. One binary, because each one links
//! the whole command.

#[path = "../common/mod.rs"]
mod common;
mod runs;
mod sets;

mod attack;
mod audit;
mod bench;
mod check;
mod compat;
mod custom_schemes;
mod decrypt;
#[cfg(feature = "train")]
mod demo;
mod depth;
mod devices;
mod disk;
mod divisions;
mod encrypt_inputs;
mod encrypt_outputs;
mod encrypt_schemes;
mod evaluate;
mod find_text;
mod help;
mod hostile_names;
mod interruption;
mod keygen;
mod killed;
#[cfg(feature = "train")]
mod known_plaintext;
mod labels;
mod labels_told;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod limits_headers;
mod merge;
mod month;
mod own_keys;
mod passphrases;
mod preview;
mod privacy;
mod rekey;
mod retry;
mod round_trips;
mod schemes;
mod seals;
mod set_contents;
mod special_files;
mod strangers;
#[cfg(feature = "train")]
mod study;
mod tables;
#[cfg(feature = "train")]
mod train;
mod update;
mod update_cut;
mod verify;
