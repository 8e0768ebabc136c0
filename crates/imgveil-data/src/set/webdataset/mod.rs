//! WebDataset: images in shards, which are tar files such as `train-000000.tar`. A WebDataset sample is a run of
//! members with one key: `3f9a.png` with `3f9a.cls` (its class) or `3f9a.json`. An encrypted set is a folder of shards
//! with `imgveil.json`.

mod class;
mod keys;
mod member_name;
mod scan;
mod shard_list;
mod sink;
mod source;
mod told;
mod verify;

pub(super) use shard_list::{is_folder_of_shards, is_pattern};
pub use sink::{ShardPlace, ShardSink};
pub(super) use source::{encrypted, open};
