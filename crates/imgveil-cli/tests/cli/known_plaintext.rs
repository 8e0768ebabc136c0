//! The known-plaintext attack on `shuffle-flip`: with one key for all blocks, one image and its encryption are enough
//! to read every other image without the key.

use imgveil::internal::engine::{Device, ImageRef, Loaded};
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Options, Preset, compile};
use imgveil_cli::phantom::{PhantomClass, phantom};

const SIDE: usize = 128;
const BLOCK: usize = 4;

/// The sample of element `i` of block `b`: docs/SCHEDULE.md defines the order.
fn sample(b: usize, i: usize) -> usize {
    let columns = SIDE / BLOCK;
    (b / columns * BLOCK + i / BLOCK) * SIDE + b % columns * BLOCK + i % BLOCK
}

/// For each element of an encrypted block, the element of the plain block that it equals in all blocks, flipped or not.
fn read_off(plain: &[u8], encrypted: &[u8]) -> Vec<(usize, u8)> {
    let blocks = (SIDE / BLOCK) * (SIDE / BLOCK);
    let elements = BLOCK * BLOCK;
    let equals =
        |i: usize, j: usize, flip: u8| (0..blocks).all(|b| encrypted[sample(b, i)] == plain[sample(b, j)] ^ flip);
    let source = |i: usize| {
        let candidates = (0..elements).flat_map(|j| [(j, 0), (j, 255)]).filter(|&(j, flip)| equals(i, j, flip));
        let candidates: Vec<(usize, u8)> = candidates.collect();
        assert_eq!(candidates.len(), 1, "element {i}");
        candidates[0]
    };
    (0..elements).map(source).collect()
}

#[test]
fn one_plain_image_gives_away_a_key_that_all_blocks_share() {
    let geometry = Geometry::new(SIDE as u32, SIDE as u32, 1).unwrap();
    let scheme = Preset::ShuffleFlip.scheme(Options::default()).unwrap();
    let program = compile(&scheme, &Key::generate().unwrap(), geometry).unwrap();
    let encrypt = |plain: &[u8]| {
        let mut encrypted = vec![0; plain.len()];
        Loaded::new(&Device::cpu(), program.clone())
            .unwrap()
            .bytes(plain, &[ImageRef::new(0)], &mut encrypted)
            .unwrap();
        encrypted
    };
    let known = phantom(0, PhantomClass::Clear, SIDE);
    let table = read_off(&known, &encrypt(&known));
    for index in 1..10 {
        let secret = phantom(index, PhantomClass::Opacity, SIDE);
        let encrypted = encrypt(&secret);
        let mut read = vec![0; secret.len()];
        for b in 0..(SIDE / BLOCK) * (SIDE / BLOCK) {
            for (i, &(j, flip)) in table.iter().enumerate() {
                read[sample(b, j)] = encrypted[sample(b, i)] ^ flip;
            }
        }
        assert!(read == secret, "phantom {index}");
    }
}
